"""What is committed in a write-ahead log that has no name any more: it goes into the file while this process still has
the log open, or else into a copy of the whole beside it.

SQLite does so by itself when the last connection closes. Where any other program has the file open, even idle, ours is
not the last one, and all that was paid for since the last checkpoint would be gone without a word.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing, suppress
from enum import Enum, auto
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from runner.errors import RunnerError, SchemaError, StoreError
from runner.store.database import create_private
from runner.store.remains import restore_command
from runner.store.spill import free_name

_ENDING: Final = ".rescued"


class Rescue(Enum):
    """Where the commits of a log without a name are now."""

    FILE = auto()
    COPY = auto()
    NOWHERE = auto()


def rescued_path(database: Path) -> Path:
    """The copy, beside the database."""
    real = Path(os.path.realpath(database))  # a symbolic link is the same database
    return real.with_name(f"{real.name}{_ENDING}")


def rescue(connection: sa.Connection, database: Path) -> Rescue:
    """Bring home what the log of this connection holds, in no transaction. It is too late to raise anything."""
    ours = connection.connection.driver_connection
    with suppress(sqlite3.Error):
        busy, pages, home = ours.execute("PRAGMA wal_checkpoint(FULL)").fetchone()  # type: ignore[union-attr]
        if not busy and pages == home:
            return Rescue.FILE
    # Somebody reads an older state, which the file must go on showing until they are done.
    target = rescued_path(database)
    try:
        create_private(target, fix="")
    except (RunnerError, OSError):
        return Rescue.NOWHERE
    try:
        with closing(sqlite3.connect(target)) as copy:
            ours.backup(copy)  # type: ignore[union-attr]
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
    except sqlite3.Error:
        with suppress(OSError):  # half a copy is worse than none
            target.unlink()
        return Rescue.NOWHERE
    return Rescue.COPY


def with_rescue(failure: StoreError, done: Rescue, database: Path) -> StoreError:
    """What the run ends with when its log was deleted, with what became of the commits in it."""
    match done:
        case Rescue.FILE:
            return failure
        case Rescue.COPY:
            copy = rescued_path(database).name
            why = f"{failure.why}; another program reads the file, so all that is stored is in {copy} as well"
            return StoreError(failure.what, why=why, fix=f"end that program, then: {put_back_command(database)}")
        case Rescue.NOWHERE:
            why = f"{failure.why}; what was stored since the log was last emptied is lost with it"
            fix = f"free the disk and put a backup in its place: {restore_command(database)}"
            return StoreError(failure.what, why=why, fix=fix)


def put_back_command(database: Path) -> str:
    """What makes the copy the database, in a shell; the file that it replaces is kept."""
    old = free_name(database)
    file, copy, kept = (shlex.quote(str(path)) for path in (database, rescued_path(database), old))
    return f'for s in "" -wal -shm; do [ -e {file}$s ] && mv {file}$s {kept}$s; done; mv {copy} {file}'


def rescued_notice(database: Path) -> str | None:
    """For people who only read; None: no copy is there."""
    copy = rescued_path(database)
    if not copy.exists():
        return None
    return f"{_what(copy, database)}: nothing is sent until it is put in place: {put_back_command(database)}"


def refuse_rescued(database: Path) -> None:
    """SchemaError: a copy is there that knows of more than the database does; nothing may be sent from that one."""
    copy = rescued_path(database)
    if copy.exists():
        raise SchemaError(
            _what(copy, database),
            why="the log of the database was deleted under a run; what was paid for then is in that copy only",
            fix=put_back_command(database),
        )


def _what(copy: Path, database: Path) -> str:
    return f"{copy.name} is here, which knows more than {database.name}"
