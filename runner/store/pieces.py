"""Rows on their way into the tables, a piece of a list at a time: each distinct value becomes one job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId
from runner.errors import InputError
from runner.store.codec import params_to_json, texts_to_json, to_text
from runner.store.values import NewJob, NewRow

_ROW: Final = "INSERT INTO rows (batch, number, line, cells, key) VALUES (?, ?, ?, ?, ?)"
_JOB: Final = """
INSERT INTO jobs (batch, operation, key, value, params) VALUES ({batch}, ?2, ?3, ?4, ?5)
ON CONFLICT (batch, operation, key) DO NOTHING
"""
_ASKS: Final = """
INSERT INTO row_jobs (batch, row, operation, job)
SELECT batch, ?1, operation, id FROM jobs WHERE batch = {batch} AND operation = ?2 AND key = ?3
"""
_REFUSED: Final = "INSERT INTO row_jobs (batch, row, operation, invalid, value) VALUES (?, ?, ?, ?, ?)"

# In bulk: what has an index of its own at the end only.
_LATER: Final = ("uq_jobs_batch_operation_key", "ix_jobs_queued", "ix_row_jobs_job")
_FILTER_BYTES: Final = 1 << 24
_FILTER_MASK: Final = (_FILTER_BYTES << 3) - 1
_PERHAPS: Final = """
CREATE TEMP TABLE perhaps (
    id INTEGER PRIMARY KEY, operation TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, params TEXT NOT NULL
)
"""
_KEEP: Final = "INSERT INTO temp.perhaps (id, operation, key, value, params) VALUES (?, ?, ?, ?, ?)"
_SURE: Final = "INSERT INTO jobs (id, batch, operation, key, value, params) VALUES (?, {batch}, ?, ?, ?, ?)"
_SURE_ASKS: Final = """
INSERT INTO row_jobs (batch, row, operation, job)
SELECT batch, (id - 1) / {width} + 1, operation, id FROM jobs WHERE id > ? ORDER BY id
"""
_PERHAPS_JOBS: Final = """
INSERT INTO jobs (id, batch, operation, key, value, params)
SELECT id, {batch}, operation, key, value, params FROM temp.perhaps WHERE true ORDER BY id
ON CONFLICT (batch, operation, key) DO NOTHING
"""
_PERHAPS_ASKS: Final = """
INSERT INTO row_jobs (batch, row, operation, job)
SELECT j.batch, (p.id - 1) / {width} + 1, p.operation, j.id FROM temp.perhaps AS p
CROSS JOIN jobs AS j ON j.batch = {batch} AND j.operation = p.operation AND j.key = p.key ORDER BY p.id
"""


_Asked = tuple[int, str, str, str, str]
"""A job to be, if no earlier row asks the same: its place among all entries of the list, from 1, its operation, key,
value and parameters."""


@dataclass(slots=True)
class Load:
    """One load under way; counts grow piece by piece."""

    batch: BatchId
    number: int  # the batch's `load_number` while it is ours
    first: int  # the last visible row when it began
    width: int  # operations: entries of a row
    rows: int = 0
    jobs: int = 0
    entries: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some rows as lines of values. Texts and numbers alone: Python's collector has nothing to look at in them."""

    rows: list[tuple[Any, ...]]
    asked: list[_Asked]
    refused: list[tuple[Any, ...]]

    @property
    def keyed(self) -> bool:
        """Whether the source gives each row a key."""
        return bool(self.rows) and self.rows[0][-1] is not None

    def __bool__(self) -> bool:
        return bool(self.rows)


def gather(load: Load, rows: Iterable[NewRow]) -> Piece:
    """What these rows, the next of the load, come to."""
    piece = Piece(rows=[], asked=[], refused=[])
    batch, width = load.batch, load.width
    number = load.first + load.rows
    for line, cells, key, entries in rows:
        number += 1
        piece.rows.append((batch, number, line, texts_to_json(cells), key))
        for place, entry in enumerate(entries, (number - 1) * width + 1):
            if isinstance(entry, NewJob):
                operation, job_key, value, params = entry
                piece.asked.append((place, operation, job_key, value, params_to_json(params)))
            else:
                piece.refused.append((batch, number, entry.operation, entry.why, to_text(entry.value)))
    load.rows += len(piece.rows)
    load.entries += len(piece.asked) + len(piece.refused)
    load.refused += len(piece.refused)
    return piece


def write_piece(connection: sa.Connection, load: Load, piece: Piece) -> None:
    """Append rows, beside whatever else is in the database."""
    _write_rows(connection, piece)
    if piece.asked:
        # Rows of one value share the job: the unique key lets the first one in.
        load.jobs += connection.exec_driver_sql(_JOB.format(batch=load.batch), piece.asked).rowcount
        asks = [((place - 1) // load.width + 1, operation, key) for place, operation, key, _, _ in piece.asked]
        connection.exec_driver_sql(_ASKS.format(batch=load.batch), asks)


def has_no_jobs(connection: sa.Connection) -> bool:
    """Whether the database is empty, but for batches: then a list may be written in bulk."""
    return bool(connection.exec_driver_sql("SELECT NOT EXISTS (SELECT 1 FROM jobs)").scalar_one())


def write_in_bulk(connection: sa.Connection, load: Load, pieces: Iterable[Piece]) -> None:
    """Write a whole list into a database without jobs; inside one transaction, so that nobody ever sees the tables
    without their indexes.

    Kept up row by row, an index over keys in no order writes most of its pages again with every piece; built at the end
    it is one sort. Until then a filter of fixed size tells which keys are new for sure. The rest, which are those that
    came before and a few more, wait in a temporary table until the index can tell. A job's id is its place in the list,
    so that they are sent in its order all the same; the places of shared and of refused values stay empty.
    """
    later = [
        connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?", (name,)).scalar()
        for name in _LATER
    ]
    for name in _LATER:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    connection.exec_driver_sql(_PERHAPS)
    seen = bytearray(_FILTER_BYTES)
    for piece in pieces:
        _write_rows(connection, piece)
        sure, perhaps = _parted(piece.asked, seen)
        if sure:
            connection.exec_driver_sql(_SURE.format(batch=load.batch), sure)
            connection.exec_driver_sql(_SURE_ASKS.format(width=load.width), (sure[0][0] - 1,))
        if perhaps:
            connection.exec_driver_sql(_KEEP, perhaps)
        load.jobs += len(sure)
    del seen  # the indexes and the log's own want as much again
    for index in later:
        connection.exec_driver_sql(str(index))
    load.jobs += connection.exec_driver_sql(_PERHAPS_JOBS.format(batch=load.batch)).rowcount
    connection.exec_driver_sql(_PERHAPS_ASKS.format(batch=load.batch, width=load.width))
    connection.exec_driver_sql("DROP TABLE temp.perhaps")


def _parted(asked: list[_Asked], seen: bytearray) -> tuple[list[_Asked], list[_Asked]]:
    """Those whose value nobody asked before, and those of which that is not sure."""
    sure: list[_Asked] = []
    perhaps: list[_Asked] = []
    for one in asked:
        bit = hash((one[1], one[2])) & _FILTER_MASK
        if seen[bit >> 3] >> (bit & 7) & 1:
            perhaps.append(one)
        else:
            seen[bit >> 3] |= 1 << (bit & 7)
            sure.append(one)
    return sure, perhaps


def _write_rows(connection: sa.Connection, piece: Piece) -> None:
    """The rows, and the cells of them that are refused."""
    _insert_rows(connection, piece.rows)
    if piece.refused:
        connection.exec_driver_sql(_REFUSED, piece.refused)


def _insert_rows(connection: sa.Connection, rows: list[tuple[Any, ...]]) -> None:
    try:
        connection.exec_driver_sql(_ROW, rows)
    except sa.exc.IntegrityError as error:
        if "rows.key" not in str(error.orig):
            raise
        # A source whose order is not that of its keys' texts cannot tell by itself: the first may be far above.
        raise InputError(
            f"two rows of the list have the same key, the second among rows {rows[0][1]} to {rows[-1][1]}",
            why="the key names a row when the list is read again, and as text they are equal",
            fix="--key COLUMN with a column that is unique",
        ) from error
