"""Writes groups of pieces, and loses no answer where the database does not take them.

* Another program holds the file: nothing is refused, all waits, and the run goes on once it lets go. Openings wait
  too, so nothing is sent meanwhile. After five minutes, or soon after the run was asked to stop, it is given up.
* The disk is full: the reserve is freed and the group is tried once more. From then on nothing is opened or claimed;
  the answers that are still on the way have the room.
* The file or its log is no longer what the name leads to: the last group may be nowhere, and is kept as after a COMMIT
  that failed; what a deleted log holds is brought home (`rescue`).
* Anything else, a COMMIT that failed above all, and what does not help either: the database is written no more by this
  process (an fsync that failed must never be repeated: the second one may report success for pages that are lost).

Answers the database did not take are kept in a file beside it (`Spill`), where the next run finds them. So are openings
whose COMMIT failed: they may be in the database, and are known to be never sent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from runner.engine.faultpoints import FaultPoint
from runner.engine.ports import Opening, Settlement
from runner.errors import StorageFullError, StoreError
from runner.store.astray import AstrayError, LogGoneError, Whereabouts
from runner.store.database import WRITER_BUSY_MS, is_locked, locked_error, store_error
from runner.store.group import Done, Waiting, run_group
from runner.store.rescue import rescue, with_rescue
from runner.store.reserve import Reserve
from runner.store.spill import Spill
from runner.store.values import Trouble

PAUSE_SECONDS: Final = 1.0
"""From the end of one try to the next; a try itself waits `WRITER_BUSY_MS` for the lock."""

PATIENCE_TRIES: Final = 150
"""Five minutes: a backup or a virus scanner is done by then, and a run of nights does not end because of it."""

HURRIED_TRIES: Final = 3
"""When the run was asked to stop; also from when on people are told that the database is waited for."""


class LockedError(Exception):
    """Another program holds the file; nothing of the group was done."""


class Keeper:
    """The writer's conscience, for one run."""

    def __init__(self, path: Path, *, fault_point: FaultPoint, tell: Callable[[Trouble], None]) -> None:
        self.failure: StoreError | None = None  # set: the database is written no more by this process
        self._path = path
        self._fault_point = fault_point
        self._tell = tell
        self._spill = Spill(path)
        self._reserve = Reserve(path)
        self._whereabouts = Whereabouts(path)
        self._full: StorageFullError | None = None  # set: nothing is opened or claimed any more
        self._committing = False
        self._unsure: list[Opening] = []  # of a COMMIT that failed
        self._tries = 0
        self._crashed = False

    def start(self) -> None:
        """Set the reserve aside."""
        if not self._reserve.make():
            self._tell(Trouble.UNRESERVED)

    def stop(self) -> None:
        """Give the reserve back."""
        self._reserve.release()

    def write(self, connection: sa.Connection, group: Sequence[Waiting]) -> list[Done]:
        """One transaction for all; whatever becomes of it, an answer is stored, or kept.

        LockedError: nothing was done; come again with the same group if `may_wait`, else `give_up`. An error that is
        not the database's ends the writing and comes through; `keep` the group then.
        """
        if self.failure is not None:
            return self.keep(group)
        full = self._full
        try:
            if full is None:
                return self._commit(connection, group)
            rest = iter(self._commit(connection, [one for one in group if not one.sends]))
        except sa.exc.DBAPIError as error:
            return self._failed(connection, group, error)
        except AstrayError as error:
            self._doubt_openings(group)
            self.failure = error.failure
            if isinstance(error, LogGoneError):
                self.failure = with_rescue(error.failure, rescue(connection, self._path), self._path)
            return self.keep(group)
        except BaseException as error:
            self.end(error)
            connection.rollback()
            raise
        return [Done(error=full) if one.sends else next(rest) for one in group]

    def _commit(self, connection: sa.Connection, group: Sequence[Waiting]) -> list[Done]:
        self._fault_point("before-begin")
        done = run_group(connection, group, self._path)
        self._fault_point("before-commit")
        self._committing = True
        connection.commit()
        self._fault_point("after-commit")
        self._whereabouts.check()
        self._committing = False
        if self._tries:
            self._let_go()
        if self._unsure:  # the disk is full, and the second try, which took this, had to wait for another program maybe
            self.keep((), self._full)
        refused = [one.argument for one, result in zip(group, done, strict=True) if result.error and _is_answer(one)]
        if refused:  # by a mistake of ours, or because somebody decided on it meanwhile: it was paid for all the same
            self._spill.keep(refused)
        return done

    def _failed(self, connection: sa.Connection, group: Sequence[Waiting], error: sa.exc.DBAPIError) -> list[Done]:
        _undo(connection)
        if not self._doubt_openings(group) and is_locked(error):
            raise LockedError from error
        failure = store_error(error, self._path)
        if not isinstance(failure, StorageFullError):
            self.failure = failure
        elif self._full is None:
            self._full = failure
            self._reserve.release()
            self._tell(Trouble.FULL)
            return self.write(connection, group)
        return self.keep(group, failure)

    def _doubt_openings(self, group: Sequence[Waiting]) -> bool:
        """Whether the COMMIT was under way: then nobody knows which openings are in the database."""
        committing, self._committing = self._committing, False
        if committing:
            self._unsure.extend(one.argument for one in group if isinstance(one.argument, Opening))
        return committing

    def end(self, error: BaseException) -> None:
        """The writer broke down. A crash, which only a simulation makes, leaves nobody to keep anything."""
        self._crashed = self._crashed or not isinstance(error, Exception)
        if self.failure is None:
            self.failure = store_error(error, self._path) if isinstance(error, sa.exc.DBAPIError) else _died(error)

    def keep(self, group: Sequence[Waiting], failure: StoreError | None = None) -> list[Done]:
        """The answers of a group go to the file beside the database; nothing else of it is done."""
        failure = self.failure or failure
        answers = [one.argument for one in group if _is_answer(one)]
        unsure, self._unsure = self._unsure, []
        kept = False
        if (answers or unsure) and not self._crashed:
            self.failure = failure  # what is in the file must not be overtaken by the database
            kept = self._spill.keep(answers, unsure)
        return [Done() if kept and _is_answer(one) else Done(error=failure) for one in group]

    def may_wait(self, *, hurried: bool) -> bool:
        """After a LockedError: whether to try again, after `PAUSE_SECONDS`."""
        self._tries += 1
        if self._tries == HURRIED_TRIES:
            self._tell(Trouble.LOCKED)
        return self._tries < (HURRIED_TRIES if hurried else PATIENCE_TRIES)

    def give_up(self, group: Sequence[Waiting]) -> list[Done]:
        """It is locked for good, as far as this run is concerned."""
        seconds = self._tries * (WRITER_BUSY_MS / 1000 + PAUSE_SECONDS)
        self.failure = locked_error(self._path, seconds=round(seconds))
        return self.keep(group)

    def _let_go(self) -> None:
        if self._tries >= HURRIED_TRIES:
            self._tell(Trouble.FREE)
        self._tries = 0

    def account(self, failure: StoreError) -> StoreError:
        """The failure, with what became of the answers that came in spite of it."""
        spill = self._spill
        why = [failure.why]
        if spill.answers:
            answers = "1 answer that it did not take is" if spill.answers == 1 else f"{spill.answers} answers are"
            where = " and ".join(_shown(file, beside=self._path) for file in spill.files)
            why.append(f"{answers} kept in {where}, and the next run puts {_them(spill.answers)} into the database")
        if spill.lost:
            why.append(f"{spill.lost} could be kept nowhere: what was paid for {_them(spill.lost)} is in doubt")
        return type(failure)(failure.what, why="; ".join(why), fix=failure.fix)


def _died(error: BaseException) -> StoreError:
    if isinstance(error, StoreError):
        return error
    failure = StoreError(
        "the database can no longer be written",
        why=f"its writer stopped: {type(error).__name__}",
        fix="run the same command again: it recovers what was open",
    )
    failure.__cause__ = error
    return failure


def _is_answer(one: Waiting) -> bool:
    return isinstance(one.argument, Settlement)


def _undo(connection: sa.Connection) -> None:
    """A COMMIT that failed is over for SQLAlchemy, but not for SQLite; and a disk that fails may fail here too."""
    with suppress(sa.exc.DBAPIError, sqlite3.Error):
        connection.rollback()
    with suppress(sa.exc.DBAPIError, sqlite3.Error):
        connection.connection.rollback()


def _shown(file: Path, *, beside: Path) -> str:
    return file.name if file.parent.samefile(beside.parent) else str(file)


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
