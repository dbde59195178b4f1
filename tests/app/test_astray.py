"""A run whose database is taken away, replaced, or loses its log: it ends at once, and nothing it was told is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.domain.states import JobState
from runner.errors import StoreError
from tests.app.place import Place, after, emails

ROWS = 30
_CLOSE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM batches'); c.close()"


def _lose_the_log(database: Path) -> None:
    """As a program does that reads the file by itself in the run's process, and another that ends meanwhile."""
    os.close(os.open(database, os.O_RDONLY))
    subprocess.run([sys.executable, "-c", _CLOSE, database], check=True, timeout=30)


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
