"""`verify` on a file with a past: clean as the store wrote it; damage of every kind is told, and ends no check."""

from __future__ import annotations

import random
import shlex
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from runner.errors import SchemaError
from runner.store.database import Database
from runner.store.remains import restore_command
from runner.store.verify import readable_batches
from runner.store.verify.values import NAMED, Fix
from tests.store.past import checked, found, vandalise
from tests.store.world import EMAIL


def test_a_file_as_the_store_wrote_it_is_clean(path: Path) -> None:
    """Every check says what it looked at, and finds nothing."""
    checks = checked(path)
    assert found(path) == []
    assert {name: dict(check.figures) for name, check in checks.items() if name in ("rows", "requests", "answers")} == {
        "rows": {"rows": 14, "to_send": 13, "refused": 1},
        "requests": {
            "jobs": 12,
            "queued": 3,
            "running": 0,
            "succeeded": 6,
            "failed": 1,
            "in_doubt": 2,
            "cancelled": 0,
        },
        "answers": {"succeeded": 6, "answers": 12},
    }
    assert list(checks) == [
        "file",
        "integrity",
        "references",
        "rows",
        "requests",
        "batches",
        "attempts",
        "charges",
        "answers",
        "ledger",
    ]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TRIGGER tr_attempts_closed", "file: the trigger tr_attempts_closed is missing"),
        (
            "CREATE TRIGGER mine AFTER UPDATE ON jobs BEGIN UPDATE jobs SET amount = 0; END",
            "file: there is a trigger mine of another's",
        ),
    ],
)
def test_triggers_are_as_they_were_made(path: Path, statement: str, expected: str) -> None:
    """One that is gone guards nothing; one of another's writes what nobody expects. A view of one's own is no harm."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE VIEW of_mine AS SELECT 1")
        connection.execute(statement)
    assert found(path) == [expected]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE attempts SET opened_us = 'x' WHERE id = 1", "ledger: it could not be read to its end (TypeError)"),
        ("UPDATE attempt_totals SET day = 'x' WHERE batch = 1", "says that on day x 3 requests"),
        ("UPDATE attempt_totals SET day = 999999999999 WHERE batch = 1", "says that on day 999999999999 3 requests"),
        ("UPDATE attempt_totals SET day = -99999999 WHERE batch = 1", "says that on day -99999999 3 requests"),
        (
            "UPDATE attempt_totals SET standing = x'07' WHERE batch = 1 AND standing = 'debited'",
            "3 requests (3 check) are b'\\x07'",
        ),
        ("UPDATE batches SET settings = '{' WHERE id = 1", "batches: what done was loaded with cannot be read"),
        ("UPDATE batches SET operations = 'nojson' WHERE id = 1", "batches: what done was loaded with cannot be read"),
        ("UPDATE batches SET source = '[]' WHERE id = 1", "batches: what done was loaded with cannot be read"),
        ("UPDATE batches SET name = x'FF' WHERE id = 1", "was loaded with cannot be read"),
    ],
)
def test_a_value_of_another_kind_ends_no_check(path: Path, statement: str, expected: str) -> None:
    """Text for a number, a day that no calendar has, what is no JSON: a violation, and every check is made."""
    vandalise(path, statement)
    told = found(path)
    assert any(expected in one for one in told), told
    assert len(checked(path)) == 10
    assert "leads" in {batch.name for batch in readable_batches(Database(path))}


def test_a_backup_takes_the_place_of_a_damaged_file_that_stays(path: Path, tmp_path: Path) -> None:
    """The command as it is told: the file and its log are set aside together; a second time nothing is done."""
    place = tmp_path / "a place" / "runner.db"
    place.parent.mkdir()
    place.write_text("damaged")
    place.with_name("runner.db-wal").write_text("its log")
    command = restore_command(place).replace("BACKUP", shlex.quote(str(path)))
    for beside in (["runner.db", "runner.db.damaged"], None):
        subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        aside = place.with_name("runner.db.damaged")
        assert {one.name: one.read_text() for one in aside.iterdir()} == {
            "runner.db": "damaged",
            "runner.db-wal": "its log",
        }
        assert beside in (None, sorted(one.name for one in place.parent.iterdir()))
        assert found(place) == []  # which makes a log of its own


def test_a_line_without_its_owner_is_saved_and_reported_not_overwritten(path: Path) -> None:
    """The file itself is sound: it is worth more than a backup."""
    vandalise(path, "DELETE FROM jobs WHERE id = 5")
    assert {one.fix for one in checked(path)["references"].named} == {Fix.REPORT}


def test_a_missing_table_is_told_by_every_check_that_needs_it(path: Path) -> None:
    """No check is left out, and none ends the others."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE answers")
    told = found(path)
    assert "file: the table answers is missing" in told
    assert "attempts: it cannot be read: no such table: answers" in told
    assert len(checked(path)) == 10


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_byte_is_found(path: Path, seed: int) -> None:
    """In the head of a page, at random: SQLite's own check names the page, and no check is left out for it."""
    with closing(sqlite3.connect(path)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        pages = [page for (page,) in connection.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 1")]
    content = bytearray(path.read_bytes())
    place = (random.Random(seed).choice(pages) - 1) * size
    content[place] ^= 0xFF  # what kind of page it is
    path.write_bytes(content)
    checks = checked(path)
    assert sum(check.violations for check in checks.values()) > 0
    assert len(checks) == 10 or set(checks) == {"file"}


def test_what_is_repeated_for_free_needs_no_mark(path: Path) -> None:
    """Two unknown charges of an operation that costs nothing to repeat are no second charge."""
    vandalise(path, "UPDATE jobs SET possible_double_charge = 0")
    assert checked(path)["charges"].violations > 0
    assert checked(path, [EMAIL])["charges"].violations == 0


def test_memory_does_not_grow_with_what_is_wrong(path: Path) -> None:
    """All violations are counted, the first hundred are named."""
    many = "WITH RECURSIVE n(n) AS (SELECT 12 UNION ALL SELECT n + 1 FROM n WHERE n < 511) "
    vandalise(
        path,
        many + "INSERT INTO rows (batch, number, cells) SELECT 2, n, '[]' FROM n",
        "UPDATE batches SET visible_row = 511 WHERE id = 2",
    )
    check = checked(path)["rows"]
    assert check.violations == 501  # and the number of rows that were read
    assert len(check.named) == NAMED


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("PRAGMA application_id = 1", "is not a runner database"),
        ("UPDATE alembic_version SET version_num = '9999'", "was written by a newer version of runner"),
        ("UPDATE alembic_version SET version_num = '0000'", "has an older schema"),
        ("DELETE FROM alembic_version", "does not say which schema it has"),
        ("INSERT INTO alembic_version VALUES ('0002')", "does not say which schema it has"),
    ],
)
def test_other_files_are_refused(path: Path, statement: str, what: str) -> None:
    """Another program's, a newer and an older one: with what to do, and nothing is said of them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(SchemaError, match=what) as refused:
        checked(path)
    assert refused.value.fix
