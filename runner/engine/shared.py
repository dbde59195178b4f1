"""What all lanes of one batch have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.domain.ledger import Budget
from runner.domain.model import BatchId, Job, RunId
from runner.engine.events import RowsAwaited
from runner.engine.faultpoints import FaultPoint, no_fault
from runner.engine.ports import JobStore, Observer, Randomness, RunOptions
from runner.engine.realtime import RealTime
from runner.engine.stop import StopSignal
from runner.engine.streaks import Streaks
from runner.engine.waiting import Pending

if TYPE_CHECKING:
    from runner.engine.lane import Lane


@dataclass(slots=True, kw_only=True)
class Shared:
    """One batch at work: what it is, what it works with, how it stands."""

    run: RunId
    batch: BatchId
    name: str
    store: JobStore
    asked: Pending  # what the store has not answered yet
    clock: RealTime
    randomness: Randomness
    options: RunOptions
    budget: Budget
    stop: StopSignal
    observer: Observer
    fault_point: FaultPoint = no_fault
    proven: set[str] = field(default_factory=set)  # operations with a success in the batch
    opened: set[int] = field(default_factory=set)  # jobs, kept only where --limit counts them
    streaks: Streaks = field(default_factory=Streaks)
    lanes: list[Lane] = field(default_factory=list)
    awaits_rows: bool = False  # with `--follow`: everything is settled, and that was told

    def finish_when_idle(self) -> None:
        """A lane without work waits for more as long as another lane works; then all are done together. With `--follow`
        they wait on, unless one of them is over: it would leave its part of what comes for good."""
        if not all(lane.idle or lane.closed is not None for lane in self.lanes):
            return
        if self.options.follow and all(lane.closed is None for lane in self.lanes):
            self._await_rows()
            return
        for lane in self.lanes:
            lane.finish()

    def _await_rows(self) -> None:
        if not self.awaits_rows:
            self.awaits_rows = True
            self.observer(RowsAwaited(batch=self.batch, at_us=self.clock.now_us()))

    def taken_up(self) -> None:
        """Something is sent again."""
        self.awaits_rows = False

    def limit_reached(self, job: Job) -> bool:
        """Whether `--limit` has no room for this job."""
        limit = self.options.limit
        return limit is not None and job.id not in self.opened and len(self.opened) >= limit
