"""Erases one person: every text that names them, and all that their rows asked and were answered.

What is left is a stub without content: the row's number, the job's state and figures, the attempts and what they cost.
So that sums still hold, nothing is counted anew and no line is removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.person import ERASED, Person
from runner.domain.states import JobEvent
from runner.domain.typed import typed_name
from runner.errors import BatchError
from runner.store.codec import to_json
from runner.store.database import Database
from runner.store.scrubbing import unguarded
from runner.store.sql import job_may, write_event

_TABLES: Final = """
CREATE TEMP TABLE theirs (batch INTEGER NOT NULL, "row" INTEGER NOT NULL, PRIMARY KEY (batch, "row")) WITHOUT ROWID;

CREATE TEMP TABLE their_jobs (job INTEGER NOT NULL PRIMARY KEY);
"""
_JOBS_BY_VALUE: Final = """
INSERT INTO their_jobs SELECT id FROM jobs WHERE names(key) OR names(value) OR names(params)
"""
_ROWS_OF_JOBS: Final = """
INSERT OR IGNORE INTO theirs SELECT batch, row FROM row_jobs WHERE job IN (SELECT job FROM their_jobs)
"""
# What another row asks for too is that row's as well: its answer stays.
_JOBS_OF_ROWS: Final = """
INSERT OR IGNORE INTO their_jobs SELECT e.job FROM theirs AS t JOIN row_jobs AS e ON e.batch = t.batch AND e.row = t.row
WHERE e.job IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM row_jobs AS o WHERE o.job = e.job AND NOT EXISTS (
        SELECT 1 FROM theirs WHERE batch = o.batch AND row = o.row))
"""
_DOUBTS: Final = """
SELECT b.name, min(e.row) AS row, count(DISTINCT j.id) AS jobs FROM their_jobs AS t
JOIN jobs AS j ON j.id = t.job AND j.state = 'in_doubt' JOIN batches AS b ON b.id = j.batch
JOIN row_jobs AS e ON e.job = j.id GROUP BY b.id ORDER BY b.id LIMIT 1
"""
_LOADING: Final = "SELECT name FROM batches WHERE state = 'loading' LIMIT 1"
_CANCEL: Final = f"""
UPDATE jobs SET state = 'cancelled', reason = 'erased', due_us = 0, finished_us = ?
WHERE id IN (SELECT job FROM their_jobs) AND {job_may(JobEvent.CANCEL)}
"""
_EMPTY: Final = (
    """
    UPDATE jobs SET key = 'erased-' || id, value = '', params = '{}', result = NULL, found = NULL,
        error_message = NULL, final = iif(state = 'failed', 1, final), erased = 1
    WHERE id IN (SELECT job FROM their_jobs)
    """,
    f"UPDATE attempts SET path = '{ERASED}', error_message = NULL WHERE job IN (SELECT job FROM their_jobs)",
    """
    UPDATE answers SET headers = '[]', body = x'', removed = 'erased'
    WHERE removed IS NULL AND attempt IN (
        SELECT a.id FROM their_jobs AS t JOIN attempts AS a ON a.job = t.job)
    """,
    """
    UPDATE row_jobs SET value = '' WHERE value IS NOT NULL AND (batch, row) IN (SELECT batch, row FROM theirs)
    """,
)
_SENT_FOR: Final = """
SELECT j.key, j.value, j.params FROM row_jobs AS e JOIN jobs AS j ON j.id = e.job WHERE e.batch = ? AND e.row = ?
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column in which anybody may be named."""

    table: str
    name: str
    key: str
    json: bool = False


SWEPT: Final = (
    *(_Column(table="batches", name=name, key="id") for name in ("name", "reason")),
    *(
        _Column(table="batches", name=name, key="id", json=True)
        for name in ("settings", "source", "header", "mapping", "params", "delivered")
    ),
    _Column(table="rows", name="cells", key="batch, number", json=True),
    _Column(table="rows", name="key", key="batch, number"),
    _Column(table="row_jobs", name="value", key="batch, row, operation"),
    _Column(table="runs", name="options", key="id", json=True),
    *(_Column(table="jobs", name=name, key="id") for name in ("reason", "error_code", "error_message")),
    _Column(table="jobs", name="result", key="id", json=True),
    *(
        _Column(table="attempts", name=name, key="id")
        for name in ("path", "detail", "rule", "error_code", "error_message", "provider_request_id")
    ),
    _Column(table="answers", name="headers", key="attempt", json=True),
    _Column(table="lanes", name="report", key="batch, provider", json=True),
    _Column(table="events", name="detail", key="id", json=True),
)
"""Every column that holds what came from a list, a person or a provider; bodies of answers beside them, and what jobs
are told apart by, are looked at on their own. A test holds it to the schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased. Zero everywhere: the person is not in the file."""

    rows: Mapping[str, int]  # whole rows, by batch
    jobs: int
    cancelled: int  # of these: had not been sent
    answers: int  # emptied: theirs, and others' that named them
    mentions: int  # other texts that named them

    @property
    def anything(self) -> bool:
        """Whether they were there."""
        return bool(self.rows or self.jobs or self.answers or self.mentions)


def erase(database: Database, person: Person, *, now_us: int) -> Erased:
    """One transaction, under the database lock. `compact` comes after it.

    BatchError: a request about them is in doubt, or a list is being read.
    """
    with database.scrubbing(names=lambda value: _names(person, value)) as connection:
        for statement in _TABLES.split("\n\n"):
            connection.exec_driver_sql(statement)
        _find(connection, person)
        _refuse_doubts(connection)
        rows = _rows_by_batch(connection)
        with unguarded(connection, "tr_attempts_closed", "tr_answers_closed"):
            _empty_rows(connection, person)
            cancelled = connection.exec_driver_sql(_CANCEL, (now_us,)).rowcount
            jobs, _, answers, _ = [connection.exec_driver_sql(statement).rowcount for statement in _EMPTY]
            answers += _sweep_bodies(connection, person)
            mentions = sum(_sweep(connection, person, column) for column in SWEPT)
        erased = Erased(
            rows={line.name: line.rows for line in rows},
            jobs=jobs,
            cancelled=cancelled,
            answers=answers,
            mentions=mentions,
        )
        for line in rows:
            write_event(connection, "answers.erased", at_us=now_us, batch=line.id, detail={"rows": line.rows})
        return erased


def _names(person: Person, value: Any) -> int:
    """The function `names(x)` of the statements: whether a text, or the bytes of one, names the person."""
    if isinstance(value, bytes):
        value = value.decode(errors="surrogateescape")
    return int(isinstance(value, str) and person.stands_in(value))


def _find(connection: sa.Connection, person: Person) -> None:
    """Whose rows and jobs they are: by what was or would be sent, and by a cell that is nothing but their value."""
    connection.exec_driver_sql(_JOBS_BY_VALUE)
    named = connection.exec_driver_sql("SELECT batch, number, cells FROM rows WHERE names(cells)").all()
    theirs = [(line[0], line[1]) for line in named if any(map(person.owns, json.loads(line[2])))]
    for one in theirs:
        connection.exec_driver_sql("INSERT INTO theirs VALUES (?, ?)", one)
    connection.exec_driver_sql(_ROWS_OF_JOBS)
    connection.exec_driver_sql(_JOBS_OF_ROWS)


def _refuse_doubts(connection: sa.Connection) -> None:
    loading = connection.exec_driver_sql(_LOADING).scalar()
    if loading is not None:
        named = typed_name(loading)
        raise BatchError(
            f"the list of {loading} is not read to its end",
            why="the rest of it may hold the person",
            fix=f"runner load FILE --batch {named}, or runner cancel {named}; then the same command again",
        )
    doubt = connection.exec_driver_sql(_DOUBTS).first()
    if doubt is not None:
        named = typed_name(doubt.name)
        raise BatchError(
            f"a request about this person is in doubt (row {doubt.row} of {doubt.name})",
            why="once erased, nobody could find out whether it was charged",
            fix=f"runner doubt resolve {named} --row {doubt.row} --as charged, then the same command again",
        )


def _rows_by_batch(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    sql = "SELECT b.id, b.name, count(*) AS rows FROM theirs AS t JOIN batches AS b ON b.id = t.batch GROUP BY b.id"
    return connection.exec_driver_sql(sql).all()


def _empty_rows(connection: sa.Connection, person: Person) -> None:
    """Every cell of their rows. The source's key stays, so that the row is not read again, unless it tells of them."""
    lines = connection.exec_driver_sql(
        "SELECT r.batch, r.number, r.cells, r.key FROM theirs AS t"
        " JOIN rows AS r ON r.batch = t.batch AND r.number = t.row"
    ).all()
    for batch, number, cells, key in lines:
        empty = to_json([""] * len(json.loads(cells)))
        sent = connection.exec_driver_sql(_SENT_FOR, (batch, number)).all()
        tells = key is not None and (
            person.stands_in(key) or any(key in (one.key, one.value, *json.loads(one.params).values()) for one in sent)
        )
        kept = None if tells else key
        connection.exec_driver_sql(
            "UPDATE rows SET cells = ?, key = ? WHERE batch = ? AND number = ?", (empty, kept, batch, number)
        )


def _sweep(connection: sa.Connection, person: Person, column: _Column) -> int:
    """Their name in somebody else's text; returns in how many."""
    keys = column.key.split(", ")
    named = connection.exec_driver_sql(
        f"SELECT {column.name}, {column.key} FROM {column.table} WHERE names({column.name})"
    ).all()
    where = " AND ".join(f"{key} = ?" for key in keys)
    for text, *key in named:
        left = _without_json(person, text) if column.json else person.without(text)
        connection.exec_driver_sql(f"UPDATE {column.table} SET {column.name} = ? WHERE {where}", (left, *key))
    return len(named)


def _sweep_bodies(connection: sa.Connection, person: Person) -> int:
    """Answers about others that name them: JSON without their name; what is no JSON goes as a whole."""
    named = connection.exec_driver_sql("SELECT attempt, body FROM answers WHERE names(body)").all()
    for attempt, body in named:
        try:
            left = to_json(person.without_json(json.loads(body))).encode()
        except (ValueError, RecursionError):
            left = b""
        if left and not _names(person, left):
            connection.exec_driver_sql("UPDATE answers SET body = ? WHERE attempt = ?", (left, attempt))
        else:
            sql = "UPDATE answers SET headers = '[]', body = x'', removed = 'erased' WHERE attempt = ?"
            connection.exec_driver_sql(sql, (attempt,))
    return len(named)


def _without_json(person: Person, text: str) -> str:
    try:
        left = to_json(person.without_json(json.loads(text)))
    except (ValueError, RecursionError):
        return person.without(text)
    return person.without(left) if person.stands_in(left) else left
