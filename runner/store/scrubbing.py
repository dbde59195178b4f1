"""What erasing and purging need: the guards of history set aside, and nothing left on the pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager

import sqlalchemy as sa

from runner.errors import StoreError
from runner.store.database import WRITER_BUSY_MS, Database, translated


@contextmanager
def unguarded(connection: sa.Connection, *triggers: str) -> Generator[None]:
    """Without these triggers, which keep history as it was, until the end; all inside the caller's transaction."""
    guards = [
        connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (name,))
        for name in triggers
    ]
    texts = [guard.scalar_one() for guard in guards]
    for name in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for text in texts:
        connection.exec_driver_sql(text)


def compact(database: Database) -> None:
    """Write the file anew without what was removed, and empty its write-ahead log. Nobody else may have it open.

    It takes as much room again on the disk. StorageFullError; StoreError: somebody reads it.
    """
    with translated(database.path), closing(database.connect_alone()) as connection:
        _vacuum(connection)
        connection.execute(f"PRAGMA busy_timeout = {WRITER_BUSY_MS}")  # somebody who reads may do so for hours
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise StoreError(
            f"{database.path.name} is open in another program",
            why="what was removed is still in its write-ahead log",
            fix="close the program that has the file open, then run the same command again",
        )


def _vacuum(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = FILE")  # the copy is as large as the file: not in memory
    connection.execute("VACUUM")
