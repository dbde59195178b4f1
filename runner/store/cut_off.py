"""A database whose last page is cut through: a copy that did not end, a disk that lost something."""

from __future__ import annotations

import os
from pathlib import Path

from runner.errors import SchemaError
from runner.store.database import Database
from runner.store.remains import restore_command


def missing_bytes(database: Database) -> int:
    """How much of its end is gone, of a page that is cut through: SQLite counts that page as whole, and finds out when
    it meets it. 0: nothing is, or nothing can be said. StoreError: the file cannot be read at all.

    SQLite is asked, for its locks on the file are the process's: to open it in any other way and close it would give
    them up, and the next process to end would delete the log that a run of this one writes.
    """
    # A checkpoint by another process may lie between the count and the size: what is seen twice is so.
    return min(_missing_now(database), _missing_now(database))


def _missing_now(database: Database) -> int:
    real = Path(os.path.realpath(database.path))  # a symbolic link is the same database
    log = real.with_name(f"{real.name}-wal")
    with database.reading() as connection:
        if log.exists() and log.stat().st_size:
            return 0  # what is missing may be in the log
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        page_bytes = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        return max(0, int(pages * page_bytes) - real.stat().st_size)


def cut_off_error(path: Path, missing: int) -> SchemaError:
    """Nothing is sent from a database whose end is gone: what was paid may have been there."""
    return SchemaError(
        f"{path.name} is damaged: its last {missing} bytes are gone",
        why="What was paid may have been in them, and would be paid again.",
        fix=f"put a backup in its place: {restore_command(path)}",
    )
