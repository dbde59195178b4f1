"""A night in virtual time: the engine and the real store on a real file, with a scripted provider on the other side."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio

from runner.domain.model import BatchId, InDoubtPolicy
from runner.domain.provider import Provider
from runner.domain.states import BatchEvent, BatchState, JobState
from runner.engine.closing import Closing
from runner.engine.events import Event
from runner.engine.ports import RunOptions
from runner.engine.run import Accounts, LaneSetup, RunSummary, prepare
from runner.engine.stop import StopSignal
from runner.engine.tuning import Reread
from runner.store import open_store
from runner.store.store import Store
from runner.store.values import NewBatch, NewJob, NewRow, Wish
from tests.engine.scripted import OK, Door, Script, ScriptedTransport, Sent, provider
from tests.virtual import VirtualClock, run_virtual

RESEND = InDoubtPolicy.RESEND_ONCE


class SeededRandomness:
    """The randomness port from a seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def uniform(self) -> float:
        """A float in [0, 1)."""
        return self._random.random()

    def attempt_id(self) -> str:
        """Sixteen letters."""
        return "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz234567", k=16))


@dataclass(slots=True, kw_only=True)
class Night:
    """One batch on one file; `run` may be called again and again, as a person would."""

    path: Path
    values: int
    providers: tuple[Provider, ...] = field(default_factory=lambda: (provider(),))
    scripts: Mapping[str, Script] = field(default_factory=dict)  # by provider; else everything succeeds
    options: RunOptions = field(default_factory=RunOptions)
    doors: Mapping[str, Door] = field(default_factory=dict)  # by provider; else somebody is there
    latency: float = 0.2
    timeout: float = 0.0
    slow: Mapping[str, float] = field(default_factory=dict)  # by value
    transports: dict[str, ScriptedTransport] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    clock: VirtualClock = field(default_factory=VirtualClock)
    stop: StopSignal = field(default_factory=StopSignal)
    accounts: Accounts = field(default_factory=Accounts)  # of the last run
    one_account: str = ""  # that all providers are names of
    during: Callable[[Store], Any] | None = None  # runs beside the engine
    closing: Callable[[VirtualClock], Closing] = Closing  # made when a run begins
    reread: Reread | None = None  # what a person kept meanwhile
    _seed: int = 0

    def __post_init__(self) -> None:
        """Load the list."""

        async def load() -> None:
            with open_store(self.path, clock=self.clock, inline=True) as store:
                store.loading.load(
                    NewBatch(
                        name="leads",
                        source={},
                        header=("email",),
                        operations=tuple(f"{one.name}.email" for one in self.providers),
                        mapping={},
                        params={},
                        content_hash="",
                        settings={},
                    ),
                    self.rows(1, self.values),
                )

        run_virtual(load)

    def rows(self, first: int, last: int) -> list[NewRow]:
        """Rows `v1@example.com` and on."""
        return [
            NewRow(
                line=n + 1,
                cells=(f"v{n}",),
                key=None,
                entries=tuple(
                    NewJob(f"{one.name}.email", f"v{n}", f"v{n}", {"email": f"v{n}"}) for one in self.providers
                ),
            )
            for n in range(first, last + 1)
        ]

    def run(self, **options: Any) -> RunSummary:
        """One run, from start to end, in virtual time; the wall clock goes on from run to run."""

        async def main() -> RunSummary:
            with open_store(self.path, clock=self.clock, inline=True) as store:
                batch = store.reports.named("leads")
                assert batch is not None
                store.steering.recover(safe=())
                run = store.steering.start_run(pid=1, host="test", version="0", options={})
                store.steering.change(batch.id, BatchEvent.START, run=run)
                async with store.writing(), anyio.create_task_group() as group:
                    if self.during is not None:
                        group.start_soon(self.during, store)
                    summary = await self._engine(store, batch.id, run, replace(self.options, **options))
                    group.cancel_scope.cancel()
                queued = store.reports.status(batch.id).by_state
                ended = BatchEvent.PAUSE if queued[JobState.QUEUED] else BatchEvent.COMPLETE
                assert store.steering.change(batch.id, ended) in (BatchState.PAUSED, BatchState.COMPLETED)
                store.steering.end_run(run, exit_code=0)
            self.clock.shift_us += round(anyio.current_time() * 1e6)
            return summary

        return run_virtual(main)

    async def _engine(self, store: Store, batch: BatchId, run: Any, options: RunOptions) -> RunSummary:
        self._seed += 1
        self.stop, self.accounts = StopSignal(), Accounts()
        for one in self.providers:
            script = self.scripts.get(one.name, lambda sent: OK)
            self.transports[one.name] = ScriptedTransport(
                script, self.latency, self.slow, timeout=self.timeout, door=self.doors.get(one.name)
            )
        lanes = [
            LaneSetup(
                provider=one,
                operations=tuple(one.operations.values()),
                transport=self.transports[one.name],
                account=self.one_account or f"account of {one.name}",
            )
            for one in self.providers
        ]
        return await (
            await prepare(
                accounts=self.accounts,
                batch=batch,
                run=run,
                lanes=lanes,
                store=store.jobs,
                clock=self.clock,
                randomness=SeededRandomness(self._seed),
                options=options,
                observer=self.events.append,
                stop=self.stop,
                closing=self.closing(self.clock),
                reread=self.reread,
            )
        ).work()

    def sent(self, provider: str = "acme") -> list[Sent]:
        """What the provider saw in the last run."""
        return self.transports[provider].sent

    def states(self) -> Counter[str]:
        """Jobs by state, without zeros."""
        with open_store(self.path, clock=self.clock, inline=True) as store:
            batch = store.reports.named("leads")
            assert batch is not None
            return Counter({str(k): v for k, v in store.reports.status(batch.id).by_state.items() if v})

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the file itself, as a person with a viewer would."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(sql).fetchall()


def by_value(night: Night) -> Counter[str]:
    """How often each value was sent in the last run."""
    return Counter(sent.value for sent in night.sent())


def paused_after(seconds: float) -> Callable[[Store], Awaitable[None]]:
    """Beside the engine: `runner pause` in another terminal."""

    async def pause(store: Store) -> None:
        await anyio.sleep(seconds)
        store.steering.wish(store.reports.batches()[0].id, Wish.PAUSE)

    return pause
