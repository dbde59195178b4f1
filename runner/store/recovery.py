"""What a run found dead leaves behind, put in order: its open attempts are in doubt, its other jobs are given back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId
from runner.domain.states import BatchEvent, JobEvent
from runner.store.sql import batch_may, expect, job_may, write_event
from runner.store.values import Recovered

_DEAD: Final = "UPDATE runs SET ended_us = ?, died = 1 WHERE ended_us IS NULL RETURNING id"
_OPEN: Final = "SELECT id, job, batch, operation, held FROM attempts WHERE closed_us IS NULL"
_CLOSE: Final = """
UPDATE attempts SET closed_us = max(opened_us, min(opened_us + timeout_us, :now)), fault = 'no-answer',
    detail = 'the run died before an answer was stored', rule = 'no-answer', debited = :debited, amount = :amount,
    spent = 0, resolution = :resolution, resolved_us = iif(:resolution IS NULL, NULL, :now)
WHERE id = :attempt AND closed_us IS NULL
"""
_GIVEN_UP: Final = f"""
UPDATE jobs SET state = 'in_doubt', run = NULL, lease_until_us = NULL, due_us = 0, reason = 'no-answer',
    finished_us = (SELECT closed_us FROM attempts WHERE id = :attempt)
WHERE id = :job AND {job_may(JobEvent.DOUBT)}
"""
_REPEATED: Final = f"""
UPDATE jobs SET state = 'queued', run = NULL, lease_until_us = NULL, due_us = 0, reason = 'no-answer',
    unknowns = unknowns - :settled, possible_double_charge = possible_double_charge | (NOT :settled)
WHERE id = :job AND {job_may(JobEvent.RELEASE)}
"""
_RUNNING: Final = "SELECT batch, count(*) FROM jobs WHERE state = 'running' GROUP BY batch"
_RELEASE: Final = f"""
UPDATE jobs SET state = 'queued', run = NULL, lease_until_us = NULL WHERE {job_may(JobEvent.RELEASE)}
"""
_PAUSE: Final = f"""
UPDATE batches SET state = 'paused', reason = 'interrupted', resume_at_us = NULL
WHERE state = 'running' AND {batch_may(BatchEvent.PAUSE)} RETURNING id
"""


def recover(connection: sa.Connection, *, now_us: int, safe: Collection[str]) -> list[Recovered]:
    """One transaction: see `Steering.recover`. Nobody else is at work, so whatever runs belongs to the dead."""
    dead = connection.exec_driver_sql(_DEAD, (now_us,)).scalars().all()
    if not dead:
        return []
    for run in dead:
        write_event(connection, "run.died", at_us=now_us, run=run)
    doubts: Counter[int] = Counter()
    released: Counter[int] = Counter()
    for attempt in connection.exec_driver_sql(_OPEN).all():
        if attempt.operation in safe:
            released[attempt.batch] += 1
        else:
            doubts[attempt.batch] += 1
        _close(connection, attempt, now_us=now_us, repeat=attempt.operation in safe)
    released.update({line[0]: line[1] for line in connection.exec_driver_sql(_RUNNING)})
    connection.exec_driver_sql(_RELEASE)
    paused = connection.exec_driver_sql(_PAUSE).scalars().all()
    for batch in paused:
        write_event(
            connection, "batch.paused", at_us=now_us, run=dead[-1], batch=batch, detail={"reason": "interrupted"}
        )
    return [
        _report(connection, batch, doubts=doubts[batch], released=released[batch], now_us=now_us, run=dead[-1])
        for batch in sorted({*doubts, *released, *paused})
    ]


def _close(connection: sa.Connection, attempt: sa.Row[Any], *, now_us: int, repeat: bool) -> None:
    """An attempt found open. A safe operation is sent again; what a free one cost is known: nothing."""
    free = repeat and attempt.held == 0
    values = {
        "attempt": attempt.id,
        "job": attempt.job,
        "now": now_us,
        "debited": "no" if free else "unknown",
        "amount": attempt.held,
        "resolution": "resend" if repeat and not free else None,
        "settled": int(free),
    }
    connection.exec_driver_sql(_CLOSE, values)
    moved = connection.exec_driver_sql(_REPEATED if repeat else _GIVEN_UP, values)
    expect(moved.rowcount, 1, f"job {attempt.job} cannot be recovered")


def _report(connection: sa.Connection, batch: int, *, doubts: int, released: int, now_us: int, run: int) -> Recovered:
    name = connection.exec_driver_sql("SELECT name FROM batches WHERE id = ?", (batch,)).scalar_one()
    detail = {"doubts": doubts, "released": released}
    write_event(connection, "batch.recovered", at_us=now_us, run=run, batch=batch, detail=detail)
    return Recovered(batch=BatchId(batch), name=name, doubts=doubts, released=released)
