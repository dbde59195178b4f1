import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from runner.errors import InputError
from runner.sources import Row, open_database, open_file


@pytest.fixture
def url(tmp_path):
    """A database whose names and values are meant to trip a careless reader."""
    path = tmp_path / "my crm.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE "my leads" (id INTEGER PRIMARY KEY, "e mail" TEXT, tel REAL, born TEXT);
            INSERT INTO "my leads" VALUES
                (10, 'ada@example.com', 33612345678.0, NULL), (9, '100%s :x', 1.5, '007'), (11, '', NULL, ' a ');
            CREATE TABLE twice (id TEXT, email TEXT);
            INSERT INTO twice VALUES ('a', '1'), ('b', '2'), ('a', '3');
            CREATE TABLE holes (id TEXT, email TEXT);
            INSERT INTO holes VALUES (NULL, '1');
            CREATE VIEW recent AS SELECT id, "e mail" AS email FROM "my leads" WHERE id > 9;
            """
        )
    return f"sqlite:///{path}"


def test_a_table(url):
    """Rows come in the order of the key, every value as faithful text, and can be read again."""
    source = open_database(url, table="my leads", key="id")
    assert source.header == ("id", "e mail", "tel", "born")
    assert list(source.rows()) == [
        Row(1, None, ("9", "100%s :x", "1.5", "007"), "9"),
        Row(2, None, ("10", "ada@example.com", "33612345678", ""), "10"),
        Row(3, None, ("11", "", "", " a "), "11"),
    ]
    assert len(list(source.rows())) == 3
    assert source.keyed
    assert source.name == "my leads"
    assert next(source.rows()).label() == "row 1"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, '50% of :this' AS email FROM \"my leads\"",
        "select id, '50% of :this' as email from \"my leads\" order by born; ",
        "WITH x AS (SELECT * FROM \"my leads\") SELECT id, '50% of :this' AS email FROM x -- all of them",
    ],
)
def test_a_query(url, query):
    """A SELECT is taken as it is, percent signs, colons and comments too, and ordered by the key."""
    source = open_database(url, table=query, key="id")
    assert [row.cells for row in source.rows()] == [(str(key), "50% of :this") for key in (9, 10, 11)]
    assert source.name == "query"


def test_a_view(url):
    """A view is read like a table."""
    assert [row.key for row in open_database(url, table="recent", key="id").rows()] == ["10", "11"]


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ("leads", "id", "there is no table 'leads'"),
        ('my leads"; DROP TABLE twice; --', "id", "there is no table"),
        ("my leads", "ID", "there is no column 'ID'"),
        ("SELECT nothing FROM nowhere", "id", "cannot be read"),
        ("SELECT 1 AS id; DROP TABLE twice", "id", "cannot be read"),
    ],
)
def test_what_cannot_be_read(url, table, key, message):
    """A wrong name is an error for people, and a name is never run as SQL."""
    with pytest.raises(InputError, match=message) as raised:
        open_database(url, table=table, key=key)
    assert raised.value.why
    assert raised.value.fix
    assert len(list(open_database(url, table="my leads", key="id").rows())) == 3


@pytest.mark.parametrize(
    ("table", "message"), [("twice", "rows 1 and 2 have the same id"), ("holes", "row 1 has no id")]
)
def test_keys_must_name_rows(url, table, message):
    """A key that is NULL or comes twice cannot tell rows apart."""
    with pytest.raises(InputError, match=message):
        list(open_database(url, table=table, key="id").rows())


def test_what_no_export_can_hold(tmp_path):
    """A NUL in a table is refused with its row, as in a file."""
    with closing(sqlite3.connect(tmp_path / "crm.db")) as connection:
        connection.execute("CREATE TABLE leads (id INTEGER, email TEXT)")
        connection.execute("INSERT INTO leads VALUES (1, 'a@example.com'), (2, ?)", ["x\0y"])
        connection.commit()
    with pytest.raises(InputError, match="leads: row 2 has a NUL character in 'email'"):
        list(open_database(f"sqlite:///{tmp_path}/crm.db", table="leads", key="id").rows())


def test_a_misspelt_file_is_not_created(tmp_path):
    """SQLite makes a database of any name; a source must exist."""
    with pytest.raises(InputError, match="there is no database"):
        open_database(f"sqlite:///{tmp_path}/none.db", table="leads", key="id")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", ["leads.db", "nosuch://host/x", "sqlite://me:hunter2"])
def test_a_wrong_address(bad):
    """An address without a driver, with an unknown one, or with a word for a port, is an error for people."""
    with pytest.raises(InputError):
        open_database(bad, table="leads", key="id")


def test_a_password_is_never_shown():
    """Neither the description nor an error holds it."""
    with pytest.raises(InputError) as raised:
        open_database("nosuch://me:hunter2-not-a-key@localhost/x", table="leads", key="id")
    assert "hunter2" not in f"{raised.value.what} {raised.value.why} {raised.value.fix}"


def test_the_source_is_not_written_to(url):
    """The connection is read-only: a SELECT cannot even attach a writing function's work."""
    source = open_database(url, table="my leads", key="id")
    with pytest.raises(InputError, match="cannot be read"), source.connect() as connection:  # type: ignore[attr-defined]  # not of the interface
        connection.exec_driver_sql("DELETE FROM twice")


def test_content_hash(url):
    """The same place is the same list although its rows change; another query is another."""
    first = open_database(url, table="my leads", key="id")
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("INSERT INTO \"my leads\" VALUES (12, 'x', 1, '')")
        connection.commit()
    again = open_database(url, table="my leads", key="id")
    assert first.content_hash() == again.content_hash()
    assert first.content_hash() != open_database(url, table="recent", key="id").content_hash()


def test_the_same_list_from_either_source(tmp_path):
    """A table with the content of a CSV file gives the same header and cells in the same order."""
    path = tmp_path / "leads.csv"
    path.write_text('id,email\n001,ada@example.com\n002,"a, b"\n003,\n')
    from_file = open_file(path)
    with closing(sqlite3.connect(tmp_path / "leads.db")) as connection:
        connection.execute("CREATE TABLE leads (id TEXT, email TEXT)")
        connection.executemany("INSERT INTO leads VALUES (?, ?)", [row.cells for row in from_file.rows()])
        connection.commit()
    from_table = open_database(f"sqlite:///{tmp_path}/leads.db", table="leads", key="id")
    assert from_table.header == from_file.header
    assert [row.cells for row in from_table.rows()] == [row.cells for row in from_file.rows()]


def test_files_do_not_load_sqlalchemy():
    """Only a database source pays for its library."""
    code = "import sys, runner.sources.csv_file; print('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
