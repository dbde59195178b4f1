"""`db verify` as people and scripts run it: what it checked, line by line, and the exit code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runner.store.cut_off import missing_bytes
from runner.store.database import Database
from tests.cli.place import RUN, inside, names, write_list


@pytest.fixture
def done(folder: Path) -> Path:
    """A list of four, answered; and the file it is kept in."""
    write_list(folder, *names("v", 4))
    assert inside(folder, *RUN, "-q").returncode == 0
    return folder / "runner.db"


def spoil(path: Path, statement: str) -> None:
    """Another program's hand on the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(statement)


def damage(path: Path, name: str) -> None:
    """A part of the file is no longer what was written: the first page of a table or an index."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [name]).fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size] ^= 0xFF
    path.write_bytes(content)


def test_a_clean_file_is_told_line_by_line(folder: Path, done: Path) -> None:
    """Ten checks with their figures, then the sum; exit 0. The file is as it was."""
    before = done.read_bytes()
    told = inside(folder, "db", "verify")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[3:5] == [
        "rows: 4 read = 4 to send + 0 refused ... ok",
        "requests: 4 = 4 succeeded ... ok",
    ]
    assert len(lines) == 11
    assert lines[-1].endswith("10 checks, all hold")
    assert done.read_bytes() == before


def test_a_violation_is_named_with_what_to_do(folder: Path, done: Path) -> None:
    """Exit 3; row, job and attempt are there for people and for scripts, and the command works as it stands."""
    spoil(done, "DELETE FROM attempts WHERE job = 2")
    told = inside(folder, "db", "verify", "--db", str(done))
    assert told.returncode == 3
    assert "every attempt of job 2 (row 2 of leads-defastra-email) is gone" in told.stdout
    found = json.loads(inside(folder, "db", "verify", "--json").stdout)
    assert (found["schema"], found["ok"]) == (1, False)
    named = [one for check in found["checks"] for one in check["found"] if one["job"] == 2]
    assert {one["row"] for one in named} == {2}
    again = next(one["fix"] for one in named if one["fix"].startswith("runner export")).partition("   (")[0]
    assert inside(folder, *again.split()[1:]).returncode == 0


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "is empty"), (b"id,email\n1,ada@example.com\n" * 200, "cannot be read as a database")]
)
def test_what_is_no_database_of_ours_is_refused(folder: Path, content: bytes, what: str) -> None:
    """Exit 2 with what to do; nothing is made and nothing is written."""
    path = folder / "other.db"
    path.write_bytes(content)
    told = inside(folder, "db", "verify", "--db", "other.db")
    assert told.returncode == 2
    assert told.stdout == ""
    assert what in told.stderr
    assert path.read_bytes() == content
    assert inside(folder, "db", "verify", "--db", "missing.db").returncode == 2
    assert not (folder / "missing.db").exists()


def test_a_damaged_file_is_a_violation(folder: Path, done: Path) -> None:
    """Not a refusal: it is ours, and a part of it cannot be trusted."""
    damage(done, "ix_row_jobs_job")
    told = inside(folder, "db", "verify")
    assert told.returncode == 3, told.stderr
    assert "integrity: " in told.stdout
    assert f'|| cp "$backup" {done}' in told.stdout


def test_a_file_that_cannot_be_read_at_all_says_what_was_not_checked(folder: Path, done: Path) -> None:
    """One check and nine that were not made."""
    damage(done, "alembic_version")
    told = inside(folder, "db", "verify")
    assert told.returncode == 3, told.stderr
    assert "runner.db: 1 check, 1 violation\n" in told.stdout
    assert "9 checks were not made" in told.stdout


@pytest.mark.parametrize(("column", "value"), [("settings", "{"), ("operations", "nojson"), ("source", "[]")])
def test_a_batch_that_cannot_be_read_is_a_violation(folder: Path, done: Path, column: str, value: str) -> None:
    """Another program's text in its line: every check is made, and the batch is named."""
    spoil(done, f"UPDATE batches SET {column} = '{value}'")
    told = inside(folder, "db", "verify")
    assert told.returncode == 3, told.stderr
    assert "what leads-defastra-email was loaded with cannot be read" in told.stdout
    assert "10 checks" in told.stdout


@pytest.mark.parametrize("kept", [50, 100, 0.5, -5000])
def test_a_file_that_is_cut_off_is_a_violation(folder: Path, done: Path, kept: float) -> None:
    """Whatever is left of it: exit 3, and the object of `--json` as ever. Nothing is sent from it."""
    content = done.read_bytes()
    done.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else int(kept)])
    told = inside(folder, "db", "verify", "--json")
    assert told.returncode == 3, told.stderr
    found = json.loads(told.stdout)
    assert (found["ok"], [(one["name"], one["violations"]) for one in found["checks"]]) == (False, [("integrity", 1)])
    assert inside(folder, *RUN).returncode == 2


@pytest.mark.parametrize(
    ("statement", "fix"),
    [
        ("UPDATE jobs SET amount = 5000000 WHERE id = 1", "by label)"),
        ("UPDATE jobs SET state = 'queued' WHERE id = 1", "may be sent again)"),
    ],
)
def test_what_would_cost_money_is_said_with_what_to_do(folder: Path, done: Path, statement: str, fix: str) -> None:
    """An amount that was changed, an answered row that was queued again: no run before it is understood."""
    spoil(done, f"DROP TRIGGER tr_jobs_edges; {statement}")
    found = json.loads(inside(folder, "db", "verify", "--json").stdout)
    fixes = [one["fix"] for check in found["checks"] for one in check["found"]]
    assert any("no runner run" in one and one.endswith(fix) for one in fixes), fixes


def test_what_means_the_same_is_told_once(folder: Path, done: Path) -> None:
    """Four times the same: what is wrong with each, then once what that means and what to do."""
    spoil(done, "UPDATE jobs SET amount = 5000000")
    told = inside(folder, "db", "verify")
    assert told.returncode == 3, told.stderr
    ledger = told.stdout.partition("ledger: ")[2].splitlines()
    assert ["job" in line for line in ledger[1:5]] == [True] * 4
    assert [line.split()[0] for line in ledger[5:7]] == ["means", "fix"]
    assert ledger[6].endswith("(and so on for each that is named: --json lists all)")


def cut(database: Path) -> None:
    """Half a page is gone, of something that nobody reads."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE last_pages AS SELECT zeroblob(9000) AS filler")
    database.write_bytes(database.read_bytes()[:-1000])


def test_a_run_refuses_a_file_whose_end_is_gone(folder: Path, done: Path) -> None:
    """Half a page is gone: nothing is sent, and who reads what is left is told."""
    cut(done)
    assert "its last 1000 bytes are gone; runner db verify" in inside(folder, "status").stderr
    for command in (RUN, ("run", "leads"), ("load", "leads.csv", "-p", "defastra.email")):
        refused = inside(folder, *command)
        assert (refused.returncode, "its last 1000 bytes are gone" in refused.stderr) == (2, True), command


def test_the_end_of_a_file_may_be_in_its_log(folder: Path, done: Path) -> None:
    """As long as its write-ahead log holds anything, nobody says that bytes are missing."""
    cut(done)
    assert missing_bytes(Database(done)) == 1000
    done.with_name("runner.db-wal").write_bytes(b"pages")
    assert missing_bytes(Database(done)) == 0
