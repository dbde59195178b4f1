"""The engine's store: claims, attempts and settlements as fixed SQL on the writer's connection. The hot path."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import Amount, AttemptId, BatchId, Job, JobId, RunId
from runner.domain.states import JobEvent
from runner.engine.ports import Claim, LaneReport, Opening, Settlement, Spending, Wishes
from runner.errors import StoreError
from runner.store.clocks import put_off_anew
from runner.store.codec import to_text
from runner.store.lanes import read_lanes, read_latest, read_longest_wait, write_lane
from runner.store.ledger import dearer, spent_by_account, waiting
from runner.store.settling import settle_all
from runner.store.sql import expect, job_may, run_lines, values, write_event
from runner.store.writer import Writer

_RETURNED: Final = "id, batch, operation, params, attempts, attempts_spent, possible_double_charge, due_us, crashes"
_TAKE: Final = "UPDATE jobs SET state = 'running', run = :run, lease_until_us = :lease"
_VISIBLE: Final = "id <= (SELECT visible_job FROM batches WHERE id = :batch)"

_CLAIM_ONE: Final = f"""
{_TAKE} WHERE id = :only AND batch = :batch AND {job_may(JobEvent.CLAIM)} AND {_VISIBLE} RETURNING {_RETURNED}
"""  # every part is fixed text of this file
_RELEASE: Final = f"""
UPDATE jobs SET state = 'queued', run = NULL, lease_until_us = NULL
WHERE id = ? AND run = ? AND {job_may(JobEvent.RELEASE)}
AND NOT EXISTS (SELECT 1 FROM attempts WHERE job = jobs.id AND closed_us IS NULL)
"""
_FRESH_DUE: Final = f"""
SELECT 0 FROM jobs WHERE batch = :batch AND operation = :operation AND state = 'queued' AND due_us = 0 AND {_VISIBLE}
LIMIT 1
"""
_NEXT_RETRY: Final = """
SELECT due_us FROM jobs WHERE batch = :batch AND operation = :operation AND state = 'queued' AND due_us > 0
ORDER BY due_us LIMIT 1
"""
# An answer that was taken over says nothing of requests as they are sent today.
_PROVEN: Final = """
SELECT operation FROM job_totals AS t WHERE batch = ? AND state = 'succeeded' AND jobs > (
    SELECT count(*) FROM jobs WHERE batch = t.batch AND operation = t.operation AND reused IS NOT NULL)
"""
_SPENDING: Final = """
SELECT provider, unit, sum(requests), sum(iif(standing = 'debited', amount, 0)),
    sum(iif(standing = 'in_doubt', amount, 0)), sum(iif(standing = 'held', amount, 0))
FROM attempt_totals WHERE batch = ? GROUP BY provider, unit ORDER BY provider, unit
"""
_RECENT: Final = """
SELECT closed_us FROM attempts WHERE account = ? AND closed_us > ? AND closed_us IS NOT NULL AND sent
ORDER BY closed_us DESC LIMIT ?
"""
_WISHES: Final = """
SELECT requested_state, settings, visible_job, visible_row,
    (SELECT coalesce(sum(jobs), 0) FROM job_totals WHERE batch = id) AS jobs
FROM batches WHERE id = ?
"""


@lru_cache(maxsize=16)
def claim_sql(operations: int) -> str:
    """One statement for a claim over `operations` operations (`:op0`, ...): due retries first, then by age.

    Each operation has its own two arms, so that each reads at most `:limit` entries of the index of queued jobs,
    however many are waiting. `:retries` holds for all operations together.
    """
    retries = " UNION ALL ".join(
        f"SELECT * FROM (SELECT 0 AS fresh, due_us, id FROM jobs WHERE batch = :batch AND operation = :op{n}"
        " AND state = 'queued' AND due_us > 0 AND due_us <= :now ORDER BY due_us, id LIMIT :retries)"
        for n in range(operations)
    )
    fresh = " UNION ALL ".join(
        f"SELECT * FROM (SELECT 1 AS fresh, due_us, id FROM jobs WHERE batch = :batch AND operation = :op{n}"
        f" AND state = 'queued' AND due_us = 0 AND {_VISIBLE} ORDER BY id LIMIT :limit)"
        for n in range(operations)
    )
    oldest = f"SELECT * FROM ({retries}) ORDER BY due_us, id LIMIT :retries"
    chosen = f"SELECT id FROM (SELECT * FROM ({oldest}) UNION ALL {fresh}) ORDER BY fresh, due_us, id LIMIT :limit"
    return f"{_TAKE} WHERE id IN ({chosen}) AND {job_may(JobEvent.CLAIM)} RETURNING {_RETURNED}"


@lru_cache(maxsize=16)
def _count_sql(lines: int) -> str:
    return f"""
    UPDATE jobs SET attempts = attempts + 1, requests = requests + 1, unknowns = unknowns + 1
    FROM ({values(lines, 3)}) AS new
    WHERE jobs.id = new.column1 AND jobs.run = new.column2 AND jobs.state = 'running'
    AND jobs.attempts = new.column3 - 1
    """


@lru_cache(maxsize=16)
def _open_sql(lines: int) -> str:
    return f"""
    INSERT INTO attempts (id, job, batch, run, operation, provider, account, number, opened_us, within_us,
        client_request_id, method, path, unit, held)
    {values(lines, 15)}
    """


class SqlJobStore:
    """`runner.engine.ports.JobStore` on one file. Each call is queued at once; awaiting it waits for its commit."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def claim(self, claim: Claim) -> Awaitable[list[Job]]:
        """As the port. With `only`, that job alone, or nothing if it is not queued."""
        return self._writer.submit(partial(_claim, claim=claim), sends=True)

    def release(self, run: RunId, jobs: Sequence[JobId]) -> Awaitable[None]:
        """As the port; StoreError, and none is released, unless all are running, owned by the run and unopened."""
        return self._writer.submit(partial(_release, run=run, jobs=tuple(jobs)))

    def open(self, opening: Opening) -> Awaitable[AttemptId]:
        """As the port; also refused unless `number` is the job's next one."""
        return self._writer.submit_to(open_all, opening, sends=True)

    def settle(self, settlement: Settlement) -> Awaitable[None]:
        """As the port; StoreError unless the attempt is open and its job running under the attempt's run."""
        return self._writer.submit_to(settle_all, settlement)

    def next_due(self, batch: BatchId, operations: tuple[str, ...]) -> Awaitable[int | None]:
        """As the port."""
        return self._writer.submit(partial(next_due, batch=batch, operations=operations))

    def proven(self, batch: BatchId) -> Awaitable[frozenset[str]]:
        """As the port."""
        return self._writer.submit(
            lambda connection: frozenset(connection.exec_driver_sql(_PROVEN, (batch,)).scalars())
        )

    def spending(self, batch: BatchId) -> Awaitable[list[Spending]]:
        """As the port."""
        return self._writer.submit(partial(_spending, batch=batch))

    def waiting(self, batch: BatchId) -> Awaitable[dict[str, int]]:
        """As the port."""
        return self._writer.submit(partial(waiting, batch=batch))

    def spent_by_day(
        self, account: str, names: Collection[str], unit: str, since_day: int
    ) -> Awaitable[dict[int, Amount]]:
        """As the port."""
        return self._writer.submit(
            partial(spent_by_account, account=account, names=names, unit=unit, since_day=since_day)
        )

    def dearer(self) -> Awaitable[dict[tuple[str, str], Amount]]:
        """As the port."""
        return self._writer.submit(dearer)

    def recent(self, account: str, since_us: int, most: int) -> Awaitable[list[int]]:
        """As the port."""
        return self._writer.submit(
            lambda connection: list(connection.exec_driver_sql(_RECENT, (account, since_us, most)).scalars())[::-1]
        )

    def lanes(self, batch: BatchId) -> Awaitable[list[LaneReport]]:
        """As the port."""
        return self._writer.submit(partial(read_lanes, batch=batch))

    def slowed(self, provider: str, since_us: int) -> Awaitable[LaneReport | None]:
        """As the port."""
        return self._writer.submit(partial(read_latest, provider=provider, since_us=since_us))

    def put_off_anew(
        self, batch: BatchId, operations: tuple[str, ...], *, since_us: int, now_us: int
    ) -> Awaitable[int]:
        """As the port."""
        return self._writer.submit(
            partial(put_off_anew, batch=batch, operations=operations, since_us=since_us, now_us=now_us)
        )

    def asked_to_wait(self, provider: str, now_us: int) -> Awaitable[LaneReport | None]:
        """As the port."""
        return self._writer.submit(partial(read_longest_wait, provider=provider, now_us=now_us))

    def report_lane(self, report: LaneReport, run: RunId, now_us: int) -> Awaitable[None]:
        """As the port."""
        return self._writer.submit(partial(write_lane, report=report, run=run, now_us=now_us))

    def record(
        self, *, at_us: int, run: RunId, batch: BatchId | None, lane: str | None, event: str, detail: Mapping[str, Any]
    ) -> Awaitable[None]:
        """As the port."""
        return self._writer.submit(
            partial(write_event, event=event, at_us=at_us, run=run, batch=batch, lane=lane, detail=detail)
        )

    def wishes(self, batch: BatchId) -> Awaitable[Wishes]:
        """As the port."""
        return self._writer.submit(partial(_wishes, batch=batch))


def _claim(connection: sa.Connection, *, claim: Claim) -> list[Job]:
    given: dict[str, Any] = {
        "run": claim.run,
        "lease": claim.lease_until_us,
        "batch": claim.batch,
        "now": claim.now_us,
        "limit": claim.limit,
        "only": claim.only,
        "retries": claim.limit if claim.retries is None else claim.retries,
    }
    given.update({f"op{n}": operation for n, operation in enumerate(claim.operations)})
    sql = _CLAIM_ONE if claim.only is not None else claim_sql(len(claim.operations))
    taken = connection.exec_driver_sql(sql, given).all()
    # RETURNING keeps no order: due retries (due_us > 0) first, the oldest first; then fresh ones by age.
    return [_job(line) for line in sorted(taken, key=lambda line: (line[7] == 0, line[7], line[0]))]


def _job(line: Sequence[Any]) -> Job:
    return Job(
        id=JobId(line[0]),
        batch=BatchId(line[1]),
        operation=line[2],
        params=json.loads(line[3]),
        attempts=line[4],
        attempts_spent=line[5],
        possible_double_charge=bool(line[6]),
        crashes=line[8],
    )


def _release(connection: sa.Connection, *, run: RunId, jobs: tuple[JobId, ...]) -> None:
    for job in jobs:
        expect(connection.exec_driver_sql(_RELEASE, (job, run)).rowcount, 1, f"job {job} cannot be given back")


def open_all(connection: sa.Connection, openings: Sequence[Opening]) -> list[AttemptId]:
    """One attempt for each; StoreError, and none is opened, unless every job is running, owned, and at that number."""
    counted = run_lines(connection, _count_sql, [(one.job, one.run, one.number) for one in openings])
    expect(counted, len(openings), f"attempt {openings[0].number} of job {openings[0].job} cannot be opened")
    # Numbered here, since a statement for many lines does not tell their ids; nobody else writes in this transaction.
    first = connection.exec_driver_sql("SELECT coalesce(max(id), 0) + 1 FROM attempts").scalar_one()
    run_lines(connection, _open_sql, [_opened(first + n, opening) for n, opening in enumerate(openings)])
    return [AttemptId(first + n) for n in range(len(openings))]


def _opened(attempt: int, opening: Opening) -> tuple[Any, ...]:
    return (
        attempt,
        opening.job,
        opening.batch,
        opening.run,
        opening.operation,
        opening.provider,
        opening.account,
        opening.number,
        opening.opened_us,
        round(opening.within_seconds * 1_000_000),
        opening.client_request_id,
        opening.method,
        to_text(opening.path),
        opening.unit,
        opening.held,
    )


def next_due(connection: sa.Connection, *, batch: BatchId, operations: tuple[str, ...]) -> int | None:
    """The earliest `due_us` of the visible queued jobs of these operations (0: now), None if none is queued."""
    earliest: int | None = None
    for operation in operations:
        given = {"batch": batch, "operation": operation}
        if connection.exec_driver_sql(_FRESH_DUE, given).first() is not None:
            return 0
        due = connection.exec_driver_sql(_NEXT_RETRY, given).scalar()
        if due is not None and (earliest is None or due < earliest):
            earliest = due
    return earliest


def _spending(connection: sa.Connection, *, batch: BatchId) -> list[Spending]:
    return [
        Spending(
            provider=provider,
            unit=unit,
            requests=requests,
            debited=Amount(debited),
            in_doubt=Amount(in_doubt),
            held=Amount(held),
        )
        for provider, unit, requests, debited, in_doubt, held in connection.exec_driver_sql(_SPENDING, (batch,))
    ]


def _wishes(connection: sa.Connection, *, batch: BatchId) -> Wishes:
    found = connection.exec_driver_sql(_WISHES, (batch,)).first()
    if found is None:
        raise StoreError(f"there is no batch {batch}", why="it was removed from the database", fix="runner status")
    return Wishes(
        requested_state=found.requested_state,
        settings=json.loads(found.settings),
        visible_job=found.visible_job,
        visible_row=found.visible_row,
        jobs=found.jobs,
    )
