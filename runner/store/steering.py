"""What people and runs decide about batches: wishes, runs, recovery, requeues and doubts. Each is an event on record.

Every method is one short transaction of its own and may run beside a run at work.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from runner.domain.model import BatchId, Resolution, RunId
from runner.domain.states import BatchEvent, BatchState, JobEvent, advance_batch
from runner.engine.ports import Clock
from runner.errors import BatchError
from runner.store.aftermath import bury_runs
from runner.store.answered import UNKNOWN, Asked, note_asked
from runner.store.balances import keep_check
from runner.store.codec import readable, to_json
from runner.store.database import Database
from runner.store.marks import Marks, keep_marks
from runner.store.requeue import release_doubts, requeue_failed, resolve_doubts
from runner.store.sql import batch_may, job_may, write_event
from runner.store.values import Recovery, Wish
from runner.store.wallets import Checked

_START_RUN: Final = "INSERT INTO runs (started_us, pid, host, version, options) VALUES (?, ?, ?, ?, ?)"
END_RUN: Final = "UPDATE runs SET ended_us = ?, exit_code = ? WHERE id = ? AND ended_us IS NULL"
_BATCH: Final = "SELECT state, name FROM batches WHERE id = ?"
_UNENDED: Final = """
SELECT 1 FROM jobs WHERE batch = :batch AND state = 'running'
UNION ALL SELECT 1 FROM job_totals WHERE batch = :batch AND state = 'queued' AND jobs > 0 LIMIT 1
"""
_CANCEL_JOBS: Final = f"""
UPDATE jobs SET state = 'cancelled', due_us = 0, finished_us = ? WHERE batch = ? AND {job_may(JobEvent.CANCEL)}
AND id <= (SELECT visible_job FROM batches WHERE id = jobs.batch)
"""
_KEPT: Final = "SELECT settings FROM batches WHERE id = ?"
_KEEP: Final = "UPDATE batches SET settings = ?, touched_us = ? WHERE id = ?"


class Change(NamedTuple):
    """Kept settings, before and after; and when."""

    at_us: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]


class Steering:
    """Decisions. Times come from the store's clock. Unknown batches raise BatchError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def start_run(
        self, *, pid: int, host: str, version: str, options: Mapping[str, Any], asked: Asked = UNKNOWN
    ) -> RunId:
        """Record that a process begins to work. The caller holds the database lock. `asked`: see `note_asked`.

        `options` hold no secret; their names end as those of an event's detail do (`..._us`, `..._millionths`).
        """
        now = self._clock.now_us()
        with self._database.write_now() as connection:
            made = connection.exec_driver_sql(_START_RUN, (now, pid, host, version, to_json(readable(options))))
            run = RunId(made.lastrowid)
            note_asked(connection, run, asked)
            return run

    def end_run(self, run: RunId, *, exit_code: int) -> None:
        """Record its end. Whatever it still owned is left to recovery."""
        with self._database.write_now() as connection:
            connection.exec_driver_sql(END_RUN, (self._clock.now_us(), exit_code, run))

    def recover(self, *, safe: Collection[tuple[BatchId, str]]) -> Recovery:
        """Bury the runs that never ended: call it under the database lock, before `start_run`.

        Their open attempts are closed as `no-answer` at min(opened + within, now) and their jobs are in doubt, or, for
        the operations in `safe` (of a batch), queued again; other running jobs are queued again; running batches are
        paused (`interrupted`). A job that was on the wire at too many crashes fails (`poison`). Before that, answers
        that a run had to keep elsewhere are put into the database. StoreError: they cannot be read. SchemaError: there
        are some to requests that this database does not know; then no run is buried. What a clock that was ahead then
        put off for too long is due in its time again.
        """
        return bury_runs(self._database, now_us=self._clock.now_us(), safe=safe)

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

        What another terminal asked for stays asked until it is carried out or `resume` withdraws it: only `complete`,
        `reopen` and `cancel` clear `requested_state`. `complete` is refused while a visible job is queued or running.
        `cancel` cancels the queued jobs.
        """
        with self._deciding(batch) as (connection, now, state):
            target = advance_batch(state, event)
            if event is BatchEvent.COMPLETE and connection.exec_driver_sql(_UNENDED, {"batch": batch}).first():
                raise BatchError(
                    "the batch is not complete", why="some of its requests have not ended", fix="runner status"
                )
            keeps_wish = event in {BatchEvent.START, BatchEvent.PAUSE, BatchEvent.HALT}
            moved = connection.exec_driver_sql(
                "UPDATE batches SET state = ?, reason = ?, resume_at_us = ?, touched_us = ?,"
                f" requested_state = iif(?, requested_state, NULL) WHERE id = ? AND {batch_may(event)}",
                (target.value, reason, resume_at_us, now, int(keeps_wish), batch),
            )
            if moved.rowcount != 1:
                raise BatchError(
                    f"the batch cannot {event} now", why="another command changed it meanwhile", fix="runner status"
                )
            if event is BatchEvent.CANCEL:
                connection.exec_driver_sql(_CANCEL_JOBS, (now, batch))
            detail = {"reason": reason, "resume_at_us": resume_at_us}
            write_event(connection, f"batch.{target}", at_us=now, run=run, batch=batch, detail=detail)
        return target

    def wish(self, batch: BatchId, wish: Wish) -> None:
        """Ask the run at work to pause or cancel the batch: it looks once a second."""
        with self._deciding(batch) as (connection, now, _):
            connection.exec_driver_sql("UPDATE batches SET requested_state = ? WHERE id = ?", (wish.value, batch))
            write_event(connection, f"wish.{wish}", at_us=now, batch=batch)

    def resume(self, batch: BatchId) -> None:
        """Withdraw a wish, and lift a pause (reason `resumed`, no `resume_at`), so that the next run continues."""
        with self._deciding(batch) as (connection, now, state):
            if state in {BatchState.CANCELLED, BatchState.COMPLETED, BatchState.LOADING}:
                raise _over(state, "resumed")
            connection.exec_driver_sql("UPDATE batches SET requested_state = NULL WHERE id = ?", (batch,))
            connection.exec_driver_sql(
                "UPDATE batches SET reason = 'resumed', resume_at_us = NULL WHERE id = ? AND state = 'paused'", (batch,)
            )
            write_event(connection, "batch.resumed", at_us=now, batch=batch)

    def retry(self, batch: BatchId, *, rule: str | None = None) -> int:
        """Queue failed jobs, final ones too, with fresh attempts; of one reason only if `rule` is given.

        Jobs that failed as `lost-answer` or `poison` were or may have been charged: they are sent again only if `rule`
        names them.
        """
        return self._requeue(batch, "jobs.retried", rule=rule, unfinished_only=False)

    def requeue_unfinished(self, batch: BatchId) -> int:
        """Queue the failures that are not final again, with fresh attempts: the same command on a completed batch."""
        return self._requeue(batch, "jobs.requeued", rule=None, unfinished_only=True)

    def release_doubts(self, batch: BatchId, operations: Collection[str]) -> int:
        """Policy resend-once: queue the jobs in doubt that were never re-sent before, marked for ever."""
        with self._deciding(batch) as (connection, now, state):
            count = release_doubts(connection, batch, operations, now_us=now)
            if count:
                detail = {"resolution": "resend", "jobs": count, "by": "policy"}
                write_event(connection, "doubts.released", at_us=now, batch=batch, detail=detail)
                _reopened(connection, batch, state, now)
        return count

    def resolve(
        self,
        batch: BatchId,
        resolution: Resolution,
        *,
        rows: Sequence[int] | None = None,
        operations: Sequence[str] | None = None,
    ) -> int:
        """A person's word on jobs in doubt, of some rows or all, of some operations or all: charged -> failed
        (`lost-answer`), else queued."""
        with self._deciding(batch) as (connection, now, state):
            if state is BatchState.CANCELLED and resolution is not Resolution.CHARGED:
                raise _over(state, "sent again")
            count = resolve_doubts(connection, batch, resolution, rows=rows, operations=operations, now_us=now)
            if count:
                detail = {"resolution": resolution.value, "jobs": count, "by": "person"}
                write_event(connection, "doubts.resolved", at_us=now, batch=batch, detail=detail)
                if resolution is not Resolution.CHARGED:
                    _reopened(connection, batch, state, now)
        return count

    def keep(self, batch: BatchId, settings: Mapping[str, Any]) -> None:
        """Merge kept settings; a value of None removes its key."""
        with self._deciding(batch) as (connection, now, _):
            _merge(connection, batch, settings, now)
            # A cap is kept in millionths; its name says so only where it is shown.
            options = {f"{key}_millionths" if key == "max_spend" else key: value for key, value in settings.items()}
            write_event(connection, "batch.settings", at_us=now, batch=batch, detail=options)

    def tune(self, batch: BatchId, settings: Mapping[str, Any]) -> Change:
        """Change kept settings of a batch that is not over; a run at work sees it within a second. None removes a key.

        The event has what held before beside what holds now. BatchError: there is nothing left to tune.
        """
        with self._deciding(batch) as (connection, now, state):
            if state in {BatchState.CANCELLED, BatchState.COMPLETED, BatchState.LOADING}:
                raise _over(state, "tuned")
            change = _merge(connection, batch, settings, now)
            detail: dict[str, Any] = {}
            for key in settings:
                unit = "_millionths" if key == "max_spend" else ""
                detail[f"{key}{unit}"] = change.after.get(key, "none" if not unit else None)
                detail[f"{key}_before{unit}"] = change.before.get(key)
            write_event(connection, "batch.tuned", at_us=now, batch=batch, detail=detail)
        return change

    def mark(self, batch: BatchId, mark: Marks, *, coming: bool = False) -> None:
        """Keep what a file or a table is known by beside those of others. `coming`: before its rows are in place, so
        that what it was known by until then stays too."""
        with self._deciding(batch) as (connection, _, _):
            keep_marks(connection, batch, mark, coming=coming)

    def delivered(
        self,
        batch: BatchId,
        *,
        rows: int,
        file: str | None = None,
        table: str | None = None,
        mark: Marks | None = None,
    ) -> None:
        """Record an export. `mark`: what its file or table is known by, `{"files": {path: ...}}`, so that the next
        export may replace it; those of other exports stay. Neither `file` nor `table` (its name): to a stream."""
        with self._deciding(batch) as (connection, now, _):
            if mark is not None:
                keep_marks(connection, batch, mark)
            detail = {"rows": rows, "file": file, "table": table}
            write_event(connection, "batch.exported", at_us=now, batch=batch, detail=detail)

    def keep_check(self, checked: Checked, providers: Mapping[BatchId, str], *, run: RunId) -> None:
        """Keep what an account's wallet was found to be with the batches that used it in a run, by the name it has in
        each; differences and top-ups are events."""
        with self._database.write_now() as connection:
            now = self._clock.now_us()
            keep_check(connection, checked, providers, run=run, at_us=now)

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
        with self._database.write_now() as connection:
            now = self._clock.now_us()
            write_event(connection, event, at_us=now, run=run, batch=batch, lane=lane, detail=detail)

    def _requeue(self, batch: BatchId, event: str, *, rule: str | None, unfinished_only: bool) -> int:
        with self._deciding(batch) as (connection, now, state):
            if state in {BatchState.CANCELLED, BatchState.LOADING}:
                raise _over(state, "sent again")
            count = requeue_failed(connection, batch, rule=rule, unfinished_only=unfinished_only, now_us=now)
            if count:
                write_event(connection, event, at_us=now, batch=batch, detail={"rule": rule, "jobs": count})
                _reopened(connection, batch, state, now)
        return count

    @contextmanager
    def _deciding(self, batch: BatchId) -> Generator[tuple[sa.Connection, int, BatchState]]:
        """A transaction about one batch: connection, now, and its state at the beginning."""
        with self._database.write_now() as connection:
            found = connection.exec_driver_sql(_BATCH, (batch,)).first()
            if found is None:
                raise BatchError(f"there is no batch {batch}", why="it is not in this database", fix="runner status")
            yield connection, self._clock.now_us(), BatchState(found.state)


def _merge(connection: sa.Connection, batch: BatchId, settings: Mapping[str, Any], now: int) -> Change:
    """Settings into those that are kept; a value of None removes its key."""
    before = json.loads(connection.exec_driver_sql(_KEPT, (batch,)).scalar_one())
    after = {key: value for key, value in (before | dict(settings)).items() if value is not None}
    connection.exec_driver_sql(_KEEP, (to_json(after), now, batch))
    return Change(at_us=now, before=before, after=after)


def _over(state: BatchState, what: str) -> BatchError:
    """A batch that is not read to its end, or is given up, or has ended."""
    why, fix = {
        BatchState.LOADING: ("its list was not read to its end", "runner load FILE   (reads it again)"),
        BatchState.CANCELLED: ("it was given up for good; its answers stay", "runner load FILE --new"),
    }.get(state, ("all its requests have ended", "runner status"))
    return BatchError(f"a batch that is {state} cannot be {what}", why=why, fix=fix)


def _reopened(connection: sa.Connection, batch: BatchId, state: BatchState, now: int) -> None:
    """What was queued again made a completed batch ready."""
    if state is BatchState.COMPLETED:
        write_event(connection, "batch.ready", at_us=now, batch=batch)
