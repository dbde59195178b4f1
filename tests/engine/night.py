"""A night in virtual time: the engine and the real store on a real file, with a scripted provider on the other side."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio

from runner.domain.model import Action, Amount, Answer, BatchId, Debited, Fault, InDoubtPolicy, Request
from runner.domain.provider import Auth, Condition, Http, Limit, Operation, Provider, Retry, Rule
from runner.domain.states import BatchEvent, BatchState, JobState
from runner.engine.closing import Closing
from runner.engine.events import Event
from runner.engine.ports import RunOptions, UnsendableError
from runner.engine.run import Accounts, LaneSetup, RunSummary, prepare
from runner.engine.stop import StopSignal
from runner.engine.tuning import Reread
from runner.engine.wire import Arrived, unheard
from runner.store import open_store
from runner.store.store import Store
from runner.store.values import NewBatch, NewJob, NewRow
from tests.virtual import VirtualClock, run_virtual

CHECK = Amount(1_000_000)

OK = Answer(status=200, body=b'{"ok": true, "score": 7}')
BUSY = Answer(status=200, body=b'{"ok": false, "error": "busy"}')
BAD_ROW = Answer(status=200, body=b'{"ok": false, "error": "bad"}')
BROKE = Answer(status=200, body=b'{"ok": false, "error": "broke", "message": "top up"}')
WRONG = Answer(status=404, body=b"{}")
LATER = Answer(status=429, body=b"{}")
DOWN = Answer(status=503, body=b"<html>")
GARBAGE = Answer(status=200, body=b"<html>")
LOST = Answer(fault=Fault.NO_ANSWER)
REFUSED = Answer(fault=Fault.NOT_SENT)


def operation(provider: str, name: str, **more: Any) -> Operation:
    """A paid POST."""
    return Operation(
        provider=provider,
        name=name,
        column_prefix=f"{provider}_{name}_",
        method="POST",
        path="/check",
        inputs=(),
        price=CHECK,
        unit="check",
        columns={"score": lambda body: body["score"]},
        **more,
    )


def rule(name: str, then: Action, debited: Debited = Debited.NO, *, when: Condition, **more: Any) -> Rule:
    """A rule with one condition."""
    return Rule(name=name, when=(when,), then=then, debited=debited, **more)


RULES = (
    rule("ok", Action.SUCCEED, Debited.YES, when=Condition(equals={"ok": True})),
    rule("broke", Action.HALT, when=Condition(code=("broke",)), advice="Top up."),
    rule("busy", Action.RETRY, when=Condition(code=("busy",))),
    rule("bad", Action.FAIL, when=Condition(code=("bad",))),
    rule("wrong-shape", Action.FAIL, when=Condition(statuses=frozenset({404})), unproven_halt=True),
    rule("later", Action.PAUSE, when=Condition(statuses=frozenset({429})), wait_seconds=60),
    rule("down", Action.RETRY, Debited.UNKNOWN, when=Condition(status_classes=frozenset({5}))),
    rule("not-sent", Action.RETRY, when=Condition(faults=frozenset({Fault.NOT_SENT}))),
    rule("invalid", Action.HALT, when=Condition(faults=frozenset({Fault.INVALID}))),
    rule("no-answer", Action.RETRY, Debited.UNKNOWN, when=Condition(faults=frozenset({Fault.NO_ANSWER}))),
    rule("odd", Action.FAIL, Debited.UNKNOWN, when=Condition()),
)


def provider(name: str = "acme", *, in_flight: int = 8, limits: tuple[Limit, ...] = (), safe: bool = False) -> Provider:
    """A provider whose every answer above has a rule."""
    return Provider(
        name=name,
        title=name.title(),
        http=Http(
            base_url="http://127.0.0.1:1",
            auth=Auth(kind="none"),
            error_code="error",
            error_message="message",
        ),
        operations={"email": operation(name, "email", safe=safe)},
        rules=RULES,
        limits=limits,
        in_flight=in_flight,
        retry=Retry(attempts=4, base_seconds=1, cap_seconds=8),
    )


def changed(*rules: Rule, **more: Any) -> Provider:
    """The provider above, with rules of its own before the others, or in place of those of the same name."""
    base = provider(**more)
    names = {one.name for one in rules}
    return replace(base, rules=(*rules, *(one for one in base.rules if one.name not in names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as the provider saw it."""

    at: float
    value: str
    client_request_id: str


Script = Callable[[Sent], Answer]
Door = Callable[[float], str | None]


@dataclass(slots=True)
class ScriptedTransport:
    """The transport port with a function on the other side; every request takes `latency` seconds."""

    script: Script
    latency: float = 0.2
    slow: Mapping[str, float] = field(default_factory=dict)  # seconds more before the answer to a value
    timeout: float = 0.0  # how long an answer that never comes is waited for
    sent: list[Sent] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    forgotten: list[float] = field(default_factory=list)  # when idle connections were to be dropped
    door: Door | None = None  # whether somebody is there, at a time; else somebody always is
    knocks: list[float] = field(default_factory=list)

    def prepare(self, operation: Operation, params: Mapping[str, str], *, attempt_id: str) -> Request:
        """The value travels in the body."""
        if params["email"] == "unsendable":
            raise UnsendableError("a header may not hold a line break")
        return Request(
            method=operation.method,
            url="http://127.0.0.1:1/check",
            path=operation.path,
            headers=(),
            body=json.dumps(dict(params)).encode(),
            client_request_id=attempt_id,
        )

    async def send(self, request: Request, *, arrived: Arrived = unheard) -> Answer:
        """Ask the script half-way through the latency: there the request has arrived."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await anyio.sleep(self.latency / 2)
        sent = Sent(
            at=anyio.current_time(),
            value=json.loads(request.body)["email"],
            client_request_id=request.client_request_id,
        )
        self.sent.append(sent)
        arrived()
        answer = self.script(sent)
        vanished = self.timeout if answer.fault is Fault.NO_ANSWER else 0.0
        await anyio.sleep(self.latency / 2 + self.slow.get(sent.value, 0.0) + vanished)
        self.in_flight -= 1
        return answer

    def forget_idle(self) -> None:
        """Remember when."""
        self.forgotten.append(anyio.current_time())

    async def knock(self) -> str | None:
        """Ask the door; what it says takes as long as an answer."""
        self.knocks.append(anyio.current_time())
        said = None if self.door is None else self.door(self.knocks[-1])
        await anyio.sleep(self.latency)
        return said

    async def aclose(self) -> None:
        """Nothing to close."""


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


RESEND = InDoubtPolicy.RESEND_ONCE
