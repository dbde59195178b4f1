"""Ours is to the store what `sqlite3` is: the same answers to the same statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.powercuts.connection import Connection
from tests.powercuts.disk import Disk
from tests.powercuts.filesystem import recording

STATEMENTS: tuple[tuple[str, Any], ...] = (
    ("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT UNIQUE, y BLOB)", ()),
    ("INSERT INTO t (x, y) VALUES (?, ?)", ("a", bytearray(b"1"))),
    ("INSERT INTO t (x, y) VALUES (:x, :y)", {"x": "b", "y": None}),
    ("SELECT x, y AS why FROM t ORDER BY id", ()),
    ("SELECT x FROM t WHERE x = 'nobody'", ()),
    ("UPDATE t SET y = 2 WHERE x > ?", ("",)),
    ("UPDATE t SET y = 2.5 WHERE x = 'nobody'", ()),
    ("UPDATE t SET y = 3 WHERE x = 'a' RETURNING id, y", ()),
    ("INSERT INTO t (x) VALUES ('a')", ()),
    ("INSERT INTO t (x) VALUES ('a') ON CONFLICT DO NOTHING", ()),
    ("SELEKT", ()),
    ("SELECT * FROM nowhere", ()),
    ("DELETE FROM t", ()),
    ("PRAGMA user_version", ()),
    ("BEGIN IMMEDIATE", ()),
    ("COMMIT", ()),
)


def told(connection: Any, sql: str, values: Any) -> Any:
    """What a statement answers, or how it fails."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql, values)
    except sqlite3.Error as error:
        return type(error), error.sqlite_errorcode
    rows = cursor.fetchall()
    return rows, cursor.description, cursor.rowcount, cursor.lastrowid or 0


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Connection, sqlite3.Connection]]:
    with recording(Disk({})) as vfs, closing(sqlite3.connect(tmp_path / "b.db", isolation_level=None)) as theirs:
        address = f"{(tmp_path / 'a.db').as_uri()}?mode=rwc"
        ours = Connection(vfs, address, busy_seconds=1, rewrite=str, committing=lambda _: lambda: None)
        yield ours, theirs
        ours.close()


def test_it_answers_as_the_standard_library_does(both: tuple[Connection, sqlite3.Connection]) -> None:
    """Rows, columns, counts, the last id, kinds and codes of errors."""
    ours, theirs = both
    for sql, values in STATEMENTS:
        assert (sql, told(ours, sql, values)) == (sql, told(theirs, sql, values))


def test_many_at_once_and_fetching(both: tuple[Connection, sqlite3.Connection]) -> None:
    """`executemany` counts all; rows come one by one, some, or all."""
    for connection in both:
        connection.execute("CREATE TABLE t (x)")
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(5)])
        assert cursor.rowcount == 5
        cursor.execute("SELECT x FROM t")
        assert (cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall()) == ((0,), [(1,), (2,)], [(3,), (4,)])
        assert cursor.fetchone() is None


def test_commit_and_rollback_without_a_transaction_do_nothing(both: tuple[Connection, sqlite3.Connection]) -> None:
    """With one they end it."""
    for connection in both:
        connection.commit()
        connection.rollback()
        connection.execute("CREATE TABLE t (x)")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO t VALUES (1)")
        connection.rollback()
        connection.execute("BEGIN")
        connection.execute("INSERT INTO t VALUES (2)")
        connection.commit()
        assert connection.execute("SELECT x FROM t").fetchall() == [(2,)]
