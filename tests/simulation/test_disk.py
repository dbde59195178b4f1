"""The disk of a simulated machine: what a dead process leaves on it, and the ways it fails."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulation.axis import Axis
from tests.simulation.disk import Disk, Machine
from tests.simulation.options import DiskPlan, DiskTrouble


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file with an empty table."""
    path = tmp_path / "runner.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE seen (value)")
    return path


def _machine(database: Path, *plans: DiskPlan, axis: Axis | None = None) -> Machine:
    return Machine(plans, axis or Axis(), database, random.Random(1))


def _write(disk: Disk, database: Path, value: int) -> None:
    connection = disk.connect(str(database), isolation_level=None)
    try:
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO seen VALUES (?)", (value,))
        connection.commit()
    finally:
        connection.close()


def _seen(database: Path) -> list[int]:
    with closing(sqlite3.connect(database)) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM seen")]


def test_what_was_not_committed_dies_with_the_process(database: Path) -> None:
    """Its lock goes too, even under a statement that was not read to its end; and nothing of it writes again."""
    disk = Disk(_machine(database))
    _write(disk, database, 1)
    connection = disk.connect(str(database), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO seen VALUES (2)")
    half_read = connection.execute("SELECT value FROM seen")
    next(half_read)
    disk.die()
    connection.rollback()
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("INSERT INTO seen VALUES (3)")
    with pytest.raises(sqlite3.OperationalError, match="dead"):
        disk.connect(str(database))
    _write(Disk(_machine(database)), database, 4)
    assert _seen(database) == [1, 4]


@pytest.mark.parametrize(("trouble", "left"), [(DiskTrouble.LOST, [2]), (DiskTrouble.KEPT, [1, 2])])
def test_a_commit_that_failed_may_be_there_all_the_same(database: Path, trouble: DiskTrouble, left: list[int]) -> None:
    """Who got the error cannot know; it happens once."""
    disk = Disk(_machine(database, DiskPlan(trouble=trouble, at_commit=1, seconds=0.0)))
    with pytest.raises(sqlite3.OperationalError) as raised:
        _write(disk, database, 1)
    assert raised.value.sqlite_errorcode == sqlite3.SQLITE_IOERR
    _write(disk, database, 2)
    assert _seen(database) == left


def test_a_locked_file_lets_nobody_begin_until_its_time_is_over(database: Path) -> None:
    """As long as another program holds it."""
    axis = Axis()
    disk = Disk(_machine(database, DiskPlan(trouble=DiskTrouble.LOCKED, at_commit=1, seconds=40.0), axis=axis))
    _write(disk, database, 1)
    with pytest.raises(sqlite3.OperationalError) as raised:
        _write(disk, database, 2)
    assert raised.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
    axis.advance(41.0)
    _write(disk, database, 3)
    assert _seen(database) == [1, 3]


def test_a_full_disk_takes_a_little_once_the_reserve_is_given_back(database: Path) -> None:
    """The room that a run had set aside is room for its last answers."""
    reserve = database.with_name("runner.db.reserve")
    reserve.write_bytes(b"")
    disk = Disk(_machine(database, DiskPlan(trouble=DiskTrouble.FULL, at_commit=1, seconds=600.0)))
    with pytest.raises(sqlite3.OperationalError) as raised:
        _write(disk, database, 1)
    assert raised.value.sqlite_errorcode == sqlite3.SQLITE_FULL
    reserve.unlink()
    _write(disk, database, 2)
    assert _seen(database) == [2]
