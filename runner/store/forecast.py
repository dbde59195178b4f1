"""What a look ahead needs to know, and a draft: a database of its own for a list that is only looked at.

The user's database is attached to a draft read-only, and never written.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from runner.domain.model import MILLION, UNSENT, Amount, BatchId
from runner.engine.ports import Clock
from runner.store.database import ATTACHED, Database
from runner.store.ledger import dearer, spent_by_day
from runner.store.reader import Reader
from runner.store.values import LOST_ANSWER, NAMED_ONLY, PaidFailures, PaidTwice

if TYPE_CHECKING:
    from runner.store.store import Store

_REFUSED: Final = """
SELECT e.invalid, r.number, r.line FROM row_jobs AS e JOIN rows AS r ON r.batch = e.batch AND r.number = e.row
WHERE e.batch = :batch AND e.invalid IS NOT NULL
AND e.row <= (SELECT visible_row FROM batches WHERE id = :batch) ORDER BY e.row
"""
_UNFINISHED: Final = f"""
SELECT operation, count(*) FROM jobs WHERE batch = ? AND state = 'failed' AND final = 0
AND reason IS NOT '{LOST_ANSWER}' GROUP BY operation
"""
_RELEASABLE: Final = """
SELECT operation, count(*) FROM jobs WHERE batch = ? AND state = 'in_doubt' AND possible_double_charge = 0
GROUP BY operation
"""
_CHARGES: Final = """
SELECT operation, unit, sum(amount), sum(requests) FROM {schema}attempt_totals WHERE standing = 'debited'
GROUP BY operation, unit HAVING sum(requests) > 0
"""
_PAID_FAILURES: Final = """
SELECT j.operation, a.unit,
    count(DISTINCT iif(a.standing = 'debited', j.id, NULL)) AS charged,
    count(DISTINCT iif(j.debits = 0, j.id, NULL)) AS perhaps,
    sum(iif(a.standing = 'debited', a.amount, 0)) AS amount,
    sum(iif(a.standing = 'in_doubt', a.amount, 0)) AS doubtful
FROM jobs AS j JOIN attempts AS a ON a.job = j.id AND a.standing IN ('debited', 'in_doubt')
WHERE j.batch = :batch AND j.state = 'failed' AND j.erased = 0 AND (j.debits > 0 OR j.unknowns > 0)
AND iif(:rule IS NULL, coalesce(j.reason, '') NOT IN ({named}), j.reason = :rule)
GROUP BY j.operation, a.unit ORDER BY j.operation, a.unit
"""
# Beyond the first charge of each: the cheapest may be the one that its answer is worth.
_TWICE: Final = """
SELECT provider, unit, count(*) AS jobs, sum(amount - least) AS amount FROM (
    SELECT substr(j.operation, 1, instr(j.operation, '.') - 1) AS provider, a.unit AS unit,
        sum(a.amount) AS amount, min(a.amount) AS least
    FROM jobs AS j JOIN attempts AS a ON a.job = j.id AND a.standing IN ('debited', 'in_doubt')
    WHERE j.batch = ? AND j.possible_double_charge = 1 GROUP BY j.id, a.unit HAVING count(*) > 1
) GROUP BY provider, unit ORDER BY provider, unit
"""
# Queued again by a person's word or a policy, which mark it, and not sent since.
_TO_RESEND: Final = f"""
SELECT count(*) FROM jobs AS j JOIN attempts AS a ON a.job = j.id AND a.standing = 'in_doubt'
WHERE j.batch = ? AND j.possible_double_charge = 1 AND j.state IN ('queued', 'running') AND NOT EXISTS (
    SELECT 1 FROM attempts AS b WHERE b.job = j.id AND b.id > a.id
    AND coalesce(b.fault, '') NOT IN ({", ".join(repr(fault.value) for fault in sorted(UNSENT))}))
"""
_UNWRITTEN: Final = """
SELECT b.name FROM batches AS b WHERE b.state = 'completed' AND 'batch.completed' = (
    SELECT e.event FROM events AS e WHERE e.batch = b.id AND e.event IN ('batch.completed', 'batch.exported')
    ORDER BY e.id DESC LIMIT 1
)
"""
# Of a job only what counts is copied: no value, no answer, of its parameters the names.
_SEED: Final = (
    f"INSERT INTO batches SELECT * FROM {ATTACHED}.batches WHERE id = :batch",
    f"INSERT INTO runs SELECT * FROM {ATTACHED}.runs"
    f" WHERE id IN (SELECT run FROM {ATTACHED}.jobs WHERE batch = :batch AND state = 'running')",
    "INSERT INTO jobs"
    " (id, batch, operation, key, value, params, state, run, requests, final, reason, possible_double_charge)"
    " SELECT id, batch, operation, key, '', (SELECT json_group_object(key, NULL) FROM json_each(jobs.params)),"
    " state, run, requests, final, reason, possible_double_charge"
    f" FROM {ATTACHED}.jobs WHERE batch = :batch AND id <= (SELECT visible_job FROM batches WHERE id = :batch)",
    f"INSERT INTO job_totals SELECT * FROM {ATTACHED}.job_totals WHERE batch = :batch",
    f"INSERT INTO attempt_totals SELECT * FROM {ATTACHED}.attempt_totals WHERE batch = :batch",
)


class Forecast:
    """Questions of a look ahead. Nothing here writes."""

    def __init__(self, database: Reader) -> None:
        self._database = database

    def refused(self, batch: BatchId, wanted: Mapping[str, int]) -> dict[str, list[tuple[int, int | None]]]:
        """The first refused rows, so many for each reason: their number and line. Reads on until all are found."""
        found: dict[str, list[tuple[int, int | None]]] = {why: [] for why, most in wanted.items() if most}
        missing = set(found)
        with self._database.reading() as connection:
            for why, number, line in connection.exec_driver_sql(_REFUSED, {"batch": batch}):
                if why in missing and (number, line) not in found[why][-1:]:  # two operations refuse the same row
                    found[why].append((number, line))
                    if len(found[why]) == wanted[why]:
                        missing.remove(why)
                if not missing:
                    break
        return found

    def unfinished(self, batch: BatchId) -> dict[str, int]:
        """By operation, the failures that the same command on a completed batch queues again."""
        return self._by_operation(_UNFINISHED, batch)

    def paid_failures(self, batch: BatchId, *, rule: str | None) -> list[PaidFailures]:
        """Of the failures that `retry` queues again, those that were charged, or may have been."""
        sql = _PAID_FAILURES.format(named=", ".join(repr(reason) for reason in NAMED_ONLY))
        with self._database.reading() as connection:
            lines = connection.exec_driver_sql(sql, {"batch": batch, "rule": rule})
            return [PaidFailures(**line) for line in lines.mappings()]

    def paid_twice(self, batch: BatchId) -> list[PaidTwice]:
        """What may have been charged more than once, by provider and unit; its cost grows with such jobs alone."""
        with self._database.reading() as connection:
            return [PaidTwice(**line) for line in connection.exec_driver_sql(_TWICE, (batch,)).mappings()]

    def to_resend(self, batch: BatchId) -> int:
        """Requests whose charge nobody knows that are to be sent again and were not yet; its cost is that of
        `paid_twice`."""
        with self._database.reading() as connection:
            return int(connection.exec_driver_sql(_TO_RESEND, (batch,)).scalar_one())

    def releasable(self, batch: BatchId) -> dict[str, int]:
        """By operation, the doubts that the policy resend-once queues again."""
        return self._by_operation(_RELEASABLE, batch)

    def unwritten(self) -> frozenset[str]:
        """The completed batches whose rows nobody wrote since, by name."""
        with self._database.reading() as connection:
            return frozenset(connection.exec_driver_sql(_UNWRITTEN).scalars())

    def usual_charges(self) -> dict[tuple[str, str], Decimal]:
        """By operation and unit, what a charged request cost here so far, on average."""
        schema = f"{ATTACHED}." if self._database.attached is not None else ""
        with self._database.reading() as connection:
            lines = connection.exec_driver_sql(_CHARGES.format(schema=schema))
            return {(operation, unit): Decimal(amount) / MILLION / many for operation, unit, amount, many in lines}

    def spent_on(self, provider: str, unit: str, day: int, *, batch: BatchId | None = None) -> Amount:
        """What is held, charged or in doubt at a provider on a UTC day (whole days since the epoch), in all batches, or
        in this one."""
        schema = f"{ATTACHED}." if self._database.attached is not None else ""
        with self._database.reading() as connection:
            days = spent_by_day(connection, provider=provider, unit=unit, since_day=day, batch=batch, schema=schema)
        return days.get(day, Amount(0))

    def dearer(self) -> dict[tuple[str, str], Amount]:
        """The highest charge of one request that was above what was held for it, by operation and unit."""
        schema = f"{ATTACHED}." if self._database.attached is not None else ""
        with self._database.reading() as connection:
            return dearer(connection, schema=schema)

    def _by_operation(self, sql: str, batch: BatchId) -> dict[str, int]:
        with self._database.reading() as connection:
            return {line[0]: line[1] for line in connection.exec_driver_sql(sql, (batch,))}


@contextmanager
def open_draft(known: Path | None, *, clock: Clock, batch: BatchId | None = None) -> Generator[Store]:
    """An empty store in the system's temporary folder, removed on leaving; `known` is the user's database, if any.

    With `batch`, that batch of `known` is in it, its jobs by state, without rows, answers and values.
    """
    from runner.store.store import Store

    with TemporaryDirectory(prefix="runner-check-") as folder:
        path = Path(folder) / "draft.db"
        with Store.open(path, clock=clock, attached=known) as store:
            if known is not None and batch is not None:
                Database(path, attached=known).copy_from_attached(_SEED, {"batch": batch})
            yield store
