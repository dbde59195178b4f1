"""The bars that a terminal shows while batches are worked on."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from runner.cli.progress import Tally, awaited_text, dry_text, lane_word, slept_text
from runner.cli.text import clean, local_time, moment, number, redact
from runner.domain.model import BatchId
from runner.engine.events import (
    AttemptClosed,
    BalanceLow,
    Event,
    LaneChanged,
    MachineSlept,
    PlaceTrouble,
    RowsAwaited,
    RunEnded,
    RunStarted,
    RunStopping,
    StoreTrouble,
)

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

MOST_BARS = 5
_DATABASE = "the database"  # among what is waited for, beside the providers
_MACHINE = "this machine"
_ROWS = "new rows"
_PLACES = {"source": "its list", "table": "its table"}
_TROUBLE = {
    "database-locked": "waiting for the database: another program holds it",
    "disk-full": "the disk is full",
    "no-reserve": "no room could be set aside on the disk",
}


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """A bar for each batch on the terminal, with the counts, and what is waited for."""

    def __init__(self, *tallies: Tally) -> None:
        self._tallies = tallies
        self._by_batch: dict[BatchId, Tally] = {}
        self._waiting: dict[Tally, dict[str, str]] = {tally: {} for tally in tallies}
        self._tasks: dict[Tally, TaskID] = {}
        self._began = False
        self._over: set[Tally] = set()
        self._bar: Bar | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Show the bars."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(file=sys.stderr),
            refresh_per_second=4,
        )
        self._bar = self._stack.enter_context(bar)
        for place, tally in enumerate(self._tallies):
            shown = place < MOST_BARS
            self._tasks[tally] = bar.add_task(tally.batch, total=tally.total, note="", visible=shown)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bars as they stand; of a run that was refused before it began there is nothing to leave."""
        try:
            if self._bar is not None and not self._began:
                for task in self._tasks.values():
                    self._bar.update(task, visible=False)
            self._stack.close()
        except OSError:  # the terminal is gone
            self._bar = None

    def __call__(self, event: Event) -> None:
        """Move the bar of the event's batch."""
        self._began = True
        tally = self._of(event)
        tally.take(event)
        if isinstance(event, AttemptClosed):
            self._waiting[tally].pop(_ROWS, None)
        elif isinstance(event, LaneChanged):
            self._note(tally, event)
        elif isinstance(event, RunStopping):
            self._waiting[tally] = {"": f"stopping, {event.in_flight} on the way"}
        elif isinstance(event, StoreTrouble):
            self._trouble(tally, event)
        elif isinstance(event, BalanceLow):
            self._waiting[tally][f"{event.provider}'s wallet"] = dry_text(event)
        elif isinstance(event, MachineSlept):
            self._waiting[tally][_MACHINE] = slept_text(event)
        elif isinstance(event, RowsAwaited):
            self._waiting[tally][_ROWS] = awaited_text(event)
        elif isinstance(event, PlaceTrouble):
            self._place(tally, event)
        elif isinstance(event, RunEnded):
            self._make_room(tally)
        self._draw(tally)

    def _of(self, event: Event) -> Tally:
        if isinstance(event, RunStarted):
            named = (tally for tally in self._tallies if tally.batch == event.name)
            self._by_batch[event.batch] = next(named, self._tallies[0])
        return self._by_batch.get(event.batch, self._tallies[0])

    def _make_room(self, ended: Tally) -> None:
        """More batches than bars: one that ended gives its place to one that is hidden."""
        if self._bar is None or len(self._tallies) <= MOST_BARS:
            return
        self._over.add(ended)
        self._bar.update(self._tasks[ended], visible=False)
        shown = {task.id for task in self._bar.tasks if task.visible}
        at_work = (self._tasks[tally] for tally in self._tallies if tally not in self._over)
        following = next((task for task in at_work if task not in shown), None)
        if following is not None and len(shown) < MOST_BARS:
            self._bar.update(following, visible=True)

    def _note(self, tally: Tally, event: LaneChanged) -> None:
        word = lane_word(event.state)
        if word in ("waiting", "halted"):
            until = f" until {moment(event.until_us)}" if event.until_us else ""
            why = f" ({clean(event.reason)})" if event.reason else ""
            self._waiting[tally][event.provider] = f"{event.provider} {word}{until}{why}"
        elif word == "sending" and event.slowed:
            self._waiting[tally][event.provider] = f"{event.provider} {event.rate}"
        else:
            self._waiting[tally].pop(event.provider, None)

    def _trouble(self, tally: Tally, event: StoreTrouble) -> None:
        self._waiting[tally].pop(_DATABASE, None)
        if event.reason in _TROUBLE:
            self._waiting[tally][_DATABASE] = _TROUBLE[event.reason]

    def _place(self, tally: Tally, event: PlaceTrouble) -> None:
        self._waiting[tally].pop(event.place, None)
        if event.message is not None:
            until = f", tried again at {local_time(event.until_us)[11:]}" if event.until_us else ""
            self._waiting[tally][event.place] = f"{_PLACES[event.place]}: {redact(event.message)}{until}"

    def _draw(self, tally: Tally) -> None:
        if self._bar is None:
            return
        counts = f"{number(tally.ended)} of {number(tally.total)} · {number(tally.charged)} charged"
        doubt = f" · {number(tally.in_doubt)} in doubt" if tally.in_doubt else ""
        waiting = "".join(f" · {text}" for text in self._waiting[tally].values())
        note = counts + doubt + waiting
        try:
            self._bar.update(self._tasks[tally], total=tally.total, completed=tally.ended, note=note)
        except OSError:  # the terminal is gone; the run is not
            self._bar = None
