"""The database file as one process has it open, on a disk that may fill up, fail, or be somebody else's for a while."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.simulation.axis import Axis
from tests.simulation.options import DiskPlan, DiskTrouble

_CODES: Final = {
    DiskTrouble.FULL: (sqlite3.SQLITE_FULL, "database or disk is full"),
    DiskTrouble.LOCKED: (sqlite3.SQLITE_BUSY, "database is locked"),
    DiskTrouble.LOST: (sqlite3.SQLITE_IOERR, "disk I/O error"),
    DiskTrouble.KEPT: (sqlite3.SQLITE_IOERR, "disk I/O error"),
}


class Machine:
    """The disk, which outlives the processes."""

    def __init__(self, plans: Sequence[DiskPlan], axis: Axis, database: Path, draws: random.Random) -> None:
        self.met: Counter[str] = Counter()
        self.log: list[tuple[float, float, str]] = []  # from, until, which
        self._waiting = sorted(plans, key=lambda plan: plan.at_commit)
        self._axis = axis
        self._reserve = database.with_name(f"{database.name}.reserve")
        self._draws = draws
        self._commits = 0
        self._now: DiskPlan | None = None
        self._until = 0.0
        self._room = 0  # commits that a full disk takes once its reserve was given back

    def heal(self) -> None:
        """From here on it is a good disk."""
        self._waiting.clear()
        self._now = None

    def beginning(self) -> None:
        """A write transaction begins. OperationalError: the file is locked."""
        if self._trouble() is DiskTrouble.LOCKED:
            raise _error(DiskTrouble.LOCKED)

    def committing(self) -> DiskTrouble | None:
        """A write transaction ends; what is wrong with the disk then, if anything."""
        self._commits += 1
        if self._waiting and self._waiting[0].at_commit <= self._commits and self._trouble() is None:
            self._now = self._waiting.pop(0)
            self._until = self._axis.now + self._now.seconds
            self._room = self._draws.randint(0, 20)
            self.met[f"disk:{self._now.trouble}"] += 1
            self.log.append((self._axis.now, self._until, self._now.trouble.value))
        trouble = self._trouble()
        match trouble:
            case DiskTrouble.FULL if not self._reserve.exists() and self._room > 0:
                self._room -= 1
                return None
            case DiskTrouble.LOST | DiskTrouble.KEPT:
                self._now = None  # once: nobody tries again
        return trouble

    def _trouble(self) -> DiskTrouble | None:
        if self._now is not None and self._axis.now >= self._until and self._now.seconds:
            self._now = None
        return None if self._now is None else self._now.trouble


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *parameters: Any) -> _Cursor:
        """As it is, unless somebody else holds the file."""
        if sql == "BEGIN IMMEDIATE":
            self.connection.machine.beginning()  # type: ignore[attr-defined]  # it is one of ours
        super().execute(sql, *parameters)
        return self


class _Connection(sqlite3.Connection):
    """One that is handed out again when its user has closed it: opening one costs more than most of what is read."""

    parked: list[_Connection]
    machine: Machine
    writes = False
    dead = False

    def cursor(self, *_: Any) -> sqlite3.Cursor:  # type: ignore[override]  # nobody asks for a class of their own
        """One that knows of locks."""
        return super().cursor(_Cursor)

    def commit(self) -> None:
        """As it is, unless the disk is in trouble."""
        trouble = self.machine.committing() if self.writes and self.in_transaction else None
        if trouble in (None, DiskTrouble.KEPT, DiskTrouble.LOCKED):
            super().commit()
        if trouble is not None and trouble is not DiskTrouble.LOCKED:  # a lock that is held is nobody else's
            raise _error(trouble)

    def rollback(self) -> None:
        """A dead process has nothing left to undo, and must not complain of it."""
        if not self.dead:
            super().rollback()

    def close(self) -> None:
        """Undo what is open, as closing does, and wait for the next user."""
        self.rollback()
        if not self.dead and self not in self.parked:
            self.parked.append(self)

    def die(self) -> None:
        """Undo what is open, and never work again."""
        with suppress(sqlite3.Error):
            super().rollback()
        super().close()
        self.dead = True


class Disk:
    """The connections of one process to the database. When it dies they are gone, and what was not committed with
    them."""

    def __init__(self, machine: Machine) -> None:
        self.dead = False
        self._machine = machine
        self._all: list[_Connection] = []
        self._parked: dict[str, list[_Connection]] = {}

    def connect(self, database: str, **more: Any) -> sqlite3.Connection:
        """As `sqlite3.connect`."""
        if self.dead:
            raise sqlite3.OperationalError("the process is dead")
        parked = self._parked.setdefault(f"{database} {more}", [])
        if parked:
            return parked.pop()
        connection = sqlite3.connect(database, factory=_Connection, **more)
        connection.parked, connection.machine = parked, self._machine
        connection.writes = "mode=ro" not in database
        self._all.append(connection)
        return connection

    def die(self) -> None:
        """Nothing more is written: open transactions are undone, as the next process would find and undo them."""
        self.dead = True
        for connection in self._all:
            connection.die()
        self._all.clear()
        self._parked.clear()


def _error(trouble: DiskTrouble) -> sqlite3.OperationalError:
    code, text = _CODES[trouble]
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code  # what SQLite itself would have set
    return error
