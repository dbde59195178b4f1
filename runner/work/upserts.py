"""`run --to-table`: outcomes are in a table of the user's a moment after they are settled.

At least once: however a run ended, the next one begins by writing all rows again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
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
        self._seen: int | None = None  # the last event that was looked at
        self._turn = threading.Lock()

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
            try:
                if await self._owed():
                    await self._write()
                    await self._outside.worked()
            except RunnerError as error:
                await self._outside.failed(error, usual=SECONDS)
            await clock.sleep_until(clock.monotonic() + self._outside.pause(SECONDS))

    async def finish(self, *, all_rows: bool) -> tuple[str, ...]:
        """Write what is left, or all rows once more; what to say if that fails. The batch is at its end.

        A write that was cut off ends first.
        """
        if all_rows:
            self._write_all()
        try:
            if await self._owed():
                await self._write()
        except RunnerError as error:
            return (unwritten_text(self._info, self._goal, error),)
        return ()

    async def _owed(self) -> bool:
        """Whether there is anything to write. A doubt that another terminal ended, or a failure that it sends again, is
        an outcome that changes without an answer: it is looked for, and stands in an event."""
        look = partial(self._tools.store.reports.decided, self._info.id, after=self._seen)
        try:
            self._seen, decided = await elsewhere(self._tools, look)
        except RunnerError:
            self._grown = True  # so that it is told when that is mended
            raise
        if decided:
            self._write_all()
        return self._all or bool(self._jobs) or self._grown

    def _write_all(self) -> None:
        self._all = True
        self._jobs.clear()

    async def _write(self) -> None:
        """What changed up to now; all of it is owed again if that fails, or is cut off."""
        jobs, everything, self._grown = self._jobs, self._all, False
        self._jobs, self._all = set(), False
        left = threading.Event()
        try:
            self._rows = await elsewhere(self._tools, partial(self._upsert, jobs, everything, left), leave=True)
        except BaseException:
            left.set()
            self._grown = True
            self._jobs |= jobs
            if everything or len(self._jobs) > MOST_JOBS:
                self._write_all()
            raise

    def _upsert(self, jobs: set[int], everything: bool, left: threading.Event) -> int:
        """The number of the last row that was there before anything was read. `left`: nobody waits for it any more.

        One at a time: what is left goes on until its next row, by a snapshot that the next one must not be undone by.
        """
        with self._turn:
            info = self._tools.store.reports.batch(self._info.id)
            announce(info, self._goal, self._tools)
            for shape in self._shapes(jobs, everything, info):
                if left.is_set():
                    break
                upsert(info, self._goal, shape, tools=self._tools, some=True, given_up=left.is_set)
        return info.rows

    def _shapes(self, jobs: set[int], everything: bool, info: BatchInfo) -> Iterator[Shape]:
        """The rows that changed, so many at a time."""
        if everything:
            yield Shape()
            return
        names = sorted(jobs)
        for start in range(0, len(names), AT_ONCE):
            yield Shape(jobs=names[start : start + AT_ONCE])
        if info.rows > self._rows:
            yield Shape(behind=self._rows)


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
    stored = f"the answers are stored: runner run {info.typed} writes them"
    return f"the table {goal.table} is not up to date: {why}; {stored}"
