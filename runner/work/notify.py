"""Tells whoever is not there: what happened to the batches of a run, each thing once, beside the work and never in it.

Nobody waits for it but the end of the run, and that not for long. What cannot be told is a notice and an event.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Final

import anyio

from runner.domain.model import BatchId, RunId
from runner.domain.occasions import Occasion
from runner.engine.events import AttemptClosed, BalanceLow, Event, LaneChanged, RunStarted
from runner.engine.run import cause
from runner.engine.stop import StopSignal
from runner.errors import RunnerError
from runner.store.values import BatchInfo
from runner.work.courier import Courier
from runner.work.ending import SIGNAL
from runner.work.low_balance import BELOW, DRY, Wallets
from runner.work.means import Told
from runner.work.message import Low
from runner.work.news import News, occasion_of
from runner.work.results import RunResult
from runner.work.standing import HALTED_LANE
from runner.work.status import worst_exit
from runner.work.tools import Tools

PING_SECONDS: Final = 300.0
"""Between two questions to the dead man's switch: let it speak up after ten minutes of silence, or more."""

LAST_SECONDS: Final = 60.0
HURRIED_SECONDS: Final = 10.0
"""How long the end of a run waits for what is still to be told; and where a signal asked it to stop."""

RESTS: Final = frozenset({HALTED_LANE, "parked", "done"})
WELL: Final = frozenset({0, 3, 5, 6})
"""Exit codes after which a dead man's switch has nothing to say: nobody needs to act, or a limit of yours was kept."""


class Notifier:
    """An observer of a run; it is told how each batch ended, too. Without means it does nothing."""

    def __init__(self, tools: Tools, told: Told, infos: Mapping[BatchId, BatchInfo], stop: StopSignal) -> None:
        self._tools = tools
        self._told = told
        self._courier = Courier(tools, told, infos)
        self._stop = stop
        self._wanted = frozenset(tools.settings.notify.on)
        self._lanes: dict[BatchId, dict[str, str]] = {}  # of batches at work: the states of their lanes
        self._halted: dict[BatchId, set[str]] = {}  # providers whose halt was told while others went on
        self._ended: dict[BatchId, int] = {}  # exit codes
        self._at_work = False
        self._pending: dict[int, News | None] = {}  # what is being told; None: the switch is asked
        self._begun = 0
        self._idle = anyio.Event()
        self._group: anyio.abc.TaskGroup | None = None
        self._wallets = Wallets(tools.settings.notify.low_amounts(), tools.store.tellings)
        self._watches = bool(told.means) and Occasion.LOW_BALANCE in self._wanted

    @property
    def notices(self) -> tuple[str, ...]:
        """For people: what nobody was told, and why."""
        return tuple(dict.fromkeys(self._courier.notices))

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
        elif isinstance(event, AttemptClosed) and event.balance is not None and self._watches:
            self._balance(event)
        elif isinstance(event, BalanceLow) and self._watches:
            self._low(event.batch, self._wallets.dry(event))

    def ended(self, batch: BatchId, result: RunResult) -> None:
        """Nothing more happens to a batch in this run."""
        self._ended[batch] = result.exit_code
        self._lanes.pop(batch, None)
        status, told = result.status, self._halted.get(batch, set())
        halts = [one for one in status.halts if one.provider not in told]
        # Who wants no halts, and was told of none, hears of the last one as of the end.
        occasion = occasion_of(status, told=bool(told) and not (halts and Occasion.HALT in self._wanted))
        if result.run is None or occasion is None:  # it was left as it was, or a person stopped it
            return
        news = News(occasion=occasion, batch=batch, reason=status.reason, run=RunId(result.run), status=status)
        if occasion is not Occasion.HALT or not halts:
            self._tell(news)
            return
        for halt in halts:
            self._tell(replace(news, provider=halt.provider, reason=halt.reason))

    def over(self, error: Exception | None) -> None:
        """The run is over: `error` ended it, if something did. The dead man's switch is told so."""
        if error is not None:
            for batch in self._lanes:
                what = error.what if isinstance(error, RunnerError) else f"unexpected {type(error).__name__}"
                reason = error.code if isinstance(error, RunnerError) else "unexpected"
                self._tell(News(occasion=Occasion.HALT, batch=batch, reason=reason, error=what))
        if self._at_work or self._ended:  # else it was refused before it began: the switch stays silent, as it was
            code = worst_exit(self._ended.values()) if error is None else 1
            self._ping("" if code in WELL else "fail")

    def _started(self, event: RunStarted) -> None:
        if not self._at_work:
            self._at_work = True
            self._ping("start")
            if self._group is not None and self._told.switch is not None:
                self._group.start_soon(self._beat)
        self._lanes[event.batch] = dict.fromkeys(event.providers, "open")
        for provider in event.providers if self._watches else ():
            with suppress(RunnerError):  # nothing is known of earlier runs: told once more
                self._wallets.begin(provider)

    def _lane(self, event: LaneChanged) -> None:
        lanes = self._lanes.setdefault(event.batch, {})
        before = lanes.get(event.provider)
        lanes[event.provider] = event.state
        others = any(state not in RESTS for name, state in lanes.items() if name != event.provider)
        if event.state == HALTED_LANE != before and others:  # alone, it ends the batch in a moment
            self._halted.setdefault(event.batch, set()).add(event.provider)
            self._tell(News(occasion=Occasion.HALT, batch=event.batch, provider=event.provider, reason=event.reason))

    def _balance(self, event: AttemptClosed) -> None:
        for reason in self._wallets.filled(event):
            self._begin(None, partial(self._courier.over, reason, event.provider))
        self._low(event.batch, self._wallets.stated(event))

    def _low(self, batch: BatchId, low: Low | None) -> None:
        if low is not None:
            reason = DRY if low.below is None else BELOW
            occasion = Occasion.LOW_BALANCE
            self._tell(News(occasion=occasion, batch=batch, provider=low.provider, reason=reason, low=low))

    # --- telling -----------------------------------------------------------------------------------------------------

    def _tell(self, news: News) -> None:
        if self._group is not None and self._told.means and news.occasion in self._wanted:
            self._begin(news, partial(self._courier.deliver, news))

    def _ping(self, ending: str) -> None:
        if self._group is not None and self._told.switch is not None:
            self._begin(None, partial(self._courier.ask, ending))

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
            self._courier.notices.append(f"nobody was told: {why}")
        finally:
            del self._pending[mine]
            if not self._pending:
                self._idle.set()
                self._idle = anyio.Event()

    async def _beat(self) -> None:
        clock = self._tools.clock
        while True:
            await clock.sleep_until(clock.monotonic() + PING_SECONDS)
            self._ping("")

    async def _rest(self) -> None:
        """Wait for what is still being told, but not for ever."""
        begun = anyio.current_time()
        with anyio.move_on_after(self._patience()) as scope:

            def hurry() -> None:
                scope.deadline = min(scope.deadline, anyio.current_time() + self._patience())

            undo = self._stop.listen(hurry)
            try:
                while self._pending:
                    await self._idle.wait()
            finally:
                undo()
        for late in tuple(self._pending.values()):
            await self._courier.late(late, anyio.current_time() - begun)

    def _patience(self) -> float:
        return HURRIED_SECONDS if (self._stop.reason or "").startswith(SIGNAL) else LAST_SECONDS
