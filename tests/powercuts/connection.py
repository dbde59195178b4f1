"""apsw as the standard library's `sqlite3` would behave: as much of it as the store and SQLAlchemy's dialect use.

Errors are those of `sqlite3`, with SQLite's code, so that the store reads them as it does every day.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import apsw

Values = Sequence[Any] | Mapping[str, Any]

_READS_ALONE = -1
"""What `rowcount` is after a statement that changes nothing."""
_AUTOMATIC = re.compile(r"PRAGMA wal_autocheckpoint = (\d+)")
_CHANGES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = {
            apsw.ConstraintError: sqlite3.IntegrityError,
            apsw.MisuseError: sqlite3.ProgrammingError,
            apsw.CorruptError: sqlite3.DatabaseError,
            apsw.NotADBError: sqlite3.DatabaseError,
        }.get(type(error), sqlite3.OperationalError)
        translated = kind(str(error))
        translated.sqlite_errorcode = getattr(error, "extendedresult", 0) or getattr(error, "result", 0)
        raise translated from error


class Cursor:
    """Results are fetched at once: the lists of these proofs are short."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self.rowcount = _READS_ALONE
        self.lastrowid: int | None = None
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, values: Values = ()) -> Cursor:
        """Run one statement."""
        return self._run(sql, [values])

    def executemany(self, sql: str, values: Iterable[Values]) -> Cursor:
        """Run one statement for each entry; `rowcount` is the sum."""
        return self._run(sql, values)

    def _run(self, sql: str, many: Iterable[Values]) -> Cursor:
        database = self.connection.database
        text = self.connection.rewrite(sql)
        changing = text.lstrip().upper().startswith(_CHANGES)
        self.description, self._rows, changed = None, [], 0
        with _translated():
            cursor = database.cursor()
            cursor.exec_trace = self._describe  # a statement that finds nothing has a description only here
            for values in many:
                self._rows = [tuple(row) for row in cursor.execute(text, values)]
                changed += database.changes() if changing else 0
        self.rowcount = changed if changing else _READS_ALONE
        self.lastrowid = database.last_insert_rowid()
        return self

    def _describe(self, cursor: apsw.Cursor, _sql: str, _values: Any) -> bool:
        columns = cursor.get_description()
        self.description = tuple((column[0], *[None] * 6) for column in columns) or None
        return True

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next rows."""
        count = size or self.arraysize
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rest."""
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        """Forget what was not fetched."""
        self._rows = []


class Connection:
    """A connection in autocommit, as `isolation_level=None` makes it."""

    isolation_level = None

    def __init__(
        self,
        vfs: str,
        uri: str,
        *,
        busy_seconds: float,
        rewrite: Callable[[str], str],
        committing: Callable[[Connection], Callable[[], None]],
        quiet_checkpoints: bool = False,
    ) -> None:
        """`committing` is called before each COMMIT, and what it returns after one that succeeded.

        `quiet_checkpoints`: SQLite keeps the errors of its automatic checkpoints to itself, but apsw shows them.
        """
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        with _translated():
            self.database = apsw.Connection(uri, flags=flags, vfs=vfs)
            self.database.set_busy_timeout(round(busy_seconds * 1000))
        self.rewrite = rewrite
        self._committing = committing
        self._quiet_checkpoints = quiet_checkpoints

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self)

    def execute(self, sql: str, values: Values = ()) -> Cursor:
        """Run one statement on a cursor of its own."""
        found = self.cursor().execute(sql, values)
        if self._quiet_checkpoints and (asked := _AUTOMATIC.fullmatch(self.rewrite(sql))):
            self.database.set_wal_hook(partial(_checkpoint, every=int(asked[1])))
        return found

    def commit(self) -> None:
        """End the transaction, if there is one."""
        if self.database.in_transaction:
            committed = self._committing(self)
            self.execute("COMMIT")
            committed()

    def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        if self.database.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, name: str, arguments: int, function: Callable[..., Any], **flags: bool) -> None:
        """A function for SQL."""
        self.database.create_scalar_function(name, function, arguments, **flags)

    def close(self) -> None:
        """Give the file up. What fails then (a reader may not lock for the last checkpoint) SQLite keeps to itself."""
        with suppress(apsw.IOError):
            self.database.close()


def _checkpoint(database: apsw.Connection, name: str, pages: int, *, every: int) -> int:
    """What SQLite's own hook does, word for word: a checkpoint that fails is tried again after the next commit."""
    if 0 < every <= pages:
        with suppress(apsw.Error):
            database.wal_checkpoint(name)
    return apsw.SQLITE_OK
