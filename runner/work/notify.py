"""Tells whoever is not there: what happened to the batches of a run, each thing once, beside the work and never in it.

Nobody waits for it but the end of the run, and that not for long. What cannot be told is a notice and an event.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from runner.domain.model import BatchId, RunId
from runner.domain.occasions import Occasion
from runner.engine.events import Event, LaneChanged, RunStarted
from runner.engine.run import cause
from runner.engine.stop import StopSignal
from runner.errors import RunnerError
from runner.store.values import BatchInfo
from runner.work.ending import SIGNAL
from runner.work.means import PING, Means, Told
from runner.work.message import Message
from runner.work.news import News, mark_of, occasion_of
from runner.work.results import RunResult
from runner.work.standing import HALTED_LANE, standing
from runner.work.status import worst_exit
from runner.work.tools import Tools

T = TypeVar("T")

PING_SECONDS: Final = 300.0
"""Between two questions to the dead man's switch: let it speak up after ten minutes of silence, or more."""

LAST_SECONDS: Final = 60.0
HURRIED_SECONDS: Final = 10.0
"""How long the end of a run waits for what is still to be told; and where a signal asked it to stop."""

AT_ONCE: Final = 4
RESTS: Final = frozenset({HALTED_LANE, "parked", "done"})
WELL: Final = frozenset({0, 3, 5, 6})
"""Exit codes after which a dead man's switch has nothing to say: nobody needs to act, or a limit of yours was kept."""


class Notifier:
    """An observer of a run; it is told how each batch ended, too. Without means it does nothing."""

    def __init__(self, tools: Tools, told: Told, infos: Mapping[BatchId, BatchInfo], stop: StopSignal) -> None:
        self._tools = tools
        self._told = told
        self._infos = infos
        self._stop = stop
        self._wanted = frozenset(tools.settings.notify.on)
        self._lanes: dict[BatchId, dict[str, str]] = {}  # of batches at work: the states of their lanes
        self._halted: set[BatchId] = set()  # a halt of theirs was told while others went on
        self._ended: dict[BatchId, int] = {}  # exit codes
        self._pending: dict[int, News | None] = {}  # what is being told; None: the switch is asked
        self._begun = 0
        self._idle = anyio.Event()
        self._few = anyio.CapacityLimiter(AT_ONCE)
        self._in_turn = anyio.Lock()  # a start that overtook an end would be taken for a run that died
        self._group: anyio.abc.TaskGroup | None = None
        self._notices = list(told.notices)
        self._quiet_switch = False

    @property
    def notices(self) -> tuple[str, ...]:
        """For people: what nobody was told, and why."""
        return tuple(dict.fromkeys(self._notices))

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """While inside, news is told beside the work; leaving waits for what is not told yet, within a bound."""
        if not self._told:
            yield
            return
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                yield
                await self._rest()
                self._group = None
                group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            raise cause(errors) from errors

    # --- what happens ------------------------------------------------------------------------------------------------

    def __call__(self, event: Event) -> None:
        """Take one event of the run; nothing is waited for."""
        if self._group is None:
            return
        if isinstance(event, RunStarted):
            self._started(event)
        elif isinstance(event, LaneChanged):
            self._lane(event)

    def ended(self, batch: BatchId, result: RunResult) -> None:
        """Nothing more happens to a batch in this run."""
        self._ended[batch] = result.exit_code
        self._lanes.pop(batch, None)
        occasion = occasion_of(result.status, told=batch in self._halted)
        if result.run is None or occasion is None:  # it was left as it was, or a person stopped it
            return
        halts = result.status.halts
        provider = halts[0].provider if occasion is Occasion.HALT and halts else None
        self._tell(
            News(
                occasion=occasion,
                batch=batch,
                provider=provider,
                reason=result.status.reason,
                run=RunId(result.run),
                status=result.status,
            )
        )

    def over(self, error: Exception | None) -> None:
        """The run is over: `error` ended it, if something did. The dead man's switch is told so."""
        began = bool(self._lanes) or bool(self._ended)
        if error is not None:
            for batch in self._lanes:
                what = error.what if isinstance(error, RunnerError) else f"unexpected {type(error).__name__}"
                reason = error.code if isinstance(error, RunnerError) else "unexpected"
                self._tell(News(occasion=Occasion.HALT, batch=batch, reason=reason, error=what))
        if began:
            code = worst_exit(self._ended.values()) if error is None else 1
            self._ping("" if code in WELL else "fail")

    def _started(self, event: RunStarted) -> None:
        if not self._lanes and not self._ended:
            self._ping("start")
            if self._group is not None and self._told.switch is not None:
                self._group.start_soon(self._beat)
        self._lanes[event.batch] = dict.fromkeys(event.providers, "open")

    def _lane(self, event: LaneChanged) -> None:
        lanes = self._lanes.setdefault(event.batch, {})
        before = lanes.get(event.provider)
        lanes[event.provider] = event.state
        others = any(state not in RESTS for name, state in lanes.items() if name != event.provider)
        if event.state == HALTED_LANE != before and others:  # alone, it ends the batch in a moment
            self._halted.add(event.batch)
            self._tell(News(occasion=Occasion.HALT, batch=event.batch, provider=event.provider, reason=event.reason))

    # --- telling -----------------------------------------------------------------------------------------------------

    def _tell(self, news: News) -> None:
        if self._group is not None and self._told.means and news.occasion in self._wanted:
            self._begin(news, partial(self._deliver, news))

    def _ping(self, ending: str) -> None:
        if self._group is not None and self._told.switch is not None:
            self._begin(None, partial(self._ask, ending))

    def _begin(self, what: News | None, work: Callable[[], Awaitable[None]]) -> None:
        if self._group is not None:
            self._begun += 1
            self._pending[self._begun] = what
            self._group.start_soon(self._see_to, self._begun, work)

    async def _see_to(self, mine: int, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # whatever it is: the run is not to know
            why = error.what if isinstance(error, RunnerError) else type(error).__name__
            self._notices.append(f"nobody was told: {why}")
        finally:
            del self._pending[mine]
            if not self._pending:
                self._idle.set()
                self._idle = anyio.Event()

    async def _deliver(self, news: News) -> None:
        """Look whether it is news, tell everybody at once, and keep who was told."""
        async with self._few:
            news = await self._aside(partial(self._looked, news))
            mark = mark_of(news)
            tellings = self._tools.store.tellings
            last = await self._aside(partial(tellings.last, news.occasion, batch=news.batch))
            if mark is not None and last is not None and all(last.get(key) == value for key, value in mark.items()):
                return
            message, whys = self._message(news), dict[str, str | None]()

            async def tell(means: Means) -> None:
                whys[means.name] = await means.tell(message)

            async with anyio.create_task_group() as group:
                for means in self._told.means:
                    group.start_soon(tell, means)
            for name, why in whys.items():
                if why is not None:
                    await self._failed(name, why, news)
            if heard := sorted(name for name, why in whys.items() if why is None):
                keep = partial(tellings.told, news.occasion, mark or {}, means=", ".join(heard))
                await self._aside(partial(keep, run=news.run, batch=news.batch))

    async def _failed(self, name: str, why: str, news: News | None = None) -> None:
        """Nobody was told by this means: a line and an event."""
        self._notices.append(f"nobody was told by {name}: {why}")
        occasion, run, batch = (None, None, None) if news is None else (news.occasion, news.run, news.batch)
        failed = self._tools.store.tellings.failed
        await self._aside(partial(failed, occasion, means=name, why=why, run=run, batch=batch))

    def _message(self, news: News) -> Message:
        return Message(
            id=self._tools.seams.randomness.attempt_id(),
            occasion=news.occasion,
            at_us=self._tools.clock.now_us(),
            batch=self._infos[news.batch].name,
            run=news.run,
            provider=news.provider,
            reason=news.reason,
            status=news.status,
            low=news.low,
            error=news.error,
        )

    def _looked(self, news: News) -> News:
        """With how the batch stands, and the run at work on it, where the database can say so."""
        if news.status is not None:
            return news
        tools = self._tools
        try:
            status = standing(
                tools.store.reports.batch(news.batch),
                store=tools.store,
                profiles=tools.profiles,
                prices=tools.prices,
                now_us=tools.clock.now_us(),
                flags=tools.settings.typed,
            )
            run = tools.store.reports.status(news.batch).run
        except RunnerError:  # what ended the run is told all the same
            return news
        return replace(news, status=status, run=None if run is None else RunId(run))

    async def _ask(self, ending: str) -> None:
        switch = self._told.switch
        async with self._in_turn:
            why = None if switch is None else await switch.ping(ending)
            if why is not None and not self._quiet_switch:
                self._quiet_switch = True  # an hour of it is no more news than a minute
                await self._failed(PING, why)

    async def _beat(self) -> None:
        clock = self._tools.clock
        while True:
            await clock.sleep_until(clock.monotonic() + PING_SECONDS)
            self._ping("")

    async def _rest(self) -> None:
        """Wait for what is still being told, but not for ever."""
        hurried = (self._stop.reason or "").startswith(SIGNAL)
        seconds = HURRIED_SECONDS if hurried else LAST_SECONDS
        with anyio.move_on_after(seconds):
            while self._pending:
                await self._idle.wait()
        for late in tuple(self._pending.values()):
            means = PING if late is None else ", ".join(one.name for one in self._told.means)
            await self._failed(means, f"it took longer than {seconds:g} s", late)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Virtual time knows no threads; a real loop has the run to serve while the database is asked."""
        return work() if self._tools.seams.inline_writes else await anyio.to_thread.run_sync(work)
