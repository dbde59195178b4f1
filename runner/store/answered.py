"""Answers that other batches of the database paid for: which of them a batch could do with, and taking them over.

An answer counts for a job where the same request would be sent: the same operation of the same profile, which made its
requests of the same template in the run that asked; an equal key by parameters of equal names, and equal values set for
the whole list. It has succeeded. The cost grows with the jobs that wait and with the batches that asked the same, not
with what these batches hold.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId, RunId
from runner.domain.states import JobEvent
from runner.engine.ports import Clock
from runner.store.database import ATTACHED, CHECKPOINT_PAGES, Database
from runner.store.reading import STREAM
from runner.store.sql import job_may, write_event
from runner.store.values import AnsweredBefore

Asked = Mapping[BatchId, Mapping[str, str]]
"""By batch the request hash of each operation (see `Provider.request_hash`). Answers to requests that are not in it are
nobody's: it is not known what was asked."""

UNKNOWN: Final[Asked] = MappingProxyType({})

PIECE: Final = 5_000
"""Waiting jobs that are looked at in one transaction."""

_ASKED: Final = "SELECT name, operations, params, source FROM {schema}batches"
_NOTE: Final = (
    "INSERT INTO asked (run, batch, operation, request_hash, after_attempt)"
    " VALUES (?, ?, ?, ?, (SELECT coalesce(max(id), 0) FROM attempts))"
)
_NAME: Final = "SELECT name FROM batches WHERE id = ?"
# One result of another kind is enough, its own or a copy. Of a run only its own stretch of attempts is looked at; at
# copies, of which there may be millions, only where anybody ever asked otherwise.
_ASKED_OTHERWISE: Final = """
SELECT EXISTS (
    SELECT 1 FROM {schema}batches AS b CROSS JOIN {schema}asked AS w ON w.batch = b.id
    WHERE b.name = :name AND w.operation = :operation AND w.request_hash <> :request_hash AND EXISTS (
        SELECT 1 FROM {schema}attempts AS t
        WHERE t.id > w.after_attempt
            AND t.id <= (
                SELECT coalesce(min(n.after_attempt), 9223372036854775807) FROM {schema}asked AS n WHERE n.run > w.run
            )
            AND t.run = w.run AND t.batch = w.batch AND t.operation = w.operation AND t.action = 'succeed'
    )
) OR EXISTS (
    SELECT 1 FROM {schema}batches AS b CROSS JOIN {schema}jobs AS j ON j.batch = b.id
    CROSS JOIN {schema}attempts AS t ON t.job = j.reused
    CROSS JOIN {schema}asked AS w ON w.run = t.run AND w.batch = t.batch AND w.operation = t.operation
    WHERE EXISTS (SELECT 1 FROM {schema}asked WHERE operation = :operation AND request_hash <> :request_hash)
        AND b.name = :name AND j.operation = :operation AND j.reused IS NOT NULL AND t.action = 'succeed'
        AND w.request_hash <> :request_hash
)
"""
_ASKED_THE_SAME: Final = """
SELECT b.id FROM {schema}batches AS b JOIN {schema}job_totals AS t ON t.batch = b.id
WHERE b.name = :name AND t.operation = :operation AND t.state = 'succeeded' AND t.jobs > 0
"""
# The newest answer, the one that was asked before its copies. An index leads to it in each of the batches. What was
# erased has neither its key nor its parameters any more: it is nobody's. The run that it came to says what was asked:
# of the runs of a list each may have asked otherwise.
_NEWEST: Final = """(
    SELECT theirs.id FROM {schema}jobs AS theirs
    WHERE theirs.batch IN ({batches}) AND theirs.operation = mine.operation AND theirs.key = mine.key
        AND theirs.state = 'succeeded' AND theirs.finished_us >= :since
        AND (SELECT group_concat(key) FROM json_each(theirs.params))
            IS (SELECT group_concat(key) FROM json_each(mine.params))
        AND EXISTS (
            SELECT 1 FROM {schema}attempts AS t
            CROSS JOIN {schema}asked AS w ON w.run = t.run AND w.batch = t.batch AND w.operation = t.operation
            WHERE t.job = coalesce(theirs.reused, theirs.id) AND t.action = 'succeed' AND w.request_hash = :request_hash
        )
    ORDER BY theirs.finished_us DESC, theirs.reused IS NOT NULL, theirs.id LIMIT 1
)"""
# What may have been asked is asked again: nobody pays less for it, and its charge would be hidden behind an old answer.
_NEVER_SENT: Final = """
mine.batch = :batch AND mine.operation = :operation AND mine.requests = 0
AND mine.id <= (SELECT visible_job FROM batches WHERE id = :batch)
"""
# A run that died had taken some up: the next one finds them waiting.
_KNOWN: Final = """
SELECT b.name AS batch, o.finished_us AS at_us FROM (
    SELECT {newest} AS answer FROM jobs AS mine WHERE mine.state = 'queued' AND {never_sent}
    UNION ALL SELECT {newest} FROM jobs AS mine WHERE mine.state = 'running' AND {never_sent}
) AS found CROSS JOIN {schema}jobs AS a ON a.id = found.answer
CROSS JOIN {schema}jobs AS o ON o.id = coalesce(a.reused, a.id) CROSS JOIN {schema}batches AS b ON b.id = o.batch
"""
# In the order of the index of queued jobs, from the last one on: one comparison of both columns would begin anew.
_NEXT: Final = """
SELECT mine.id AS job, mine.due_us AS due_us, {newest} AS answer FROM jobs AS mine
WHERE mine.state = 'queued' AND {never_sent} AND mine.due_us = :due_us AND mine.id > :job
UNION ALL SELECT mine.id, mine.due_us, {newest} FROM jobs AS mine
WHERE mine.state = 'queued' AND {never_sent} AND mine.due_us > :due_us
ORDER BY due_us, job LIMIT :piece
"""
_TAKE_OVER: Final = f"""
UPDATE jobs SET state = 'succeeded', due_us = 0, reason = a.reason, final = a.final, found = a.found,
    result = a.result, http_status = a.http_status, error_code = a.error_code, error_message = a.error_message,
    finished_us = a.finished_us, reused = coalesce(a.reused, a.id)
FROM jobs AS a WHERE jobs.id = ? AND a.id = ? AND jobs.requests = 0 AND jobs.{job_may(JobEvent.REUSE)}
"""


class Answered:
    """Looks for them, and takes them over."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def before(
        self, batch: BatchId, *, request_hashes: Mapping[str, str], since_us: int | None = None
    ) -> list[AnsweredBefore]:
        """By operation, the jobs never sent yet that another batch has the answer to; `since_us`: of them, those that
        it has a younger one to. `request_hashes`: see `Provider.request_hash`, by operation. Reads only; for a draft
        it looks into the database that is attached to it."""
        schema = "" if self._database.attached is None else f"{ATTACHED}."
        found: list[AnsweredBefore] = []
        with self._database.reading() as connection:
            for operation, batches in _asked_the_same(connection, batch, schema):
                sql = _KNOWN.format(
                    newest=_NEWEST.format(schema=schema, batches=batches), never_sent=_NEVER_SENT, schema=schema
                )
                given = {"batch": batch, "operation": operation, "request_hash": request_hashes[operation], "since": 0}
                lines = connection.exec_driver_sql(sql, given)
                summed = _summed(operation, lines.partitions(STREAM), since_us)
                found += [] if summed is None else [summed]
        return found

    def take_over(
        self,
        batch: BatchId,
        *,
        request_hashes: Mapping[str, str],
        since_us: int,
        given_up: Callable[[], bool] = lambda: False,
    ) -> int:
        """Give every job that was never sent the newest answer since then, if there is one; returns how many.
        `request_hashes`: as above.

        Under the database lock, before a run's writer is at work. In short transactions, each of which leaves a sound
        file: what a kill leaves, or `given_up` between two of them, waits as before.
        """
        taken = 0
        with self._database.writing(checkpoint=CHECKPOINT_PAGES) as connection:
            with connection.begin():
                asked = list(_asked_the_same(connection, batch, ""))
            for operation, batches in asked:
                sql = _NEXT.format(newest=_NEWEST.format(schema="", batches=batches), never_sent=_NEVER_SENT)
                place = {"due_us": -1, "job": 0}
                while place and not given_up():
                    asking = {"batch": batch, "operation": operation, "request_hash": request_hashes[operation]}
                    given = {"since": since_us, "piece": PIECE, **asking, **place}
                    with connection.begin():
                        count, place = _piece(connection, sql, given)
                        if count:
                            detail = {"jobs": count, "operation": operation, "since_us": since_us}
                            write_event(
                                connection, "answers.reused", at_us=self._clock.now_us(), batch=batch, detail=detail
                            )
                    taken += count
        return taken

    def asked_otherwise(self, batch: BatchId, request_hashes: Mapping[str, str]) -> set[str]:
        """The operations of a batch that have a result which other requests were made for. Reads only; of a draft it
        is the batch that it is of."""
        schema = "" if self._database.attached is None else f"{ATTACHED}."
        sql = _ASKED_OTHERWISE.format(schema=schema)
        with self._database.reading() as connection:
            given = {"name": connection.exec_driver_sql(_NAME, (batch,)).scalar_one()}
            return {
                key
                for key, one in request_hashes.items()
                if connection.exec_driver_sql(sql, {**given, "operation": key, "request_hash": one}).scalar_one()
            }


def note_asked(connection: sa.Connection, run: RunId, asked: Asked) -> None:
    """Keep what makes the requests of a run."""
    lines = [(run, batch, operation, one) for batch, ours in asked.items() for operation, one in ours.items()]
    if lines:
        connection.exec_driver_sql(_NOTE, lines)


def _asked_the_same(connection: sa.Connection, batch: BatchId, schema: str) -> Iterator[tuple[str, str]]:
    """The operations of a batch, each with the ids of the other batches that asked it alike, as SQL takes them.

    Other batches by their names: a draft has ids of its own.
    """
    own = connection.exec_driver_sql(f"{_ASKED.format(schema='')} WHERE id = ?", (batch,)).one()
    others = connection.exec_driver_sql(f"{_ASKED.format(schema=schema)} WHERE name <> ?", (own.name,)).all()
    for operation in json.loads(own.operations):
        mine = _way(own, operation)
        same = [other.name for other in others if _way(other, operation) == mine]
        sql = _ASKED_THE_SAME.format(schema=schema)
        ids = [
            id_
            for name in same
            for id_ in connection.exec_driver_sql(sql, {"name": name, "operation": operation}).scalars()
        ]
        if ids:
            yield operation, ", ".join(map(str, ids))


def _way(batch: sa.Row[Any], operation: str) -> tuple[Any, ...]:
    """How it is asked: with what set for the whole list, and by whose profile."""
    source: Mapping[str, Any] = json.loads(batch.source)
    return (
        json.loads(batch.params).get(operation),
        source.get("profiles", {}).get(operation.partition(".")[0]),
    )


def _summed(operation: str, pieces: Iterable[Sequence[Sequence[Any]]], since_us: int | None) -> AnsweredBefore | None:
    """Counted as they come: there may be millions. None: there is none."""
    batches: Counter[str] = Counter()
    first, last, young = sys.maxsize, 0, 0
    for line in (line for piece in pieces for line in piece):
        batches[line[0]] += 1
        first, last = min(first, line[1]), max(last, line[1])
        young += since_us is not None and line[1] >= since_us
    if not batches:
        return None
    return AnsweredBefore(
        operation=operation,
        jobs=batches.total(),
        batches=dict(batches.most_common()),
        first_us=first,
        last_us=last,
        young=young,
    )


def _piece(connection: sa.Connection, sql: str, given: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    """How many of the next jobs were given an answer, and the place of the last that was looked at; none: the end."""
    lines = connection.exec_driver_sql(sql, dict(given)).all()
    answered = [(line.job, line.answer) for line in lines if line.answer is not None]
    count = connection.exec_driver_sql(_TAKE_OVER, answered).rowcount if answered else 0
    return count, {"due_us": lines[-1].due_us, "job": lines[-1].job} if len(lines) == given["piece"] else {}
