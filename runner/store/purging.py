"""Purges by age: what providers answered in batches that are over, and what happened in them.

Outcomes, requests, amounts and the ledger stay, and so does every event that says what was loaded, decided or charged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from runner.domain.model import BatchId
from runner.store.database import Database
from runner.store.scrubbing import unguarded
from runner.store.sql import marks, write_event

KEPT_EVENTS: Final = (
    "batch.loaded",
    "batch.completed",
    "batch.cancelled",
    "batch.exported",  # whether its file is still to be written is told by it
    "doubts.resolved",
    "doubts.released",
    "jobs.retried",
    "jobs.requeued",
    "jobs.poisoned",
    "streak.requeued",
    "balance.differs",
    "balance.grew",
    "answers.reused",
    "answers.purged",
    "answers.erased",
)
"""What was loaded, decided and charged: verification and disputes need it."""

AT_ONCE: Final = 10_000
"""Answers in one transaction: the write-ahead log stays small."""

_OVER: Final = "SELECT id FROM batches WHERE state IN ('completed', 'cancelled') AND touched_us < ?"
# Of a request in doubt the answer is evidence still.
_ANSWERS: Final = f"""
UPDATE answers SET headers = '[]', body = x'', removed = 'purged' WHERE attempt IN (
    SELECT w.attempt FROM attempts AS a JOIN answers AS w ON w.attempt = a.id
    WHERE a.batch = ? AND a.id > ? AND w.removed IS NULL
        AND (a.debited <> 'unknown' OR a.resolution IS NOT NULL) ORDER BY a.id LIMIT {AT_ONCE}
) RETURNING attempt
"""
_EVENTS: Final = f"DELETE FROM events WHERE batch = ? AND event NOT IN ({marks(len(KEPT_EVENTS))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was purged."""

    batches: int  # that are over for so long
    answers: int
    events: int


def purge(database: Database, *, before_us: int, batch: BatchId | None, now_us: int) -> Purged:
    """Under the database lock; in short transactions, each of which leaves a sound file. `compact` comes after it."""
    with database.reading() as connection:
        over = [one for one in connection.exec_driver_sql(_OVER, (before_us,)).scalars() if batch in (None, one)]
    answers = events = 0
    for one in over:
        emptied = _empty(database, one)
        with database.scrubbing() as connection:
            gone = connection.exec_driver_sql(_EVENTS, (one, *KEPT_EVENTS)).rowcount
            if emptied or gone:
                detail = {"answers": emptied, "events": gone}
                write_event(connection, "answers.purged", at_us=now_us, batch=one, detail=detail)
        answers, events = answers + emptied, events + gone
    return Purged(batches=len(over), answers=answers, events=events)


def _empty(database: Database, batch: int) -> int:
    emptied, last = 0, 0
    while True:
        with database.scrubbing() as connection:
            done = _piece(connection, batch, last)
        if not done:
            return emptied
        emptied, last = emptied + len(done), max(done)


def _piece(connection: sa.Connection, batch: int, last: int) -> list[int]:
    with unguarded(connection, "tr_answers_closed"):
        return list(connection.exec_driver_sql(_ANSWERS, (batch, last)).scalars())
