"""A run whose database is taken away, replaced, or loses its log: it ends at once, and nothing it was told is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.domain.states import JobState
from runner.errors import SchemaError, StoreError
from runner.store.astray import AstrayError, Whereabouts
from runner.store.rescue import rescued_path
from tests.app.place import Place, after, emails

ROWS = 30
_CLOSE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM batches'); c.close()"


def _lose_the_log(database: Path) -> None:
    """As a program does that reads the file by itself in the run's process, and another that ends meanwhile."""
    os.close(os.open(database, os.O_RDONLY))
    subprocess.run([sys.executable, "-c", _CLOSE, database], check=True, timeout=30)


def _remove_the_log(database: Path) -> None:
    database.with_name("runner.db-wal").unlink()


def _remove_the_index(database: Path) -> None:
    database.with_name("runner.db-shm").unlink()


def _move(database: Path) -> None:
    database.rename(database.with_name("away.db"))


def _move_back(database: Path) -> None:
    database.with_name("away.db").replace(database)


def _replace(database: Path) -> None:
    _move(database)
    database.write_bytes(database.with_name("away.db").read_bytes())


@pytest.mark.parametrize(
    ("happens", "mended", "what"),
    [
        (_lose_the_log, lambda _: None, "the write-ahead log of runner.db was deleted while a run wrote to it"),
        (_remove_the_index, lambda _: None, "the index of the log of runner.db was deleted while a run wrote to it"),
        (_move, _move_back, "runner.db was moved away or deleted while a run wrote to it"),
        (_replace, _move_back, "runner.db was replaced by another file while a run wrote to it"),
    ],
)
def test_what_was_answered_is_kept_and_nothing_is_paid_twice(
    place: Place, happens: Callable[[Path], None], mended: Callable[[Path], None], what: str
) -> None:
    """The answer of that moment goes beside the database; the same command goes on from all of them."""
    database = place.folder / "runner.db"
    place.write_list(emails(ROWS))
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"], batch="leads")
        with pytest.raises(StoreError) as ended:
            place.run(r, "leads", on_event=after(5, lambda: happens(database)))
    assert ended.value.what == what
    sent = len(place.values())
    assert sent < ROWS
    mended(database)
    with place.runner() as r:
        outcomes = place.run(r, "leads").status.outcomes
        assert outcomes[JobState.SUCCEEDED] + outcomes[JobState.IN_DOUBT] == ROWS
        assert r.verify().violations == 0
    values = place.values()
    assert len(values) == len(set(values)) == ROWS


@pytest.mark.parametrize("reads", [False, True], ids=["idle", "in the middle of reading"])
def test_what_was_committed_outlives_a_deleted_log_although_another_program_has_the_file_open(
    place: Place, reads: bool
) -> None:
    """A viewer keeps SQLite from folding the log back as the run ends: the run does it, or writes a copy beside."""
    database = place.folder / "runner.db"
    place.write_list(emails(ROWS))
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"], batch="leads")
    viewer = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, isolation_level=None)
    if reads:
        viewer.execute("BEGIN")
    viewer.execute("SELECT count(*) FROM jobs").fetchone()
    with place.runner() as r, pytest.raises(StoreError) as ended:
        place.run(r, "leads", on_event=after(5, lambda: _remove_the_log(database)))
    viewer.close()
    assert ended.value.what == "the write-ahead log of runner.db was deleted while a run wrote to it"
    copy = rescued_path(database)
    assert copy.exists() == reads
    if reads:
        with place.runner() as r, pytest.raises(SchemaError, match="which knows more than") as refused:
            place.run(r, "leads")
        assert ended.value.fix.endswith(refused.value.fix)
        with place.runner() as r:
            r.status()
            assert any(notice.startswith("runner.db.rescued is here") for notice in r.notices)
        subprocess.run(refused.value.fix, shell=True, check=True)
    with place.runner() as r:
        place.run(r, "leads")
        assert r.verify().violations == 0
    values = place.values()
    assert len(values) == len(set(values)) == ROWS


def test_a_file_that_is_gone_at_the_first_commit_is_missed(place: Place) -> None:
    """The run would go on for nights in a file that nobody finds."""
    file = place.folder / "runner.db"
    with pytest.raises(AstrayError, match="was moved away or deleted"):
        Whereabouts(file).check()
