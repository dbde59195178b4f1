"""SQLite's write-ahead log, with which readers never wait for the writer, nor it for them.

The file itself remembers it. A copy may have lost it: `runner db backup`, VACUUM INTO and others leave one file with a
rollback journal, in which an export that is being read keeps the run from writing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Final

from runner.errors import StoreError
from runner.store.database import Database, is_locked, translated

SWITCH_MS: Final = 5_000
"""How long the switch waits for those who read the file: for a moment nobody else may."""

_LOGGED: Final = "wal"


def use_write_ahead_log(database: Database) -> None:
    """Switch the file to it. StoreError: it cannot be had here, or another program is reading the file."""
    with translated(database.path), closing(database.connect_alone()) as connection:
        connection.execute(f"PRAGMA busy_timeout = {SWITCH_MS}")
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if is_locked(error):
                raise _read_meanwhile(database) from error
            raise
    if mode != _LOGGED:
        raise StoreError(
            f"{database.path.name} cannot be used here",
            why="its file system does not support SQLite's write-ahead log",
            fix="put the database on a local disk: --db PATH",
        )


def ensure_write_ahead_log(database: Database) -> None:
    """The same for a file that is there, before it is written to: it may be a copy that was put in its place."""
    with database.reading() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    if mode != _LOGGED:
        use_write_ahead_log(database)


def _read_meanwhile(database: Database) -> StoreError:
    return StoreError(
        f"{database.path.name} is read by another program, and cannot be made ready for writing meanwhile",
        why=f"It is a copy without a write-ahead log; for {SWITCH_MS // 1000} seconds nobody let go of it.",
        fix="close the program that reads the file, then run the same command again",
    )
