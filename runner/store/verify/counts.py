"""Sums put to what they count: totals of jobs and attempts, and the counters of each job. Streams; keeps only sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import MILLION
from runner.domain.states import JobState
from runner.store.history import DAY_US
from runner.store.verify.values import Check, Fix, Found, Violation, batch_name
from runner.store.verify.wallets import wallet_violations

_DAYS: Final = 700_000  # about as many are in the calendar before 1970, and more after it
_NAMES: Final = "SELECT id, name FROM batches"
_JOBS: Final = "SELECT j.batch, j.operation, j.state FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch"
_VISIBLE: Final = " WHERE j.id <= b.visible_job"
_JOB_TOTALS: Final = "SELECT batch, operation, state, jobs FROM job_totals WHERE jobs <> 0"
# Grouped in the order of the index on (job, number).
_OF_JOBS: Final = """
SELECT a.unit AS unit, j.id AS job, j.batch AS batch, (SELECT min(row) FROM row_jobs WHERE job = j.id) AS row,
    a.attempts, a.last, a.open, a.requests, a.debits, a.unknowns, a.amount,
    j.attempts, j.attempts, 0, j.requests, j.debits, j.unknowns, j.amount
FROM (
    SELECT job, max(unit) AS unit,
        count(*) AS attempts, max(number) AS last, max(0, sum(closed_us IS NULL) - 1) AS open,
        sum(sent) AS requests, sum(standing = 'debited') AS debits,
        sum(standing IN ('in_doubt', 'held')) AS unknowns, sum(iif(standing = 'debited', amount, 0)) AS amount
    FROM attempts GROUP BY job
) AS a CROSS JOIN jobs AS j ON j.id = a.job
WHERE (a.attempts, a.last, a.open, a.requests, a.debits, a.unknowns, a.amount)
    <> (j.attempts, j.attempts, 0, j.requests, j.debits, j.unknowns, j.amount)
"""
_COUNTERS: Final = (
    "attempts",
    "attempts by their numbers",
    "open attempts too many",
    "requests",
    "charged requests",
    "requests of unknown charge",
    "charged",
)
_STANDINGS: Final = {"held": "on the way", "debited": "charged", "released": "not charged", "in_doubt": "in doubt"}
_ATTEMPTS: Final = """
SELECT batch, provider, operation, unit, opened_us, standing, sent,
    CASE standing WHEN 'held' THEN held WHEN 'released' THEN 0 ELSE amount END FROM attempts
"""
_ATTEMPT_TOTALS: Final = """
SELECT batch, provider, operation, unit, day, standing, requests, amount FROM attempt_totals
WHERE requests <> 0 OR amount <> 0
"""


def check_job_totals(connection: sa.Connection) -> Check:
    """P1: the states of the visible jobs, counted, are what the totals say."""
    counted: Counter[tuple[Any, ...]] = Counter()
    for line in connection.exec_driver_sql(_JOBS + _VISIBLE):
        counted[tuple(line)] += 1
    stored = {tuple(line[:3]): line[3] for line in connection.exec_driver_sql(_JOB_TOTALS)}
    names = _names(connection)
    found = Found()
    found.take(
        Violation(
            f"{stored.get(key, 0)} jobs of {batch_name(names, key[0])} at {key[1]} are said to be {key[2]}, and"
            f" {counted[key]} are",
            "status and exit codes are wrong",
            Fix.STATUS,
            batch=names.get(key[0]),
        )
        for key in _different(counted, stored)
    )
    figures = Counter({state.value: 0 for state in JobState})
    for key, jobs in counted.items():
        figures[key[2]] += jobs
    return found.check("requests", ("P1",), {"jobs": counted.total(), **figures})


def check_ledger(connection: sa.Connection) -> Check:
    """P8, P22: the counters of each job, the sums of each day and standing, and wallets are those of the attempts."""
    names = _names(connection)
    found = Found()
    found.take(_wrong_jobs(connection, names))
    requests: Counter[tuple[Any, ...]] = Counter()
    amounts: Counter[tuple[Any, ...]] = Counter()
    attempts = 0
    for batch, provider, operation, unit, opened_us, standing, sent, amount in connection.exec_driver_sql(_ATTEMPTS):
        key = (batch, provider, operation, unit, opened_us // DAY_US, standing)
        requests[key] += sent
        amounts[key] += amount or 0
        attempts += 1
    counted = {key: (requests[key], amounts[key]) for key in requests if requests[key] or amounts[key]}
    stored = {tuple(line[:6]): tuple(line[6:]) for line in connection.exec_driver_sql(_ATTEMPT_TOTALS)}
    found.take(
        Violation(
            f"the ledger of {batch_name(names, key[0])} at {key[2]} says that on day {_day(key[4])}"
            f" {_said(stored, key)} are {_STANDINGS.get(key[5], key[5])}, and its attempts say {_said(counted, key)}",
            "what was spent is shown wrong, and caps count it wrong",
            Fix.SPEND,
            batch=names.get(key[0]),
        )
        for key in _different(counted, stored)
    )
    found.take(wallet_violations(connection, names))
    days = len({key[4] for key in counted})
    return found.check("ledger", ("P8", "P22"), {"attempts": attempts, "days": days, "sums": len(counted)})


def _wrong_jobs(connection: sa.Connection, names: Mapping[int, str]) -> Iterator[Violation]:
    for line in connection.exec_driver_sql(_OF_JOBS):
        unit, job, batch, row, *figures = line
        half = len(_COUNTERS)
        for amount in (half - 1, 2 * half - 1):
            figures[amount] = _units(figures[amount], unit)
        wrong = [
            f"{_COUNTERS[place]}: {figures[half + place]}, by its attempts {figures[place]}"
            for place in range(half)
            if figures[place] != figures[half + place]
        ]
        yield Violation(
            f"job {job} (row {row} of {batch_name(names, batch)}) counts {'; '.join(wrong)}",
            "an attempt of it is gone, was invented or was changed",
            Fix.COMPARE,
            batch=names.get(batch),
            row=row,
            job=job,
        )


def _names(connection: sa.Connection) -> dict[int, str]:
    return {line[0]: str(line[1]) for line in connection.exec_driver_sql(_NAMES)}


def _different(counted: Mapping[Any, Any], stored: Mapping[Any, Any]) -> list[Any]:
    keys = sorted({*counted, *stored}, key=str)
    return [key for key in keys if counted.get(key) != stored.get(key)]


def _said(sums: Mapping[Any, tuple[Any, ...]], key: Any) -> str:
    requests, amount = sums.get(key, (0, 0))
    return f"{requests} requests ({_units(amount, key[3])})"


def _units(amount: Any, unit: Any) -> str:
    """Millionths in the unit they are of, as `2.5 check`; what is no number stays as it is."""
    return f"{(Decimal(amount) / MILLION).normalize():f} {unit}" if isinstance(amount, int) else f"{amount} {unit}"


def _day(day: Any) -> str:
    """Days since the epoch as a date; what no calendar has stays as it is."""
    if isinstance(day, int) and abs(day) < _DAYS:
        return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
    return str(day)
