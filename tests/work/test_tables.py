"""Rows into a table: each once by its key, written again without harm, never over somebody else's."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from runner.errors import BatchError, UsageError
from runner.exports import Layout, Line
from runner.exports import database as exported
from runner.exports.database import TableTarget
from tests.app.place import Place, emails
from tests.exports.rows import EMAIL, GOOD, INVALID

OPERATION = ["defastra.email"]


def query(place: Place, sql: str, file: str = "crm.db") -> list[tuple[Any, ...]]:
    """As any other program reads it."""
    with closing(sqlite3.connect(place.folder / file)) as database:
        return database.execute(sql).fetchall()


def execute(place: Place, sql: str, file: str = "crm.db") -> None:
    """As any other program writes it."""
    with closing(sqlite3.connect(place.folder / file)) as database, database:
        database.executescript(sql)


@pytest.fixture
def crm(place: Place) -> str:
    """The address of a database with five customers, named by texts."""
    rows = ", ".join(f"('k{number}', '{email}', 'note {number}')" for number, email in enumerate(emails(5), 1))
    execute(place, "CREATE TABLE customers (id TEXT PRIMARY KEY, email TEXT, note TEXT)")
    execute(place, f"INSERT INTO customers VALUES {rows}")
    return f"sqlite:///{place.folder / 'crm.db'}"


def test_rows_of_a_table_are_upserted_by_their_key(place: Place, crm: str) -> None:
    """Made with types, filled, and after the next run brought up to date; nothing is there twice."""
    with place.runner() as r:
        batch = r.load(None, OPERATION, query="customers", database=crm, key="id", batch="crm")
        place.run(r, batch, limit=2)
        assert r.export_table(batch, "scored", database=crm).rows == 5
        states = "SELECT defastra_email_state, count(*) FROM scored GROUP BY 1 ORDER BY 1"
        assert query(place, states) == [("queued", 3), ("succeeded", 2)]
        place.run(r, batch)
        for _ in range(2):
            r.export_table(batch, "scored", database=crm)
            assert query(place, states) == [("succeeded", 5)]
        typed = query(place, "SELECT id, typeof(defastra_email_risk_score) FROM scored ORDER BY id LIMIT 1")
        assert typed == [("k1", "integer")]
        tables = [one.detail.get("table") for one in r.log(batch).records if one.event == "batch.exported"]
        assert tables == ["scored"] * 3


def test_the_users_own_table_keeps_what_is_theirs(place: Place, crm: str) -> None:
    """Results beside the rows they came from: columns that were added for them, and nothing else, are written."""
    with place.runner() as r:
        batch = r.load(None, OPERATION, query="customers", database=crm, key="id", batch="crm")
        place.run(r, batch)
        with pytest.raises(UsageError, match="lacks 2 of the columns") as refused:
            r.export_table(batch, "customers", database=crm, columns=["id", "email", "risk_score", "state"])
        execute(place, refused.value.fix.removeprefix("in the database: "))
        execute(place, "UPDATE customers SET email = 'changed@example.com' WHERE id = 'k1'")
        r.export_table(batch, "customers", database=crm, columns=["id", "email", "risk_score", "state"])
        first = query(place, "SELECT email, note, defastra_email_state FROM customers ORDER BY id")[0]
        assert first == ("changed@example.com", "note 1", "succeeded")


def test_rows_of_a_file_are_named_by_their_number(place: Place) -> None:
    """Two lists do not share a table unless it is said; the same list writes again, also what was erased."""
    url = f"sqlite:///{place.folder / 'out.db'}"
    place.write_list(emails(3))
    place.write_list(["someone@example.com"], name="other.csv")
    with place.runner() as r:
        batch, other = (r.load(name, OPERATION) for name in ("leads.csv", "other.csv"))
        r.export_table(batch, "scored", database=url)
        assert stat.S_IMODE((place.folder / "out.db").stat().st_mode) == 0o600
        with pytest.raises(BatchError, match="did not write") as refused:
            r.export_table(other, "scored", database=url)
        assert refused.value.fix == "--to-table scored_2, or --overwrite"
        place.run(r, batch)
        r.export_table(batch, "scored", database=url)
        found = query(place, 'SELECT "row", email, defastra_email_state FROM scored ORDER BY 1', "out.db")
        assert found == [(number, email, "succeeded") for number, email in enumerate(emails(3), 1)]
        r.erase(emails(1)[0])
        r.export_table(batch, "scored", database=url)
        assert query(place, 'SELECT "row", email FROM scored ORDER BY 1', "out.db")[0] == (1, "")
        r.export_table(other, "scored", database=url, overwrite=True)
        r.export(batch, "out.csv")
        r.export_table(batch, "scored", database=url)  # a file in between does not make it forget the table


def test_no_password_is_kept(place: Place, crm: str) -> None:
    """An address that holds one among its options is neither kept with the list nor with the table."""
    url = f"{crm.replace('///', '///file:')}?uri=true&password=hunter2-not-a-key"
    with place.runner() as r:
        batch = r.load(None, OPERATION, query="customers", database=url, key="id", batch="crm")
        r.export_table(batch, "scored", database=url)
        place.write_list(emails(1))
        r.export_table(r.load("leads.csv", OPERATION), "other", database=url)
    kept = b"".join(path.read_bytes() for path in place.folder.glob("runner.db*") if path.is_file())
    assert b"password=***" in kept
    assert b"hunter2" not in kept


def test_an_export_in_another_terminal_is_not_forgotten(
    place: Place, crm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is written while a table is stays the batch's, and so does the table: both are replaced."""
    place.write_list(emails(2))
    write = TableTarget.write
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", OPERATION)

        def meanwhile(*arguments: Any, **named: Any) -> int:
            other.export(batch, "out.csv")
            return write(*arguments, **named)

        monkeypatch.setattr(TableTarget, "write", meanwhile)
        r.export_table(batch, "scored", database=crm)
        monkeypatch.undo()
        r.export(batch, "out.csv")
        r.export_table(batch, "scored", database=crm)


def test_a_row_whose_key_was_the_person_is_left_out(place: Place) -> None:
    """The table's own row stays theirs to delete; nothing is written under no key."""
    url = f"sqlite:///{place.folder / 'crm.db'}"
    execute(place, "CREATE TABLE t (email TEXT PRIMARY KEY)")
    execute(place, f"INSERT INTO t VALUES ('{emails(1)[0]}'), ('b@example.com')")
    with place.runner() as r:
        batch = r.load(None, OPERATION, query="t", database=url, key="email", batch="crm")
        place.run(r, batch)
        done = r.erase(emails(1)[0])
        assert any(one.what.startswith("the table t at sqlite") for one in done.beyond)
        assert r.export_table(batch, "scored", database=url).rows == 1
        assert query(place, "SELECT email FROM scored") == [("b@example.com",)]


def test_what_cannot_be_a_target(place: Place, crm: str) -> None:
    """Each with what to do: no database, our own, no unique key, an unknown kind, a column of another type."""
    place.write_list(emails(1))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)

        def refused(table: str, url: str | None, match: str, **more: Any) -> str:
            with pytest.raises(UsageError, match=match) as error:
                r.export_table(batch, table, database=url, **more)
            return error.value.fix

        refused("t", None, "needs --source")
        (place.folder / "link.db").symlink_to("runner.db")
        own = place.folder / "runner.db"
        for url in (
            f"sqlite:///{own}",
            f"sqlite+pysqlite:///{own}",
            f"sqlite:///{own}?timeout=5",
            f"sqlite:///file:{own}?uri=true",
            f"sqlite:///{place.folder / 'link.db'}",
        ):
            refused("t", url, "runner's own database")
        refused("t", "oracle://host/x", "a database of oracle")
        refused("t", "nonsense://", "cannot be opened|a database of")
        refused("t", "postgresql://host:port/x", "cannot be opened")
        refused("t", f"sqlite:///{place.folder}/nowhere/x.db", "could not be written")
        execute(place, 'CREATE TABLE loose ("row" INTEGER, id TEXT, email TEXT)')
        fix = refused("loose", crm, "nothing keeps row unique", columns=["id", "email"])
        execute(place, fix.removeprefix("in the database: "))
        assert r.export_table(batch, "loose", database=crm, columns=["id", "email"]).rows == 1
        execute(place, 'CREATE TABLE typed ("row" INTEGER PRIMARY KEY, email INTEGER)')
        refused("typed", crm, "the column email of the table typed is INTEGER", columns=["email"])
        assert query(place, "SELECT count(*) FROM typed") == [(0,)]


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("BOOLEAN", "yes", None),
        ("INTEGER", 2**70, None),
        ("INTEGER", str(2**70), None),
        ("INTEGER", -(2**63) + 1, -(2**63) + 1),
        ("TEXT", "a\ud800b", "a?b"),
        ("TEXT", 2**70, str(2**70)),
    ],
)
def test_a_value_that_its_column_cannot_hold_is_told(place: Place, kind: str, value: Any, written: Any) -> None:
    """Whatever a provider answers: with the column and the row; half a surrogate pair is a `?`."""
    execute(place, f'CREATE TABLE t ("row" INTEGER PRIMARY KEY, defastra_email_risk_score {kind})')
    target = TableTarget(url=f"sqlite:///{place.folder / 'crm.db'}", table="t")
    layout = Layout(header=["id"], operations=[EMAIL], chosen=["risk_score"])
    lines = [Line(["a"], [GOOD._replace(columns={"risk_score": value})], 1)]
    if written is None:
        with pytest.raises(UsageError, match=f"risk_score of the table t is {kind}") as refused:
            target.write(lambda: lines, layout=layout, key=None)
        assert refused.value.why == "row 1 has another kind of value for it"
    else:
        target.write(lambda: lines, layout=layout, key=None)
        assert query(place, "SELECT defastra_email_risk_score FROM t") == [(written,)]


def test_a_thousand_rows_are_a_transaction(place: Place) -> None:
    """Cut off in the middle, whole transactions are there; the same call again writes the rest."""
    target = TableTarget(url=f"sqlite:///{place.folder / 'out.db'}", table="t")
    layout = Layout(header=["id"], operations=[EMAIL])
    cut = 0

    def lines() -> Any:
        nonlocal cut
        cut += 1
        for number in range(1, 2501):
            if cut == 2 and number == 2200:
                raise KeyboardInterrupt
            yield Line([str(number)], [GOOD if number % 2 else INVALID], number)

    with pytest.raises(KeyboardInterrupt):
        target.write(lines, layout=layout, key=None)
    assert query(place, "SELECT count(*) FROM t", "out.db") == [(2000,)]
    assert target.write(lines, layout=layout, key=None) == 2500
    assert query(place, "SELECT count(*), sum(defastra_email_attempts) FROM t", "out.db") == [(2500, 1250)]


@pytest.mark.parametrize("reading", [1, 2])
def test_trouble_with_our_own_file_is_not_the_targets(place: Place, reading: int) -> None:
    """Rows are read while the table is written: a disk error of one database is not told as the other's."""
    target = TableTarget(url=f"sqlite:///{place.folder / 'out.db'}", table="t")
    readings = 0

    def lines() -> Any:
        nonlocal readings
        readings += 1
        yield Line(["a"], [INVALID], 1)
        if readings == reading:
            raise sa.exc.OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))

    with pytest.raises(sa.exc.OperationalError, match="disk I/O error"):
        target.write(lines, layout=Layout(header=["id"], operations=[EMAIL]), key=None)


@pytest.mark.parametrize("name", ["a b", "select", "a%b", "a:b", 'q"q', "ü", "a(b)", "c0", "row"])
def test_columns_of_any_name(place: Place, name: str) -> None:
    """A list's header is never SQL."""
    target = TableTarget(url=f"sqlite:///{place.folder / 'out.db'}", table='odd "table"; --')
    lines = [Line(["x", "y"], [], 1)]
    assert target.write(lambda: lines, layout=Layout(header=[name, "id"], operations=[]), key=None) == 1
    assert target.write(lambda: lines, layout=Layout(header=[name, "id"], operations=[]), key=None) == 1
    assert query(place, 'SELECT * FROM "odd ""table""; --"', "out.db") == [(1, "x", "y")]


@pytest.mark.parametrize(
    ("header", "key", "named"),
    [
        (["Row"], None, ["row_2", "Row"]),
        (["email", "Email", "EMAIL", "email_2"], None, ["row", "email", "Email_3", "EMAIL_4", "email_2"]),
        (["ID", "id"], "id", ["id", "ID_2"]),
    ],
)
def test_names_that_differ_in_their_case_alone_are_told_apart(
    place: Place, header: list[str], key: str | None, named: list[str]
) -> None:
    """SQLite takes them for one; each of the list's columns has one of its own, also when it is written again."""
    target = TableTarget(url=f"sqlite:///{place.folder / 'out.db'}", table="t")
    layout = Layout(header=header, operations=[])
    lines = [Line([f"v{number}" for number in range(len(header))], [], 1, "k")]
    for _ in range(2):
        assert target.write(lambda: lines, layout=layout, key=key) == 1
    assert [name for _, name, *_ in query(place, "PRAGMA table_info(t)", "out.db")] == named
    values = [value for name, value in zip(header, lines[0].cells, strict=True) if name != key]
    assert query(place, "SELECT * FROM t", "out.db") == [("k" if key else 1, *values)]


def test_a_table_with_its_names_in_another_case_is_the_one(place: Place) -> None:
    """SQLite would not let a second column of that name be added."""
    execute(place, 'CREATE TABLE t ("ROW" INTEGER PRIMARY KEY, EMail TEXT)')
    target = TableTarget(url=f"sqlite:///{place.folder / 'crm.db'}", table="t")
    for value in "ab":
        target.write([Line([value], [], 1)].copy, layout=Layout(header=["email"], operations=[]), key=None)
    assert query(place, "SELECT * FROM t") == [(1, "b")]


def test_the_statements_of_other_databases() -> None:
    """PostgreSQL and MySQL are told to update what is there in their own words, and nothing of the user's."""
    columns = exported._columns(Layout(header=["id", "email"], operations=[EMAIL]), list, "id")
    made = [sa.Column(one.name, exported._type(one, is_key=n == 0), key=f"c{n}") for n, one in enumerate(columns)]
    table = sa.Table("t", sa.MetaData(), *made)
    texts = {}
    for dialect in (postgresql.dialect, mysql.dialect):
        connection: Any = SimpleNamespace(dialect=dialect())
        upsert = exported._upsert(connection, table, columns, "id")
        texts[dialect.name] = str(upsert.compile(dialect=connection.dialect))
    score = "defastra_email_risk_score"
    assert f"ON CONFLICT (id) DO UPDATE SET {score} = excluded.{score}" in texts["postgresql"]
    assert f"ON DUPLICATE KEY UPDATE {score} = " in texts["mysql"]
    assert not any(" email = " in text for text in texts.values())
