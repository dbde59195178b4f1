"""Recorded decisions that send jobs back to the queue, or end a doubt. All inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, assert_never

import sqlalchemy as sa

from runner.domain.model import CRASHES_TO_SUSPECT, MILLION, AttemptId, BatchId, Resolution
from runner.domain.states import BatchEvent, JobEvent
from runner.store.sql import batch_may, expect, job_may, marks
from runner.store.values import LOST_ANSWER, NAMED_ONLY

_CHOSEN: Final = f"batch = ? AND state = 'failed' AND erased = 0 AND {job_may(JobEvent.REQUEUE)}"
_FRESH: Final = f"""
UPDATE jobs SET state = 'queued', due_us = 0, attempts_spent = 0, crashes = 0, reason = NULL, final = NULL,
    found = NULL, result = NULL, http_status = NULL, error_code = NULL, error_message = NULL, finished_us = NULL,
    possible_double_charge = possible_double_charge | (unknowns > 0 OR debits > 0 OR reason = '{LOST_ANSWER}')
WHERE """
_IN_DOUBT: Final = "SELECT id FROM jobs WHERE batch = ? AND state = 'in_doubt'"
_OF_ROWS: Final = " AND id IN (SELECT job FROM row_jobs WHERE batch = ? AND row IN ({}))"
_RESOLVE_ALL: Final = """
UPDATE attempts SET resolution = ?, resolved_us = ?
WHERE closed_us IS NOT NULL AND debited = 'unknown' AND resolution IS NULL AND job """
_RESOLVE: Final = f"{_RESOLVE_ALL} = ?"
_RESOLVE_OF: Final = f"{_RESOLVE_ALL} = (SELECT job FROM attempts WHERE id = ?)"
# The job's counters are read from its attempts again: a doubt may have been about several.
_RECOUNT: Final = """
    unknowns = (SELECT count(*) FROM attempts WHERE job = jobs.id AND standing IN ('in_doubt', 'held')),
    debits = (SELECT count(*) FROM attempts WHERE job = jobs.id AND standing = 'debited'),
    amount = (SELECT coalesce(sum(amount), 0) FROM attempts WHERE job = jobs.id AND standing = 'debited')
"""
_GIVE_UP: Final = f"""
UPDATE jobs SET state = 'failed', reason = '{LOST_ANSWER}', final = 1, {_RECOUNT}
WHERE id = ? AND {job_may(JobEvent.GIVE_UP)}
"""
_QUEUE: Final = f"""
UPDATE jobs SET state = 'queued', due_us = iif(crashes >= {CRASHES_TO_SUSPECT}, ?, 0), attempts_spent = 0,
    reason = NULL, finished_us = NULL, {_RECOUNT}
WHERE id = ? AND state = 'in_doubt' AND {job_may(JobEvent.REQUEUE)}
"""
_QUEUE_MARKED: Final = _QUEUE.replace("reason = NULL", "reason = NULL, possible_double_charge = 1", 1)
# The attempts themselves stay as they were closed. A job that goes again already keeps its due time: only what was
# counted against it is taken back.
_JUDGED_TOO_EARLY: Final = """
UPDATE jobs SET attempts_spent = max(0, attempts_spent - 1) WHERE id = (SELECT job FROM attempts WHERE id = ?)
"""
# Only where it is the job's last word: after a newer one somebody, or another answer, has decided on it.
_UNFAIL: Final = f"""
UPDATE jobs SET state = 'queued', due_us = 0, final = NULL, finished_us = NULL,
    possible_double_charge = possible_double_charge | (unknowns > 0 OR debits > 0)
WHERE (id, attempts) = (SELECT job, number FROM attempts WHERE id = ?)
    AND state = 'failed' AND erased = 0 AND {job_may(JobEvent.REQUEUE)}
"""
_REOPEN: Final = f"UPDATE batches SET state = 'ready', reason = NULL WHERE id = ? AND {batch_may(BatchEvent.REOPEN)}"

ROWS_AT_ONCE: Final = 500


def requeue_failed(
    connection: sa.Connection, batch: BatchId, *, rule: str | None, unfinished_only: bool, now_us: int
) -> int:
    """Failed jobs get fresh attempts, crashes forgotten. What may have been charged without an answer (`NAMED_ONLY`) is
    sent again only if `rule` names it."""
    chosen, values = _CHOSEN, [batch]
    if unfinished_only:
        chosen += " AND final = 0"
    if rule is None:
        chosen += f" AND coalesce(reason, '') NOT IN ({marks(len(NAMED_ONLY))})"
        given: tuple[object, ...] = (*values, *NAMED_ONLY)
    else:
        chosen += " AND reason = ?"
        given = (*values, rule)
    # First on the attempts: sending again although one may have been charged is a decision, and stays on record.
    released = f"{_RESOLVE_ALL} IN (SELECT id FROM jobs WHERE {chosen} AND unknowns > 0)"
    connection.exec_driver_sql(released, (Resolution.RESEND.value, now_us, *given))
    count = connection.exec_driver_sql(_FRESH + chosen, given).rowcount
    _reopen(connection, batch, count)
    return count


def take_back(connection: sa.Connection, attempts: Sequence[AttemptId], *, now_us: int) -> int:
    """A streak of equal answers halted the lane: its jobs were not to blame. They are queued as if these attempts had
    not counted. Returns how many had failed."""
    unfailed = 0
    for attempt in attempts:
        connection.exec_driver_sql(_JUDGED_TOO_EARLY, (attempt,))
        if connection.exec_driver_sql(_UNFAIL, (attempt,)).rowcount:
            connection.exec_driver_sql(_RESOLVE_OF, (Resolution.RESEND.value, now_us, attempt))
            unfailed += 1
    return unfailed


def release_doubts(connection: sa.Connection, batch: BatchId, operations: Collection[str], *, now_us: int) -> int:
    """Policy resend-once: the jobs in doubt that were never sent again before, of these operations."""
    sql = f"{_IN_DOUBT} AND possible_double_charge = 0 AND operation IN ({marks(len(operations))})"
    jobs = connection.exec_driver_sql(sql, (batch, *operations)).scalars().all()
    return _resolve_jobs(connection, batch, jobs, Resolution.RESEND, now_us=now_us)


def resolve_doubts(
    connection: sa.Connection,
    batch: BatchId,
    resolution: Resolution,
    *,
    rows: Sequence[int] | None,
    operations: Sequence[str] | None,
    now_us: int,
) -> int:
    """A person's word on the jobs in doubt, of these rows or of all, of these operations or of all."""
    jobs: list[int] = []
    chosen = _IN_DOUBT if operations is None else f"{_IN_DOUBT} AND operation IN ({marks(len(operations))})"
    values = (batch, *(operations or ()))
    if rows is None:
        jobs = list(connection.exec_driver_sql(chosen, values).scalars())
    else:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            sql = chosen + _OF_ROWS.format(marks(len(some)))
            jobs.extend(connection.exec_driver_sql(sql, (*values, batch, *some)).scalars())
    return _resolve_jobs(connection, batch, list(dict.fromkeys(jobs)), resolution, now_us=now_us)


def _resolve_jobs(
    connection: sa.Connection, batch: BatchId, jobs: Sequence[int], resolution: Resolution, *, now_us: int
) -> int:
    match resolution:
        case Resolution.CHARGED:
            move = _GIVE_UP
        case Resolution.NOT_CHARGED:
            move = _QUEUE
        case Resolution.RESEND:
            move = _QUEUE_MARKED
        case _:
            assert_never(resolution)
    for place, job in enumerate(jobs, start=1):
        connection.exec_driver_sql(_RESOLVE, (resolution.value, now_us, job))
        # Those that may bring the runner down are due one by one.
        due = () if resolution is Resolution.CHARGED else (now_us + place * MILLION,)
        expect(connection.exec_driver_sql(move, (*due, job)).rowcount, 1, f"the doubt of job {job} cannot be resolved")
    if resolution is not Resolution.CHARGED:
        _reopen(connection, batch, len(jobs))
    return len(jobs)


def _reopen(connection: sa.Connection, batch: BatchId, queued: int) -> None:
    """A completed batch with queued jobs is ready again; in any other state it stays where it is."""
    if queued:
        connection.exec_driver_sql(_REOPEN, (batch,))
