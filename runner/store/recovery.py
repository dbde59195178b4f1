"""What a run found dead leaves behind, put in order: its open attempts are in doubt, its other jobs are given back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import CRASHES_TO_POISON, CRASHES_TO_SUSPECT, MILLION, POISON, BatchId
from runner.domain.states import BatchEvent, JobEvent
from runner.store.sql import batch_may, expect, job_may, write_event
from runner.store.values import DIED, Recovered

_DEAD: Final = "UPDATE runs SET ended_us = ?, died = 1 WHERE ended_us IS NULL RETURNING id"
_OPEN: Final = """
SELECT a.id, a.job, a.batch, a.operation, a.held, j.crashes + 1 AS crashes
FROM attempts AS a JOIN jobs AS j ON j.id = a.job WHERE a.closed_us IS NULL ORDER BY a.id
"""
_CLOSE: Final = """
UPDATE attempts SET closed_us = max(opened_us, min(opened_us + within_us, :now)), fault = 'no-answer',
    detail = :detail, rule = 'no-answer', debited = :debited, amount = :amount,
    spent = 0, resolution = :resolution, resolved_us = iif(:resolution IS NULL, NULL, :now)
WHERE id = :attempt AND closed_us IS NULL
"""
_GIVEN_UP: Final = f"""
UPDATE jobs SET state = 'in_doubt', run = NULL, lease_until_us = NULL, due_us = 0, reason = 'no-answer',
    crashes = crashes + 1, finished_us = (SELECT closed_us FROM attempts WHERE id = :attempt)
WHERE id = :job AND {job_may(JobEvent.DOUBT)}
"""
_REPEATED: Final = f"""
UPDATE jobs SET state = 'queued', run = NULL, lease_until_us = NULL, due_us = :due, reason = 'no-answer',
    crashes = crashes + 1, unknowns = unknowns - :settled,
    possible_double_charge = possible_double_charge | (NOT :settled)
WHERE id = :job AND {job_may(JobEvent.RELEASE)}
"""
_POISONED: Final = f"""
UPDATE jobs SET state = 'failed', run = NULL, lease_until_us = NULL, due_us = 0, reason = '{POISON}', final = 1,
    crashes = crashes + 1, unknowns = unknowns - :settled,
    finished_us = (SELECT closed_us FROM attempts WHERE id = :attempt)
WHERE id = :job AND {job_may(JobEvent.FAIL)}
"""
_RUNNING: Final = "SELECT batch, count(*) FROM jobs WHERE state = 'running' GROUP BY batch"
RELEASE: Final = f"""
UPDATE jobs SET state = 'queued', run = NULL, lease_until_us = NULL WHERE {job_may(JobEvent.RELEASE)}
"""
_PAUSE: Final = f"""
UPDATE batches SET state = 'paused', reason = 'interrupted', resume_at_us = NULL
WHERE state = 'running' AND {batch_may(BatchEvent.PAUSE)} RETURNING id
"""


def recover(connection: sa.Connection, *, now_us: int, safe: Collection[tuple[BatchId, str]]) -> list[Recovered]:
    """One transaction: see `Steering.recover`. Nobody else is at work, so whatever runs belongs to the dead."""
    dead = connection.exec_driver_sql(_DEAD, (now_us,)).scalars().all()
    if not dead:
        return []
    for run in dead:
        write_event(connection, "run.died", at_us=now_us, run=run)
    doubts: Counter[int] = Counter()
    poisoned: Counter[int] = Counter()
    released: Counter[int] = Counter()
    on_the_way: Counter[int] = Counter()
    suspects = 0
    for attempt in connection.exec_driver_sql(_OPEN).all():
        on_the_way[attempt.batch] += 1
        repeat, due_us = (attempt.batch, attempt.operation) in safe, 0
        if attempt.crashes >= CRASHES_TO_POISON:
            poisoned[attempt.batch] += 1
        elif repeat:
            released[attempt.batch] += 1
            if attempt.crashes >= CRASHES_TO_SUSPECT:
                suspects += 1
                due_us = now_us + suspects * MILLION  # one by one, in whatever batch they are
        else:
            doubts[attempt.batch] += 1
        _close(connection, attempt, now_us=now_us, safe=repeat, due_us=due_us)
    released.update({line[0]: line[1] for line in connection.exec_driver_sql(_RUNNING)})
    connection.exec_driver_sql(RELEASE)
    paused = connection.exec_driver_sql(_PAUSE).scalars().all()
    for batch in paused:
        write_event(
            connection,
            "batch.paused",
            at_us=now_us,
            run=dead[-1],
            batch=batch,
            detail={"reason": "interrupted", "cut_off": True},
        )
    return [
        _report(
            connection,
            batch,
            doubts=doubts[batch],
            released=released[batch],
            poisoned=poisoned[batch],
            on_the_way=on_the_way[batch],
            now_us=now_us,
            run=dead[-1],
        )
        for batch in sorted({*doubts, *released, *poisoned, *paused})
    ]


def _close(connection: sa.Connection, attempt: sa.Row[Any], *, now_us: int, safe: bool, due_us: int) -> None:
    """An attempt found open. A safe operation is sent again, unless it was so at too many crashes; what a free one cost
    is known: nothing."""
    poisoned = attempt.crashes >= CRASHES_TO_POISON
    repeat = safe and not poisoned
    free = safe and attempt.held == 0
    values = {
        "attempt": attempt.id,
        "job": attempt.job,
        "now": now_us,
        "detail": DIED,
        "due": due_us,
        "debited": "no" if free else "unknown",
        "amount": attempt.held,
        "resolution": "resend" if repeat and not free else None,
        "settled": int(free),
    }
    connection.exec_driver_sql(_CLOSE, values)
    move = _POISONED if poisoned else _REPEATED if repeat else _GIVEN_UP
    moved = connection.exec_driver_sql(move, values)
    expect(moved.rowcount, 1, f"job {attempt.job} cannot be recovered")


def _report(
    connection: sa.Connection,
    batch: int,
    *,
    doubts: int,
    released: int,
    poisoned: int,
    on_the_way: int,
    now_us: int,
    run: int,
) -> Recovered:
    name = connection.exec_driver_sql("SELECT name FROM batches WHERE id = ?", (batch,)).scalar_one()
    detail = {"doubts": doubts, "released": released, "on_the_way": on_the_way}
    write_event(connection, "batch.recovered", at_us=now_us, run=run, batch=batch, detail=detail)
    if poisoned:
        write_event(connection, "jobs.poisoned", at_us=now_us, run=run, batch=batch, detail={"jobs": poisoned})
    return Recovered(
        batch=BatchId(batch), name=name, doubts=doubts, released=released, poisoned=poisoned, on_the_way=on_the_way
    )
