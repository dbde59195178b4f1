"""`run --to-table`: outcomes are in a table of the user's a moment after they are settled.

At least once: however a run ended, the next one begins by writing all rows again.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from runner.domain.model import RunId
from runner.domain.states import JobEvent
from runner.engine.events import AttemptClosed, Event, RowsAdded
from runner.engine.ports import Observer
from runner.errors import RunnerError
from runner.store.values import BatchInfo
from runner.work.outside import Outside, elsewhere
from runner.work.shape import Shape
from runner.work.tables import Goal, announce, upsert
from runner.work.tools import Tools

SECONDS: Final = 1.0
"""So late an outcome is written: meanwhile others come to be in the same transaction."""

MOST_JOBS: Final = 10_000
"""So many outcomes wait by their names; of more it is only known that all rows have to be written again."""

AT_ONCE: Final = 1_000
"""Outcomes whose rows are read at a time."""

_ENDED: Final = frozenset({JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT})


class Upserts:
    """Keeps one table up to date with one batch at work; an observer that passes on what it is told."""

    def __init__(self, tools: Tools, info: BatchInfo, goal: Goal, *, run: RunId, observer: Observer) -> None:
        self._tools = tools
        self._info = info
        self._goal = goal
        self._observer = observer
        self._outside = Outside(tools, batch=info.id, run=run, place="table", observer=observer)
        self._jobs: set[int] = set()
        self._grown = False  # there are rows behind `_rows`
        self._rows = info.rows
        self._all = True

    def __call__(self, event: Event) -> None:
        """Remember what it changes."""
        if isinstance(event, AttemptClosed) and event.event in _ENDED and not self._all:
            self._jobs.add(event.job)
            if len(self._jobs) > MOST_JOBS:
                self._write_all()
        elif isinstance(event, RowsAdded):
            self._grown = True
        self._observer(event)

    async def keep_up(self) -> None:
        """Until it is cancelled. A table that cannot be written ends nothing: it is told, and tried again."""
        clock = self._tools.clock
        while True:
            if self._all or self._jobs or self._grown:
                try:
                    await self._write()
                    await self._outside.worked()
                except RunnerError as error:
                    await self._outside.failed(error, usual=SECONDS)
            await clock.sleep_until(clock.monotonic() + self._outside.pause(SECONDS))

    async def finish(self, *, all_rows: bool) -> tuple[str, ...]:
        """Write what is left, or all rows once more; what to say if that fails. The batch is at its end."""
        if all_rows:
            self._write_all()
        if not (self._all or self._jobs or self._grown):
            return ()
        try:
            await self._write()
        except RunnerError as error:
            return (unwritten_text(self._info, self._goal, error),)
        return ()

    def _write_all(self) -> None:
        self._all = True
        self._jobs.clear()

    async def _write(self) -> None:
        """What changed up to now; all of it is owed again if that fails, or is cut off."""
        jobs, everything, self._grown = self._jobs, self._all, False
        self._jobs, self._all = set(), False
        try:
            self._rows = await elsewhere(self._tools, partial(self._upsert, jobs, everything), leave=True)
        except BaseException:
            self._grown = True
            self._jobs |= jobs
            if everything or len(self._jobs) > MOST_JOBS:
                self._write_all()
            raise

    def _upsert(self, jobs: set[int], everything: bool) -> int:
        """The number of the last row that was there before anything was read."""
        tools, goal = self._tools, self._goal
        info = tools.store.reports.batch(self._info.id)
        announce(info, goal, tools)
        if everything:
            upsert(info, goal, Shape(), tools=tools, some=True)
            return info.rows
        names = sorted(jobs)
        for start in range(0, len(names), AT_ONCE):
            upsert(info, goal, Shape(jobs=names[start : start + AT_ONCE]), tools=tools, some=True)
        if info.rows > self._rows:
            upsert(info, goal, Shape(behind=self._rows), tools=tools, some=True)
        return info.rows


def write_all(tools: Tools, info: BatchInfo, goal: Goal) -> tuple[str, ...]:
    """All rows, of a batch of which nothing is sent now: its last run may have been cut off, or its table away. What to
    say if that fails."""
    try:
        announce(info, goal, tools)
        upsert(info, goal, Shape(), tools=tools, some=True)
    except RunnerError as error:
        return (unwritten_text(info, goal, error),)
    return ()


def unwritten_text(info: BatchInfo, goal: Goal, error: RunnerError) -> str:
    """Paid answers are stored all the same."""
    why = f"{error.what} ({error.why.rstrip('.')})"
    stored = f"the answers are stored: runner run {info.name} writes them"
    return f"the table {goal.table} is not up to date: {why}; {stored}"
