"""What the disk keeps, and that it is SQLite's files it keeps."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.powercuts.connection import Connection
from tests.powercuts.disk import Disk, Fate, Kind, Step
from tests.powercuts.filesystem import recording
from tests.powercuts.life import NAME, read_image

ALL = Fate(chance=Random(1), kept=1.0)
NOTHING = Fate(chance=Random(1), kept=0.0)
WRITES = st.tuples(st.just(Kind.WRITE), st.integers(0, 9_000), st.binary(min_size=1, max_size=6_000))
CUTS_SHORT = st.tuples(st.just(Kind.TRUNCATE), st.integers(0, 9_000), st.just(b""))
SYNCS = st.tuples(st.just(Kind.SYNC), st.just(0), st.just(b""))


def recorded(*steps: tuple[Kind, int, bytes], start: bytes = b"") -> Disk:
    disk = Disk({"file": start})
    for kind, offset, data in steps:
        disk.steps.append(Step(kind=kind, file=0, name="file", offset=offset, data=data))
    return disk


def replayed(steps: list[tuple[Kind, int, bytes]], path: Path) -> bytes:
    """The same on a real file."""
    with path.open("w+b") as file:
        for kind, offset, data in steps:
            if kind is Kind.WRITE:
                file.seek(offset)
                file.write(data)
            elif kind is Kind.TRUNCATE and offset < path.stat().st_size:
                file.truncate(offset)
            file.flush()
    return path.read_bytes()


@given(st.lists(st.one_of(WRITES, CUTS_SHORT, SYNCS), max_size=12), st.integers(0))
def test_what_was_synced_is_there_and_nothing_else_is_sure(tmp_path_factory: Any, steps: Any, seed: int) -> None:
    """All kept is the file as it was; nothing kept is the file at its last sync; any fate leaves what no later
    operation touched."""
    path = tmp_path_factory.mktemp("disk") / "file"
    disk = recorded(*steps)
    synced = max((place for place, (kind, *_) in enumerate(steps) if kind is Kind.SYNC), default=0)
    safe = replayed(steps[:synced], path)
    assert disk.left(len(steps), ALL)["file"] == replayed(steps, path)
    assert disk.left(len(steps), NOTHING)["file"] == safe
    left = disk.left(len(steps), Fate.drawn(Random(seed)))["file"]
    touched = bytearray(len(safe))
    for kind, offset, data in steps[synced:]:
        end = len(safe) if kind is Kind.TRUNCATE else offset + len(data)
        touched[offset:end] = b"x" * len(touched[offset:end])
    assert all(left[place] == safe[place] for place in range(len(safe)) if not touched[place])


def test_a_torn_write_is_torn_at_sectors() -> None:
    """Of one write some sectors are new, some old, some rubbish; a sector is never half and half."""
    disk = recorded((Kind.WRITE, 100, b"n" * 4_000), start=b"o" * 5_000)
    kinds = set()
    for seed in range(30):
        left = disk.left(1, Fate(chance=Random(seed), kept=0.5, torn=1.0, rubbish=0.3, sector=512))["file"]
        assert left[:100] + left[4_100:] == b"o" * 1_000
        for begin in range(512, 3_584, 512):
            sector = set(left[begin : begin + 512])
            kinds.add("new" if sector == set(b"n") else "old" if sector == set(b"o") else "rubbish")
            assert len(sector) == 1 or len(sector) > 100
    assert kinds == {"new", "old", "rubbish"}


def test_a_failed_sync_is_the_fate_of_what_came_before_it() -> None:
    """A later sync that succeeds does not save what an earlier one refused."""
    disk = recorded((Kind.WRITE, 0, b"lost"))
    disk.steps.append(Step(kind=Kind.SYNC, file=0, name="file", failed=True))
    disk.steps.append(Step(kind=Kind.WRITE, file=0, name="file", offset=4, data=b"safe"))
    disk.steps.append(Step(kind=Kind.SYNC, file=0, name="file"))
    assert disk.left(4, NOTHING)["file"] == b"\0\0\0\0safe"


def test_names_are_safe_with_their_folder() -> None:
    """A new file and a removed one may be there or not until a sync covers the folder."""
    disk = Disk({"old": b"old"})
    disk.remove("old")
    number = disk.make("new")
    disk.steps.append(Step(kind=Kind.SYNC, file=number, name="new"))
    assert (disk.left(3, NOTHING), disk.left(3, ALL)) == ({"old": b"old"}, {"new": b""})
    disk.steps.append(Step(kind=Kind.SYNC, file=number, name="new", folder=True))
    assert disk.left(4, NOTHING) == {"new": b""}


def opened(vfs: str, path: Path) -> Connection:
    address = f"{path.as_uri()}?mode=rwc"
    return Connection(vfs, address, busy_seconds=1, rewrite=str, committing=lambda _: lambda: None)


def test_the_record_is_what_sqlite_did(tmp_path: Path) -> None:
    """Whatever it does, with a write-ahead log and two connections: all steps kept are the real files, byte by byte."""
    disk = Disk({})
    with recording(disk) as vfs:
        writer, reader = opened(vfs, tmp_path / NAME), opened(vfs, tmp_path / NAME)
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (x)")
        for number in range(40):
            writer.execute("PRAGMA wal_autocheckpoint = 8")
            writer.execute("INSERT INTO t VALUES (?)", (bytes(number * 200),))
            assert reader.execute("SELECT count(*) FROM t").fetchone() == (number + 1,)
        assert set(read_image(tmp_path)) == {NAME, f"{NAME}-wal"}
        assert disk.left(len(disk.steps), ALL) == read_image(tmp_path)
        reader.close()
        writer.close()
        assert set(read_image(tmp_path)) == {NAME}
        assert disk.left(len(disk.steps), ALL) == read_image(tmp_path)


def test_a_refused_sync_is_an_io_error(tmp_path: Path) -> None:
    """The statement fails with SQLite's own code, and the transaction is not there afterwards."""
    disk = Disk({})
    refusing: list[str] = []
    with recording(disk, refuse=lambda name: name in refusing) as vfs:
        connection = opened(vfs, tmp_path / NAME)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE t (x)")
        refusing.append(f"{NAME}-wal")
        with pytest.raises(sqlite3.OperationalError) as failed:
            connection.execute("INSERT INTO t VALUES (1)")
        assert failed.value.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
        refusing.clear()
        connection.close()
    assert disk.steps[-1].kind is Kind.REMOVE
    with closing(sqlite3.connect(tmp_path / NAME)) as plain:
        assert plain.execute("SELECT * FROM t").fetchall() == []
