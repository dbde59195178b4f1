"""Instants that a clock wrote which was set since: what waits is due as long from now as it was from its last answer.

A wall clock that was wrong by a year leaves retries, waits and parked batches that are due in a year. How long each was
to wait is on record all the same: so nobody waits for longer than that, and nothing goes early, for that long has still
to pass from now on.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from runner.domain.model import MILLION
from runner.store.codec import to_json
from runner.store.sql import write_event

TOLERANCE_US: Final = 5 * MILLION
"""Small steps of a clock that is kept right mend nothing."""

_WAITING: Final = "SELECT batch, operation FROM job_totals WHERE state = 'queued' AND jobs > 0"
# Few jobs are put off, however many wait: the index of queued jobs is by due time.
_PUT_OFF: Final = """
SELECT j.id, j.due_us, a.wait_seconds, max(coalesce(a.closed_us, 0), coalesce(a.resolved_us, 0)) AS told_us
FROM jobs AS j JOIN attempts AS a ON a.job = j.id AND a.number = j.attempts
WHERE j.batch = ? AND j.operation = ? AND j.state = 'queued' AND j.due_us > ?
"""
_DUE: Final = "UPDATE jobs SET due_us = ? WHERE id = ? AND state = 'queued'"
_LANES: Final = """
SELECT batch, provider, report FROM lanes
WHERE (report ->> 'at_us' > :later AND report ->> 'until_us' IS NOT NULL)
OR (report ->> 'asked_at_us' > :later AND report ->> 'asked_until_us' IS NOT NULL)
"""
_LANE: Final = "UPDATE lanes SET report = ? WHERE batch = ? AND provider = ?"
_BATCHES: Final = """
UPDATE batches SET resume_at_us = resume_at_us - touched_us + :now, touched_us = :now
WHERE resume_at_us IS NOT NULL AND touched_us > :later
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What was due too late."""

    jobs: int = 0
    lanes: int = 0
    batches: int = 0


def mend_clock(connection: sa.Connection, *, now_us: int) -> Mended:
    """When a run starts: what lies ahead although it was written down later than now. An event, if there is any."""
    later_us = now_us + TOLERANCE_US
    jobs = 0
    for batch, operation in connection.exec_driver_sql(_WAITING).all():
        for job, due_us, wait, told_us in connection.exec_driver_sql(_PUT_OFF, (batch, operation, later_us)).all():
            longest_us = now_us + _micros(wait)
            if due_us > longest_us + TOLERANCE_US and (wait is not None or told_us > later_us):
                connection.exec_driver_sql(_DUE, (longest_us, job))
                jobs += 1
    lanes = connection.exec_driver_sql(_LANES, {"later": later_us}).all()
    for batch, provider, text in lanes:
        report = json.loads(text)
        for until, at in (("until_us", "at_us"), ("asked_until_us", "asked_at_us")):
            if report[until] is not None and report[at] > later_us:
                report[until] += now_us - report[at]
        report |= {at: now_us for at in ("at_us", "asked_at_us") if (report[at] or 0) > later_us}
        connection.exec_driver_sql(_LANE, (to_json(report), batch, provider))
    batches = connection.exec_driver_sql(_BATCHES, {"now": now_us, "later": later_us}).rowcount
    mended = Mended(jobs=jobs, lanes=len(lanes), batches=batches)
    if mended != Mended():
        detail = {"jobs": mended.jobs, "lanes": mended.lanes, "batches": mended.batches}
        write_event(connection, "clock.mended", at_us=now_us, detail=detail)
    return mended


def put_off_anew(
    connection: sa.Connection, batch: int, operations: Collection[str], *, since_us: int, now_us: int
) -> int:
    """The jobs that are due after `since_us` wait from now on as long as they were told to; how many they are."""
    changed = 0
    for operation in operations:
        for job, _, wait, _ in connection.exec_driver_sql(_PUT_OFF, (batch, operation, since_us)).all():
            connection.exec_driver_sql(_DUE, (now_us + _micros(wait), job))
            changed += 1
    return changed


def _micros(wait_seconds: float | None) -> int:
    return round((wait_seconds or 0.0) * MILLION)
