"""A place outside of runner's database that a run comes back to: told once when it fails, once when it is mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import anyio.to_thread

from runner.domain.model import BatchId, RunId
from runner.domain.personal import redact
from runner.engine.events import PlaceTrouble
from runner.engine.ports import Observer
from runner.errors import RunnerError
from runner.work.tools import Tools

T = TypeVar("T")

LONGEST_SECONDS: Final = 300.0
"""So long at most a place that fails is left alone, unless it is visited less often anyhow."""


class Outside:
    """One place of one batch at work: `source`, the list that is followed; `table`, where its rows are written."""

    def __init__(self, tools: Tools, *, batch: BatchId, run: RunId, place: str, observer: Observer) -> None:
        self._tools = tools
        self._batch = batch
        self._run = run
        self._place = place
        self._observer = observer
        self._failures = 0  # in a row
        self._told = False

    def pause(self, usual: float) -> float:
        """Seconds until the next visit: longer each time it fails, and never less than usual."""
        return max(usual, min(usual * 2.0**self._failures, LONGEST_SECONDS))

    async def failed(self, error: RunnerError, *, usual: float) -> None:
        """It could not be used at all; the next visit is after `pause`."""
        self._failures = min(self._failures + 1, 20)
        await self._tell_once(error, usual)

    async def troubled(self, error: RunnerError, *, usual: float) -> None:
        """It could be used, but something is wrong there that a person has to mend."""
        self._failures = 0
        await self._tell_once(error, usual)

    async def worked(self) -> None:
        """Nothing is wrong there."""
        self._failures = 0
        if self._told:
            self._told = False
            await self._tell("mended", None, None)

    async def _tell_once(self, error: RunnerError, usual: float) -> None:
        if not self._told:
            self._told = True
            why = redact(f"{error.what} ({error.why.rstrip('.')})")
            await self._tell("trouble", why, self._tools.clock.now_us() + round(self.pause(usual) * 1e6))

    async def _tell(self, what: str, why: str | None, until_us: int | None) -> None:
        at_us = self._tools.clock.now_us()
        await self._tools.store.jobs.record(
            at_us=at_us,
            run=self._run,
            batch=self._batch,
            lane=None,
            event=f"{self._place}.{what}",
            detail={} if why is None else {"why": why},
        )
        self._observer(PlaceTrouble(batch=self._batch, at_us=at_us, place=self._place, message=why, until_us=until_us))


async def elsewhere(tools: Tools, act: Callable[[], T], *, leave: bool = False) -> T:
    """Do it where it keeps no request waiting. `leave`: whoever is cancelled need not wait for its end.

    Virtual time knows no threads.
    """
    if tools.seams.inline_writes:
        return act()
    return await anyio.to_thread.run_sync(act, abandon_on_cancel=leave)
