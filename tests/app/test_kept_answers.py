"""Answers beside the database that no run can put where they belong: said, on record, no reason to pay again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.domain.model import Resolution
from runner.domain.states import JobState
from runner.errors import SchemaError, StoreError
from tests.app.place import Place, after, emails

ROWS = 30


@pytest.fixture
def cut(place: Place) -> Place:
    """A run whose database was moved away under it: the last answers are beside where it was."""
    place.write_list(emails(ROWS))
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"], batch="leads")
        (place.folder / "last-night").mkdir()
        r.backup("last-night/runner.db")
        with pytest.raises(StoreError):
            place.run(r, "leads", on_event=after(5, lambda: _move(place.folder, place.folder / "newer")))
    assert _answers(place).exists()
    return place


def _answers(place: Place) -> Path:
    return place.folder / "runner.db.answers"


def _move(here: Path, there: Path) -> None:
    """The database with all that SQLite keeps beside it."""
    there.mkdir(exist_ok=True)
    for name in ("runner.db", "runner.db-wal", "runner.db-shm"):
        if (here / name).exists():
            (here / name).rename(there / name)


def _put(place: Place, name: str) -> None:
    """Another file in the place of the database, as a person does it."""
    _move(place.folder / name, place.folder)


WRITES: dict[str, Callable[[Place], object]] = {
    "run": lambda place: place.run(place.runner(), "leads"),
    "pause": lambda place: place.runner().pause("leads"),
    "cancel": lambda place: place.runner().cancel("leads"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_an_older_copy_is_not_sent_from(cut: Place, write: Callable[[Place], object]) -> None:
    """Last night's backup knows nothing of what was paid since. The right file, put back, loses and repeats nothing."""
    _put(cut, "last-night")
    sent, kept = len(cut.values()), _answers(cut).read_bytes()
    with pytest.raises(SchemaError) as refused:
        write(cut)
    assert "in runner.db.answers are to requests that runner.db does not know" in refused.value.what
    assert len(cut.values()) == sent
    assert _answers(cut).read_bytes() == kept
    with cut.runner() as r:
        assert r.status("leads").outcomes[JobState.QUEUED] == ROWS
        assert "no run sends before it is moved" in " ".join(r.notices)
    _move(cut.folder, cut.folder / "old")
    _put(cut, "newer")
    with cut.runner() as r:
        assert cut.run(r, "leads").status.outcomes[JobState.SUCCEEDED] == ROWS
        assert r.verify().violations == 0
    assert len(cut.charged()) == len(set(cut.charged())) == ROWS


def test_whoever_wants_to_goes_on_with_the_older_copy(cut: Place) -> None:
    """The command of the error moves the answers out of the way, over nothing that is there."""
    _put(cut, "last-night")
    (cut.folder / "runner.db.answers.old").write_text("of another time")
    kept = _answers(cut).read_bytes()
    with cut.runner() as r:
        with pytest.raises(SchemaError) as refused:
            cut.run(r, "leads")
        subprocess.run(["sh", "-c", refused.value.fix.partition(", or: ")[2]], check=True, timeout=20)
        assert cut.run(r, "leads").status.outcomes[JobState.SUCCEEDED] == ROWS
    assert (cut.folder / "runner.db.answers.old2").read_bytes() == kept
    assert (cut.folder / "runner.db.answers.old").read_text() == "of another time"


def test_what_is_of_no_use_is_told_by_the_run_that_finds_it(cut: Place) -> None:
    """One line is torn; on the requests of the others a person decided while the file was elsewhere."""
    _put(cut, "newer")
    away = _answers(cut).rename(cut.folder / "away")
    count = len([line for line in away.read_text().splitlines() if '"settlement"' in line])
    with cut.runner() as r:
        r.resume("leads")
        r.resolve("leads", Resolution.NOT_CHARGED)
        away.write_bytes(away.read_bytes() + b'{"sha256":"torn\n')
        away.rename(_answers(cut))
        result = cut.run(r, "leads")
        log = [(one.batch, one.detail["lines"]) for one in r.log("leads").records if one.event == "answers.aside"]
        everything = [one.detail["lines"] for one in r.log().records if one.event == "answers.aside"]
    told = f"{count + 1} answers that an earlier run could not store are of no use, and kept in "
    assert f"{told}{cut.folder / 'runner.db.answers.aside'}" in result.notices
    assert log == [("leads", count)]
    assert sorted(everything) == sorted([count, 1])
