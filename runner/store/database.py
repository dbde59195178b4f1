"""The SQLite file: how it is created, opened, read and written from outside the run, and what its errors mean."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from runner.domain.typed import typed_file
from runner.engine.faultpoints import FaultPoint, no_fault
from runner.errors import BusyError, SchemaError, StorageFullError, StoreError, UsageError
from runner.in_use import Hold
from runner.store.locks import holder
from runner.store.remains import restore_command

Connect = Callable[..., sqlite3.Connection]
"""Opens the file as `sqlite3.connect` does; the proofs of power cuts bring a disk of their own."""

BUSY_MS: Final = 30_000
"""How long a statement waits for another program's lock on the file."""

WRITER_BUSY_MS: Final = 1_000
"""The same for the writer of a run, which comes again and again."""

ATTACHED: Final = "known"
"""The schema name of a second file, which is only read."""

CHECKPOINT_PAGES: Final = 1_000
"""The run alone folds the write-ahead log back into the file, after this many pages."""


def create_private(path: Path, *, fix: str) -> None:
    """Create an empty file of mode 0600, its folder 0700 if that is missing.

    FileExistsError: it is there. Where nothing can be made: UsageError with that `fix`; StorageFullError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():  # a parent that is a file is another matter
            raise
        if error.errno == errno.ENOSPC:
            raise _full(path) from error
        raise UsageError(f"no file can be made in {path.parent}", why=error.strerror or str(error), fix=fix) from error


def store_error(error: Exception, path: Path) -> StoreError:
    """What an error of SQLite (or of SQLAlchemy around it) means for people, with the error itself as its cause.

    Neither holds values: parameters are hidden.
    """
    translated = _in_words(error, path)
    translated.__cause__ = error
    return translated


def _in_words(error: Exception, path: Path) -> StoreError:
    original = getattr(error, "orig", None) or error
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return SchemaError(
                f"{path.name} cannot be read as a database",
                why=str(original),
                fix=f"--db ANOTHER-FILE, or put a backup in its place: {restore_command(path)}",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return locked_error(path, seconds=BUSY_MS // 1000)
        case _:
            return StoreError(
                f"the database {path.name} failed",
                why=str(original) or type(original).__name__,
                fix=f"mend what `df {path.parent}` or `ls -l {path}` show, then run the same command again",
            )


def locked_error(path: Path, *, seconds: int) -> StoreError:
    """Another program held the file for so long."""
    return StoreError(
        f"{path.name} is locked by another program",
        why=f"it did not let go within {seconds} seconds",
        fix="close the program that has the file open for writing, then run the same command again",
    )


def _full(path: Path) -> StorageFullError:
    return StorageFullError(
        f"the disk that holds {path.name} is full",
        why="nothing more can be recorded, so nothing more is sent",
        fix="free some space, then run the same command again",
    )


def ends_transaction(error: Exception) -> bool:
    """Whether SQLite has given up the whole transaction, not just a statement: a full or failing disk, or no memory."""
    return _code(error) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_CORRUPT}


def is_locked(error: Exception) -> bool:
    """Whether another program holds the file."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _code(error: Exception) -> int:
    """SQLite's primary error code, of its own error or of SQLAlchemy's around it; 0: none is known."""
    original = getattr(error, "orig", None) or error
    return (getattr(original, "sqlite_errorcode", None) or 0) & 0xFF


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Turn the errors of SQLite and SQLAlchemy into ours."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        raise _busy(error, path) or store_error(error, path) from error


def _busy(error: Exception, path: Path) -> BusyError | None:
    """Locked, and another process of ours is at work: it may be a load that writes a long file in one transaction."""
    at_work = holder(path, but_us=True) if is_locked(error) else None
    if at_work is None:
        return None
    return BusyError(
        f"{path.name} is locked",
        why=f"{at_work}, and for {BUSY_MS // 1000} seconds nobody else could write to it",
        fix="wait for it to end, or close what has the file open for writing, then run the same command again",
    )


class Database:
    """One file and the ways to open it. Nothing is kept open between calls."""

    def __init__(
        self,
        path: Path,
        *,
        attached: Path | None = None,
        fault_point: FaultPoint = no_fault,
        connect: Connect = sqlite3.connect,
    ) -> None:
        """`attached`: a second file that `reading` and `copy_from_attached` see as the schema `ATTACHED`."""
        self.path = path
        self.attached = attached
        self._fault_point = fault_point
        self._open = connect
        self._holds = [Hold(file) for file in (path, attached) if file is not None]

    def _connect(
        self, *, mode: str, checkpoint: int, foreign_keys: bool = True, busy_ms: int = BUSY_MS, sorting: bool = False
    ) -> sqlite3.Connection:
        connection = self._open(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,  # the engine says BEGIN itself: immediate for writers, deferred for readers
            check_same_thread=False,  # the writer's connection is closed by whoever ends the writer
            timeout=busy_ms / 1000,
        )
        for pragma in (
            "synchronous = FULL",
            f"foreign_keys = {'ON' if foreign_keys else 'OFF'}",
            f"temp_store = {'FILE' if sorting else 'MEMORY'}",
            f"wal_autocheckpoint = {checkpoint}",
            f"query_only = {'ON' if mode == 'ro' else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        if self.attached is not None and mode == "ro":
            self._attach(connection)
        return connection

    def _attach(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"ATTACH ? AS {ATTACHED}", (f"{Path(self.attached or '').absolute().as_uri()}?mode=ro",))

    def _engine(self, *, mode: str, checkpoint: int, **connecting: Any) -> sa.Engine:
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: self._connect(mode=mode, checkpoint=checkpoint, **connecting),
            poolclass=NullPool,
            hide_parameters=True,  # an error's text must not carry an e-mail address
        )
        begin = "BEGIN" if mode == "ro" else "BEGIN IMMEDIATE"

        @event.listens_for(engine, "begin")
        def _(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    @cached_property
    def writer_engine(self) -> sa.Engine:
        """For the one writer of a run: it alone checkpoints."""
        return self._engine(mode="rw", checkpoint=CHECKPOINT_PAGES, busy_ms=WRITER_BUSY_MS)

    @cached_property
    def _reader_engine(self) -> sa.Engine:
        return self._engine(mode="ro", checkpoint=0)

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """A read-only connection in one transaction: everything read inside is one snapshot."""
        with translated(self.path), self._reader_engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, *, checkpoint: int = 0, sorting: bool = False) -> Generator[sa.Connection]:
        """A connection of its own, for short transactions beside a run's writer.

        It leaves checkpoints to the run: two checkpointers at once can damage a file in SQLite before 3.51.3. A holder
        of the database lock may set `checkpoint` (pages). `sorting`: what does not fit into memory goes to a file.
        """
        engine = self._engine(mode="rw", checkpoint=checkpoint, sorting=sorting)

        @event.listens_for(engine, "commit")
        def _(_: sa.Connection) -> None:
            self._fault_point("decision-before-commit")

        with translated(self.path), engine.connect() as connection:
            yield connection
        self._fault_point("decision-after-commit")

    @contextmanager
    def write_now(self) -> Generator[sa.Connection]:
        """One short BEGIN IMMEDIATE transaction beside a run's writer: committed on leaving, undone on an error."""
        with self.writing() as connection, connection.begin():
            yield connection

    @contextmanager
    def scrubbing(self, *, names: Callable[[Any], int] | None = None) -> Generator[sa.Connection]:
        """One transaction, under the database lock, that leaves nothing of what it removes on the pages it frees.

        `names`: a function of one value for its statements, by that name.
        """
        engine = self._engine(mode="rw", checkpoint=CHECKPOINT_PAGES)

        @event.listens_for(engine, "connect")
        def _(connection: sqlite3.Connection, _: object) -> None:
            connection.execute("PRAGMA secure_delete = ON")
            if names is not None:
                connection.create_function("names", 1, names, deterministic=True)

        with translated(self.path), engine.begin() as connection:
            yield connection

    def connect_alone(self) -> sqlite3.Connection:
        """A plain connection, for a holder of the database lock. The caller closes it, and translates its errors."""
        return self._connect(mode="rw", checkpoint=CHECKPOINT_PAGES)

    def copy_from_attached(self, statements: Iterable[str], values: Mapping[str, object]) -> None:
        """Run these statements in one transaction, which reads one snapshot of the attached file."""
        with translated(self.path), closing(self._connect(mode="rw", checkpoint=0)) as connection:
            self._attach(connection)
            connection.execute("BEGIN")
            for statement in statements:
                connection.execute(statement, values)
            connection.execute("COMMIT")

    @contextmanager
    def upgrading(self) -> Generator[sa.Connection]:
        """One transaction for a migration: foreign keys rest while tables are copied, and are checked at the end."""
        engine = self._engine(mode="rw", checkpoint=CHECKPOINT_PAGES, foreign_keys=False)
        with translated(self.path), engine.begin() as connection:
            yield connection
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise SchemaError(
                    f"{self.path.name} could not be upgraded",
                    why=f"its table {broken[0]} refers to rows that are missing",
                    fix=f"mv COPY {self.path.name}   (the copy was made beside it), and report this",
                )

    def backup(self, target: Path) -> None:
        """Copy the file as of now, beside a run if need be, to a new file of mode 0600."""
        try:
            create_private(target, fix=f"runner db backup ~/{target.name}")
        except FileExistsError:
            raise StoreError(
                f"{target.name} exists already",
                why="a backup never replaces a file",
                fix=f"runner db backup {typed_file(f'{target.stem}-2{target.suffix}')}",
            ) from None
        with (
            translated(self.path),
            closing(self._connect(mode="ro", checkpoint=0)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it; see `journal`
