"""Batches and their rows on the way in: in short transactions, invisible to claims until the list is complete."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain, islice, takewhile
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import MILLION, BatchId
from runner.domain.states import BatchEvent, BatchState
from runner.engine.ports import Clock
from runner.errors import BatchError, BusyError, RunnerError
from runner.store.codec import to_json
from runner.store.database import Database
from runner.store.locks import lock_database
from runner.store.pieces import Load, gather, has_no_jobs, write_in_bulk, write_piece
from runner.store.sql import batch_may, write_event
from runner.store.values import Loaded, NewBatch, NewRow

PIECE: Final = 1_000
"""Rows in one transaction: short enough for a run beside it."""

CLEAR_PIECE: Final = 5_000
"""Lines removed in one transaction, for the same reason."""

LOAD_CHECKPOINT_PAGES: Final = 8_000
"""Rarer than a run's: pages of the jobs' key index are written again with every piece."""

SILENT_SECONDS: Final = 60
"""A load that wrote nothing for so long may be dead: whoever waits for it goes on."""

_STILL_OURS: Final = "UPDATE batches SET touched_us = ? WHERE id = ? AND load_number = ? AND state <> 'cancelled'"
_BEYOND: Final = "(SELECT visible_row FROM batches WHERE id = :batch)"
_LEFTOVERS: Final = (
    "DELETE FROM row_jobs WHERE (batch, row) IN"
    f" (SELECT batch, row FROM row_jobs WHERE batch = :batch AND row > {_BEYOND} LIMIT :piece)",
    "DELETE FROM rows WHERE (batch, number) IN"
    f" (SELECT batch, number FROM rows WHERE batch = :batch AND number > {_BEYOND} LIMIT :piece)",
    "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE batch = :batch"
    " AND id > (SELECT visible_job FROM batches WHERE id = :batch) LIMIT :piece)",
)
_DESCRIBED: Final = "settings, source, header, operations, mapping, params, content_hash, load_number, touched_us"
_CREATE: Final = f"""
INSERT INTO batches ({_DESCRIBED}, name, state, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'loading', ?)
"""
_RESTART: Final = f"""
UPDATE batches SET ({_DESCRIBED}) = (?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE name = ? AND state = 'loading' RETURNING id
"""
# Odd while somebody's rows are on their way in.
_UNDER_WAY: Final = f"load_number % 2 = 1 AND abs(touched_us - :now) < {SILENT_SECONDS * MILLION}"
_CONTINUE: Final = """
UPDATE batches SET load_number = load_number + 1 + load_number % 2, touched_us = :now
WHERE id = :batch AND state NOT IN ('loading', 'cancelled')
RETURNING load_number, visible_row, json_array_length(operations) AS width
"""
_CONTINUE_BETWEEN: Final = f"""
UPDATE batches SET load_number = load_number + 2 + load_number % 2
WHERE id = :batch AND state NOT IN ('loading', 'cancelled') AND NOT ({_UNDER_WAY})
RETURNING load_number, visible_row, json_array_length(operations) AS width
"""
_GIVE_UP: Final = "UPDATE batches SET load_number = load_number + load_number % 2 WHERE id = ? AND load_number = ?"
_COUNT_NEW: Final = """
INSERT INTO job_totals (batch, operation, state, jobs)
SELECT batch, operation, 'queued', count(*) FROM jobs
WHERE batch = :batch AND id > (SELECT visible_job FROM batches WHERE id = :batch) GROUP BY operation
ON CONFLICT (batch, operation, state) DO UPDATE SET jobs = jobs + excluded.jobs
"""
_REVEAL: Final = """
UPDATE batches SET visible_row = :rows, refused = refused + :refused, touched_us = :now,
    load_number = load_number + load_number % 2,
    visible_job = coalesce((SELECT max(id) FROM jobs WHERE batch = :batch), 0),
    content_hash = coalesce(:content_hash, content_hash), settings = :settings
WHERE id = :batch
"""


Notes = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What a batch keeps beside its list, from what it kept before. Asked when all rows were read."""


def as_they_are(kept: Mapping[str, Any]) -> Mapping[str, Any]:
    """Nothing to note."""
    return kept


class Loading:
    """Writes lists. Memory stays constant; what an interrupted load left is removed by the next one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def load(self, new: NewBatch, rows: Iterable[NewRow], *, notes: Notes = as_they_are) -> Loaded:
        """Create the batch (loading -> ready) with its rows, numbered from 1, and its notes.

        An interrupted load of the same name is started over. If `rows` raises, nothing of the batch is left.
        Raises BatchError if the name is taken, or another load of the same name takes over.
        """
        with self._connection() as (connection, alone):
            load = self._create(connection, new)
            try:
                _clear(connection, load)
                self._write(connection, load, rows, bulk=alone)
                return self._reveal(connection, load, new.content_hash, notes)
            except BaseException:
                with suppress(RunnerError, sa.exc.SQLAlchemyError):  # the first error is the one to tell
                    connection.rollback()
                    _clear(connection, load)
                    self._forget(connection, load)
                raise

    def add(
        self,
        batch: BatchId,
        rows: Iterable[NewRow],
        *,
        content_hash: str | None = None,
        notes: Notes = as_they_are,
    ) -> Loaded:
        """Append rows, numbered on from the last; they become visible to a run at work all at once, or not at all.

        A completed batch that gets new jobs is ready again. If `rows` raises, the batch is as it was.
        Raises BatchError if the batch is loading or cancelled.
        """
        return self._add(batch, rows, content_hash, notes, begin=_CONTINUE)

    def add_between(self, batch: BatchId, rows: Iterable[NewRow], *, notes: Notes = as_they_are) -> Loaded | None:
        """As `add`, for one that comes again by itself: where another load is under way, or comes meanwhile, it is not
        disturbed. None, and nothing is added.
        """
        try:
            return self._add(batch, rows, None, notes, begin=_CONTINUE_BETWEEN)
        except BatchError:
            return None

    def is_under_way(self, batch: BatchId) -> bool:
        """Whether somebody is adding rows, or was a minute ago."""
        values = {"batch": batch, "now": self._clock.now_us()}
        with self._database.reading() as connection:
            sql = f"SELECT 1 FROM batches WHERE id = :batch AND {_UNDER_WAY}"
            return connection.exec_driver_sql(sql, values).first() is not None

    def _add(
        self, batch: BatchId, rows: Iterable[NewRow], content_hash: str | None, notes: Notes, *, begin: str
    ) -> Loaded:
        with self._connection() as (connection, _):
            load = self._continue(connection, batch, begin)
            try:
                _clear(connection, load)
                self._write(connection, load, rows, bulk=False)
                return self._reveal(connection, load, content_hash, notes if load.rows else as_they_are)
            except BaseException:
                with suppress(RunnerError, sa.exc.SQLAlchemyError):  # as above
                    connection.rollback()
                    _clear(connection, load)
                    with connection.begin():
                        connection.exec_driver_sql(_GIVE_UP, (batch, load.number))
                raise

    @contextmanager
    def _connection(self) -> Generator[tuple[sa.Connection, bool]]:
        """With whether we are alone. Without a run at work the load holds the database lock and folds the write-ahead
        log back itself; beside a run that is the run's job."""
        with ExitStack() as stack:
            checkpoint = 0
            with suppress(BusyError):
                stack.enter_context(lock_database(self._database.path, clock=self._clock))
                checkpoint = LOAD_CHECKPOINT_PAGES
            yield stack.enter_context(self._database.writing(checkpoint=checkpoint, sorting=True)), checkpoint > 0

    def _create(self, connection: sa.Connection, new: NewBatch) -> Load:
        now = self._clock.now_us()
        described = (
            *map(to_json, (new.settings, new.source, new.header, new.operations, new.mapping, new.params)),
            new.content_hash,
            now,  # the load's number: an older load of this name that is still alive finds the batch no longer its own
            now,
        )
        with connection.begin():
            restarted = connection.exec_driver_sql(_RESTART, (*described, new.name)).scalar()
            if restarted is not None:
                write_event(connection, "batch.loading", at_us=now, batch=restarted, detail={"again": True})
                return Load(batch=BatchId(restarted), number=now, first=0, width=len(new.operations))
            try:
                made = connection.exec_driver_sql(_CREATE, (*described, new.name, now))
            except sa.exc.IntegrityError:
                raise BatchError(
                    f"there is a batch {new.name} already",
                    why="a name belongs to one batch",
                    fix="--batch ANOTHER-NAME",
                ) from None
            batch = BatchId(made.lastrowid)
            write_event(connection, "batch.loading", at_us=now, batch=batch)
        return Load(batch=batch, number=now, first=0, width=len(new.operations))

    def _continue(self, connection: sa.Connection, batch: BatchId, begin: str) -> Load:
        with connection.begin():
            found = connection.exec_driver_sql(begin, {"batch": batch, "now": self._clock.now_us()}).first()
        if found is None:
            raise BatchError(
                "rows cannot be added to this batch",
                why="it does not exist, is still loading, or was cancelled",
                fix="--new   (begins another batch)",
            )
        return Load(batch=batch, number=found.load_number, first=found.visible_row, width=found.width)

    def _write(self, connection: sa.Connection, load: Load, rows: Iterable[NewRow], *, bulk: bool) -> None:
        """`bulk`: nobody else is at work, and a file is written in bulk if it is long."""
        stream = iter(rows)
        first = gather(load, islice(stream, PIECE))
        following = iter(lambda: gather(load, islice(stream, PIECE)), None)
        pieces = takewhile(bool, chain([first], following))
        # Nobody writes while a list is written in bulk. A file is read as fast as its disk is; rows that have keys come
        # from a table, as slowly as its database gives them.
        if bulk and len(first.rows) == PIECE and not first.keyed:
            with connection.begin(), _ours(connection, load, self._clock.now_us()):
                if has_no_jobs(connection):
                    write_in_bulk(connection, load, pieces)
        for piece in pieces:
            with connection.begin(), _ours(connection, load, self._clock.now_us()):
                write_piece(connection, load, piece)

    def _reveal(self, connection: sa.Connection, load: Load, content_hash: str | None, notes: Notes) -> Loaded:
        now = self._clock.now_us()
        with connection.begin(), _ours(connection, load, now):
            values = {
                "batch": load.batch,
                "rows": load.first + load.rows,
                "refused": load.refused,
                "content_hash": content_hash,
                "now": now,
            }
            kept = connection.exec_driver_sql("SELECT settings FROM batches WHERE id = ?", (load.batch,)).scalar_one()
            values["settings"] = to_json(notes(json.loads(kept)))
            connection.exec_driver_sql(_COUNT_NEW, values)
            connection.exec_driver_sql(_REVEAL, values)
            reopened = False
            for event, state, wanted in (
                (BatchEvent.LOADED, BatchState.READY, True),
                (BatchEvent.REOPEN, BatchState.READY, load.jobs > 0),
            ):
                if wanted:
                    moved = connection.exec_driver_sql(
                        f"UPDATE batches SET state = ?, reason = NULL WHERE id = ? AND {batch_may(event)}",
                        (state.value, load.batch),
                    )
                    reopened = event is BatchEvent.REOPEN and moved.rowcount == 1
            loaded = Loaded(
                batch=load.batch,
                rows=load.rows,
                jobs=load.jobs,
                shared=load.entries - load.jobs - load.refused,
                refused=load.refused,
            )
            counts = {"rows": loaded.rows, "jobs": loaded.jobs, "shared": loaded.shared, "refused": loaded.refused}
            in_all = {"rows_in_all": load.first + load.rows} if load.first else {}
            write_event(connection, "batch.loaded", at_us=now, batch=load.batch, detail=counts | in_all)
            if reopened:
                write_event(connection, "batch.ready", at_us=now, batch=load.batch)
        return loaded

    def _forget(self, connection: sa.Connection, load: Load) -> None:
        """Remove a batch that was never revealed: nothing was sent for it, so nothing of it is worth keeping."""
        with connection.begin(), _ours(connection, load, self._clock.now_us()):
            connection.exec_driver_sql("DELETE FROM events WHERE batch = ?", (load.batch,))
            connection.exec_driver_sql("DELETE FROM batches WHERE id = ?", (load.batch,))


@contextmanager
def _ours(connection: sa.Connection, load: Load, now_us: int) -> Generator[None]:
    """Inside a transaction: BatchError unless the batch is still this load's own."""
    if connection.exec_driver_sql(_STILL_OURS, (now_us, load.batch, load.number)).rowcount != 1:
        raise BatchError(
            "this load was overtaken",
            why="the batch was cancelled, or another process began to load the same one",
            fix="runner status",
        )
    yield


def _clear(connection: sa.Connection, load: Load) -> None:
    """Remove the rows and jobs beyond the visible marks, piece by piece, as long as the batch is this load's own."""
    for statement in _LEFTOVERS:
        removed = 1
        while removed:
            with connection.begin():
                owner = connection.exec_driver_sql(
                    "SELECT load_number FROM batches WHERE id = ?", (load.batch,)
                ).scalar()
                if owner != load.number:
                    return
                values = {"batch": load.batch, "piece": CLEAR_PIECE}
                removed = connection.exec_driver_sql(statement, values).rowcount
