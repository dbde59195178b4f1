"""What people and runs decide about batches: wishes, runs, recovery, requeues and doubts. Each is an event on record.

Every method is one short transaction of its own and may run beside a run at work.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from runner.domain.model import BatchId, Resolution, RunId
from runner.domain.states import BatchEvent, BatchState
from runner.engine.ports import Clock
from runner.store.database import Database
from runner.store.values import Recovered, Wish


class Steering:
    """Decisions. Times come from the store's clock."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def start_run(self, *, pid: int, host: str, version: str, options: Mapping[str, Any]) -> RunId:
        """Record that a process begins to work. `options` holds no secret. The caller holds the database lock."""
        raise NotImplementedError

    def end_run(self, run: RunId, *, exit_code: int) -> None:
        """Record its end. Whatever it still owned is left to recovery."""
        raise NotImplementedError

    def recover(self, *, safe: Collection[str]) -> list[Recovered]:
        """Bury the runs that never ended: call it under the database lock, before `start_run`.

        Their open attempts are closed as `no-answer` at min(opened + timeout, now) and their jobs are in doubt, or, for
        the operations in `safe`, queued again; other running jobs are queued again; running batches are paused
        (`interrupted`).
        """
        raise NotImplementedError

    def change(
        self,
        batch: BatchId,
        event: BatchEvent,
        *,
        run: RunId | None = None,
        reason: str | None = None,
        resume_at_us: int | None = None,
    ) -> BatchState:
        """Move a batch along one edge of its table and return the new state; BatchError if there is no such edge.

        `start` and the ends of a run clear `requested_state`. `complete` is refused while a visible job is queued or
        running. `cancel` cancels the queued jobs.
        """
        raise NotImplementedError

    def wish(self, batch: BatchId, wish: Wish) -> None:
        """Ask the run at work to pause or cancel the batch: it looks once a second."""
        raise NotImplementedError

    def resume(self, batch: BatchId) -> None:
        """Withdraw a wish, and lift a person's pause (reason `resumed`), so that the next run continues."""
        raise NotImplementedError

    def retry(self, batch: BatchId, *, rule: str | None = None) -> int:
        """Queue failed jobs, final ones too, with fresh attempts; of one reason only if `rule` is given."""
        raise NotImplementedError

    def requeue_unfinished(self, batch: BatchId) -> int:
        """Queue the failures that are not final again, with fresh attempts: the same command on a completed batch."""
        raise NotImplementedError

    def release_doubts(self, batch: BatchId, operations: Collection[str]) -> int:
        """Policy resend-once: queue the jobs in doubt that were never re-sent before, marked for ever."""
        raise NotImplementedError

    def resolve(self, batch: BatchId, resolution: Resolution, *, rows: Sequence[int] | None = None) -> int:
        """A person's word on jobs in doubt, of some rows or all: charged -> failed (`lost-answer`), else queued."""
        raise NotImplementedError

    def keep(self, batch: BatchId, settings: Mapping[str, Any]) -> None:
        """Merge kept settings; a value of None removes its key."""
        raise NotImplementedError

    def delivered(self, batch: BatchId, mark: Mapping[str, Any]) -> None:
        """Remember what the last export wrote, so that the next may replace it."""
        raise NotImplementedError

    def record(
        self,
        event: str,
        *,
        batch: BatchId | None = None,
        run: RunId | None = None,
        lane: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Append to the events."""
        raise NotImplementedError
