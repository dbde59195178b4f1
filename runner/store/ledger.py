"""Sums that a run begins with, or looks at again: spent by account and day, charges that were dearer, what waits."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Final

import sqlalchemy as sa

from runner.domain.backoff import DAY_US
from runner.domain.model import Amount

_BY_DAY: Final = """
SELECT day, sum(amount) FROM {schema}attempt_totals
WHERE provider = ? AND unit = ? AND day >= ? AND standing <> 'released' AND batch = coalesce(?, batch) GROUP BY day
"""
# Whoever spent as the account since then: its requests are over (those of a run that died were closed by recovery).
_BY_ACCOUNT: Final = """
SELECT day, sum(amount) FROM attempt_totals
WHERE unit = ? AND day >= ? AND standing <> 'released' AND provider IN (
    SELECT provider FROM attempts WHERE account = ? AND closed_us >= ? UNION SELECT value FROM json_each(?)
) GROUP BY day
"""
# A run claims jobs some time before it sends them: they wait until their request is on the way.
_WAITING: Final = """
SELECT operation, sum(requests) FROM (
    SELECT operation, jobs AS requests FROM job_totals WHERE batch = ? AND state IN ('queued', 'running')
    UNION ALL SELECT operation, -requests FROM attempt_totals WHERE batch = ? AND standing = 'held'
) GROUP BY operation
"""
# Hardly any attempt is in the index that serves it: only those that the profile's price did not foresee.
_DEARER: Final = (
    "SELECT operation, unit, max(amount) FROM {schema}attempts WHERE amount > held GROUP BY operation, unit"
)


def spent_by_day(
    connection: sa.Connection, *, provider: str, unit: str, since_day: int, batch: int | None = None, schema: str = ""
) -> dict[int, Amount]:
    """Held, debited or in doubt on each UTC day (whole days since the epoch), in one batch or, None, in every one.
    `schema`: "main."."""
    lines = connection.exec_driver_sql(_BY_DAY.format(schema=schema), (provider, unit, since_day, batch))
    return {day: Amount(amount) for day, amount in lines}


def spent_by_account(
    connection: sa.Connection, *, account: str, names: Collection[str], unit: str, since_day: int
) -> dict[int, Amount]:
    """As `spent_by_day`, under these provider names and all others that used the account since then."""
    values = (unit, since_day, account, since_day * DAY_US, json.dumps(sorted(names)))
    return {day: Amount(amount) for day, amount in connection.exec_driver_sql(_BY_ACCOUNT, values)}


def dearer(connection: sa.Connection, *, schema: str = "") -> dict[tuple[str, str], Amount]:
    """The highest charge of a single request that was above what was held for it, by operation and unit."""
    lines = connection.exec_driver_sql(_DEARER.format(schema=schema))
    return {(operation, unit): Amount(amount) for operation, unit, amount in lines}


def waiting(connection: sa.Connection, *, batch: int) -> dict[str, int]:
    """How many requests of a batch are still to be sent, by operation: of queued jobs, and of claimed ones."""
    return {line[0]: line[1] for line in connection.exec_driver_sql(_WAITING, (batch, batch))}
