"""What people and exports read: read-only connections, one snapshot for each question."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import Amount, Answer, AttemptId, BatchId, Debited, JobId, RunId
from runner.domain.personal import shown_name
from runner.domain.states import JobState
from runner.domain.typed import typed_name
from runner.errors import BatchError
from runner.store.balances import check_account, read_balances
from runner.store.history import read_decided, read_events, read_spend
from runner.store.jobs import next_due
from runner.store.lanes import read_lanes
from runner.store.reader import Reader
from runner.store.reading import read_answer, read_attempts, read_batch, stream_outcomes, to_batch
from runner.store.rowviews import Chosen, Outcomes, RowHistory
from runner.store.sql import marks
from runner.store.values import (
    NAMED_ONLY,
    BatchInfo,
    BatchStatus,
    Doubt,
    EventView,
    JobHistory,
    LedgerLine,
    SpendView,
)
from runner.store.wallets import Balance, Checked

KEYS_AT_ONCE: Final = 500

_BY_STATE: Final = "SELECT operation, state, jobs FROM job_totals WHERE batch = ?"
_LEDGER: Final = """
SELECT provider, operation, unit, sum(requests) AS requests,
    sum(iif(standing = 'debited', requests, 0)) AS yes, sum(iif(standing = 'released', requests, 0)) AS no,
    sum(iif(standing = 'in_doubt', requests, 0)) AS unknown, sum(iif(standing = 'held', requests, 0)) AS open,
    sum(iif(standing = 'debited', amount, 0)) AS debited, sum(iif(standing = 'in_doubt', amount, 0)) AS in_doubt,
    sum(iif(standing = 'held', amount, 0)) AS held
FROM attempt_totals WHERE batch = ? GROUP BY provider, operation, unit ORDER BY provider, operation, unit
"""
_FAILED: Final = """
SELECT count(*) FILTER (WHERE final = 0) AS unfinished, count(*) FILTER (WHERE debits > 0 OR unknowns > 0) AS paid
FROM jobs WHERE batch = ? AND state = 'failed'
"""
_NAMED_ONLY: Final = f"""
SELECT DISTINCT reason FROM jobs
WHERE batch = ? AND state = 'failed' AND erased = 0 AND reason IN ({marks(len(NAMED_ONLY))}) ORDER BY reason
"""
_REUSED: Final = """
SELECT operation, count(*) FROM jobs WHERE batch = ? AND reused IS NOT NULL GROUP BY operation
"""
_AT_WORK: Final = "SELECT max(id) FROM runs WHERE ended_us IS NULL"
_DOUBTS: Final = """
SELECT j.id, j.operation, j.value, min(e.row) AS first FROM jobs AS j JOIN row_jobs AS e ON e.job = j.id
WHERE j.batch = ? AND j.state = 'in_doubt' GROUP BY j.id ORDER BY first, j.operation
"""
_JOB: Final = """
SELECT params, iif(state = 'queued', due_us, NULL) AS due_us,
    (SELECT count(*) FROM row_jobs WHERE job = jobs.id) AS rows
FROM jobs WHERE id = ?
"""
_ROWS_OF_JOB: Final = """
SELECT e.row, r.line FROM row_jobs AS e JOIN rows AS r ON r.batch = e.batch AND r.number = e.row
WHERE e.job = ? ORDER BY e.row
"""
_ROWS_OF_VALUE: Final = """
SELECT DISTINCT e.row FROM row_jobs AS e LEFT JOIN jobs AS j ON j.id = e.job
WHERE e.batch = :batch AND e.row <= :rows
AND (j.value = :value COLLATE NOCASE OR j.key = :value COLLATE NOCASE OR e.value = :value COLLATE NOCASE)
ORDER BY e.row
"""


class Reports:
    """Questions to the database. Safe beside a run; nothing here writes."""

    def __init__(self, database: Reader) -> None:
        self._database = database

    def batches(self) -> list[BatchInfo]:
        """Every batch, the one last worked on first."""
        with self._database.reading() as connection:
            lines = connection.exec_driver_sql("SELECT * FROM batches ORDER BY touched_us DESC, id DESC").mappings()
            return [to_batch(line) for line in lines]

    def batch(self, batch: BatchId) -> BatchInfo:
        """One batch; BatchError if there is none."""
        with self._database.reading() as connection:
            return read_batch(connection, batch)

    def find(self, text: str, *, directory: Path | None = None) -> BatchInfo:
        """By name, path of the source (the batch last worked on), or unique prefix of a name. BatchError otherwise.

        A relative path counts from `directory`, by default the current one.
        """
        batches = self.batches()
        for batch in batches:
            if batch.name == text:
                return batch
        if (from_path := _from_path(batches, (directory or Path()) / text)) is not None:
            return from_path
        starting = [batch for batch in batches if batch.name.startswith(text)] if text else []
        if len(starting) == 1:
            return starting[0]
        if starting:
            names = ", ".join(batch.name for batch in starting)
            raise BatchError(
                f"{text} could be several batches",
                why=f"{names} begin so",
                fix=f"runner status {starting[0].typed}   (or another of them)",
            )
        near = difflib.get_close_matches(text, [batch.name for batch in batches], n=1)
        raise BatchError(
            f"there is no batch {shown_name(text)}",
            why="no batch is called that or begins so, and none was read from such a file",
            fix=f"runner status {typed_name(near[0])}   (did you mean it?)"
            if near
            else "runner status   (lists the batches)",
        )

    def named(self, name: str) -> BatchInfo | None:
        """The batch of exactly this name."""
        with self._database.reading() as connection:
            line = connection.exec_driver_sql("SELECT * FROM batches WHERE name = ?", (name,)).mappings().first()
            return None if line is None else to_batch(line)

    def last(self) -> BatchInfo | None:
        """The batch last worked on."""
        return next(iter(self.batches()), None)

    def status(self, batch: BatchId) -> BatchStatus:
        """Counts, ledger and lanes; its cost does not grow with the batch."""
        with self._database.reading() as connection:
            info = read_batch(connection, batch)
            jobs = {operation: dict.fromkeys(JobState, 0) for operation in info.operations}
            for operation, state, count in connection.exec_driver_sql(_BY_STATE, (batch,)):
                jobs.setdefault(operation, dict.fromkeys(JobState, 0))[JobState(state)] = count
            failed = connection.exec_driver_sql(_FAILED, (batch,)).one()
            return BatchStatus(
                batch=info,
                jobs=jobs,
                ledger=_ledger(connection, batch),
                lanes=tuple(read_lanes(connection, batch=batch)),
                next_due_us=next_due(connection, batch=batch, operations=info.operations),
                unfinished=failed.unfinished,
                failed_paid=failed.paid,
                reused={line[0]: line[1] for line in connection.exec_driver_sql(_REUSED, (batch,))},
                run=connection.exec_driver_sql(_AT_WORK).scalar(),
            )

    @contextmanager
    def outcomes(self, batch: BatchId, chosen: Chosen | None = None) -> Generator[Outcomes]:
        """Rows in order with the outcome of each operation, streamed from one snapshot: all, or those chosen."""
        with self._database.reading() as connection:
            info = read_batch(connection, batch)
            yield Outcomes(batch=info, read=partial(stream_outcomes, connection, info, chosen=chosen or Chosen()))

    def history(self, batch: BatchId, row: int) -> RowHistory:
        """Everything behind one row; BatchError if the batch has no such row."""
        with self._database.reading() as connection:
            info = read_batch(connection, batch)
            view = next(stream_outcomes(connection, info, chosen=Chosen(), row=row), None)
            if view is None:
                raise BatchError(
                    f"{info.name} has no row {row}",
                    why=f"its rows are numbered 1 to {info.rows}" if info.rows else "its list has no rows",
                    fix=f"runner explain {info.typed} {max(1, info.rows)}",
                )
            jobs = {one.operation: _job(connection, one.job) for one in view.outcomes if one.job is not None}
            return RowHistory(row=view, jobs=jobs)

    def answer(self, attempt: AttemptId) -> Answer | None:
        """The raw answer of a closed attempt, as received; None while open, and for one a crash has cut off."""
        with self._database.reading() as connection:
            return read_answer(connection, attempt)

    def rows_by_value(self, batch: BatchId, value: str) -> list[int]:
        """The numbers of the rows whose value (as sent, as key, or the raw refused cell) is this one, case ignored."""
        with self._database.reading() as connection:
            info = read_batch(connection, batch)
            values = {"batch": batch, "rows": info.rows, "value": value}
            return list(connection.exec_driver_sql(_ROWS_OF_VALUE, values).scalars())

    def named_only(self, batch: BatchId) -> list[str]:
        """The reasons of failed jobs that are sent again only by that name."""
        with self._database.reading() as connection:
            return list(connection.exec_driver_sql(_NAMED_ONLY, (batch, *NAMED_ONLY)).scalars())

    def known_keys(self, batch: BatchId, keys: Collection[str]) -> frozenset[str]:
        """Which of the source keys the batch already has."""
        asked, known = list(keys), set[str]()
        with self._database.reading() as connection:
            for start in range(0, len(asked), KEYS_AT_ONCE):
                some = asked[start : start + KEYS_AT_ONCE]
                sql = f"SELECT key FROM rows WHERE batch = ? AND key IN ({marks(len(some))})"
                known.update(connection.exec_driver_sql(sql, (batch, *some)).scalars())
        return frozenset(known)

    def doubts(self, batch: BatchId) -> list[Doubt]:
        """The jobs in doubt, by row, with the attempts whose charge is unknown."""
        with self._database.reading() as connection:
            lines = connection.exec_driver_sql(_DOUBTS, (batch,)).all()
            return [_doubt(connection, line) for line in lines]

    def check_account(self, account: str, *, run: RunId) -> Checked | None:
        """What the account's answers since the last check say of its wallet; None where no sum can be compared.
        `run`: looked at alone where not all since can be compared."""
        with self._database.reading() as connection:
            return check_account(connection, account, run=run)

    def balances(self, batch: BatchId) -> tuple[Balance, ...]:
        """The wallets over the runs of a batch, the oldest first, with what was decided about their doubts since."""
        with self._database.reading() as connection:
            return read_balances(connection, batch)

    def events(
        self, *, batch: BatchId | None = None, since_us: int | None = None, limit: int
    ) -> tuple[list[EventView], bool]:
        """The last `limit` events, the newest last, and whether older ones were left out."""
        with self._database.reading() as connection:
            return read_events(connection, batch=batch, since_us=since_us, limit=limit)

    def decided(self, batch: BatchId, *, after: int | None) -> tuple[int, bool]:
        """As `read_decided`: asked again and again beside a run."""
        with self._database.reading() as connection:
            return read_decided(connection, batch, after=after)

    def spend(self, *, batch: BatchId | None = None, since_us: int | None = None) -> list[SpendView]:
        """What was sent and charged by day, batch and operation, from the day (UTC) of `since_us` on."""
        with self._database.reading() as connection:
            return read_spend(connection, batch=batch, since_us=since_us)


def _from_path(batches: list[BatchInfo], path: Path) -> BatchInfo | None:
    return next((batch for batch in batches if batch.source.get("path") == str(path.absolute())), None)


def _job(connection: sa.Connection, job: int) -> JobHistory:
    line = connection.exec_driver_sql(_JOB, (job,)).one()
    return JobHistory(
        params=json.loads(line.params),
        attempts=read_attempts(connection, job),
        rows=line.rows,
        due_us=line.due_us,
    )


def _doubt(connection: sa.Connection, line: sa.Row[Any]) -> Doubt:
    attempts = read_attempts(connection, line.id)
    rows = connection.exec_driver_sql(_ROWS_OF_JOB, (line.id,)).all()
    return Doubt(
        job=JobId(line.id),
        operation=line.operation,
        value=line.value,
        rows=tuple(one.row for one in rows),
        line=rows[0].line,
        attempts=tuple(one for one in attempts if one.debited is Debited.UNKNOWN and one.resolution is None),
    )


def _ledger(connection: sa.Connection, batch: BatchId) -> tuple[LedgerLine, ...]:
    return tuple(
        LedgerLine(
            provider=line.provider,
            operation=line.operation,
            unit=line.unit,
            requests=line.requests,
            yes=line.yes,
            no=line.no,
            unknown=line.unknown,
            open=line.open,
            debited=Amount(line.debited),
            in_doubt=Amount(line.in_doubt),
            held=Amount(line.held),
        )
        for line in connection.exec_driver_sql(_LEDGER, (batch,))
    )
