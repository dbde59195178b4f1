"""The disk runs full under a run: how it ended is on record while there is room, and the same command goes on."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.domain.states import BatchState, JobState
from runner.engine.events import Event, RunEnded
from runner.engine.faultpoints import no_fault
from runner.errors import StorageFullError
from runner.work.event_words import sentence
from runner.work.state_words import state_text
from tests.app.place import Place, emails
from tests.store.world import query


class Full:
    """From the n-th transaction of the writer on the disk is full at these moments: until the reserve is given up, or,
    where a hungry program takes that too, for good."""

    def __init__(self, folder: Path, *points: str, number: int, hungry: bool = False) -> None:
        self.reserve = folder / "runner.db.reserve"
        self.points, self.number, self.hungry = points, number, hungry
        self.begun = 0

    def __call__(self, point: str) -> None:
        self.begun += point == "before-begin"
        if point in self.points and self.begun >= self.number and (self.hungry or self.reserve.exists()):
            raise planted(sqlite3.SQLITE_FULL)


class Failing(Full):
    """And at the commit of a later transaction of the writer it fails altogether."""

    def __init__(self, folder: Path, *points: str, number: int, later: int) -> None:
        super().__init__(folder, *points, number=number)
        self.fails_at = number + later

    def __call__(self, point: str) -> None:
        super().__call__(point)
        if point == "after-commit" and self.begun == self.fails_at:
            raise planted(sqlite3.SQLITE_IOERR_FSYNC)


def planted(code: int) -> sa.exc.OperationalError:
    """What the disk says at a commit."""
    error = sqlite3.OperationalError("planted")
    error.sqlite_errorcode = code
    return sa.exc.OperationalError("COMMIT", None, error)


def cut_short(place: Place, full: Callable[[str], None]) -> StorageFullError:
    """A run on such a disk; what it raised."""
    place.write_list(emails(12))
    place.fault_point = full
    with place.runner() as r, pytest.raises(StorageFullError) as ended:
        place.run(r, r.load("leads.csv", ["defastra.email"]))
    place.fault_point = no_fault
    return ended.value


def check_the_rest(place: Place, rows: int = 12) -> None:
    """The same command finishes the list, and nothing is paid twice."""
    with place.runner() as r:
        done = place.run(r, "leads")
    assert (done.exit_code, done.status.state) == (0, BatchState.COMPLETED)
    assert sorted(place.charged()) == sorted(emails(rows))
    assert done.status.outcomes[JobState.IN_DOUBT] == 0


@pytest.mark.parametrize("number", [3, 12, 20])
@pytest.mark.parametrize(
    ("point", "hungry"), [("before-commit", False), ("before-commit", True), ("after-commit", True)]
)
def test_a_full_disk_halts_the_batch_on_record(place: Place, point: str, hungry: bool, number: int) -> None:
    """The reserve has room for that, or there is some at the end: state and reason, the run's exit code, what to type;
    and no answer waits outside."""
    error = cut_short(place, Full(place.folder, point, number=number, hungry=hungry))
    assert (error.what, "kept" in error.why) == ("the disk that holds runner.db is full", False)
    with place.runner() as r:
        status = r.status("leads")
        (ended,) = [one for one in r.log("leads").records if one.event == "batch.halted"]
    assert (status.state, status.reason, status.exit_code) == (BatchState.HALTED, "disk-full", 4)
    assert state_text(status) == "halted (disk-full)"
    assert (status.next.command, "room on the disk" in status.next.why) == ("runner run leads-defastra-email", True)
    assert status.outcomes[JobState.RUNNING] == status.outcomes[JobState.IN_DOUBT] == 0
    assert sentence(ended) == "halted: disk full; what waits is neither failed nor charged"
    database = place.folder / "runner.db"
    assert query(database, "SELECT exit, ended IS NOT NULL FROM v_runs") == [(4, 1)]
    assert not database.with_name("runner.db.answers").exists()
    check_the_rest(place)
    assert query(database, "SELECT exit FROM v_runs") == [(4,), (0,)]


class Once:
    """The disk is full for the first decision that is to be written after a moment."""

    def __init__(self, come: Callable[[], bool] = lambda: False) -> None:
        self.come, self.over = come, False

    def __call__(self, point: str) -> None:
        if point == "decision-before-commit" and not self.over and self.come():
            self.over = True
            raise planted(sqlite3.SQLITE_FULL)


def test_a_disk_that_is_full_at_the_last_word_of_a_run(place: Place) -> None:
    """All its requests have ended, and it cannot say so: it is ended on record all the same, with its exit code."""
    full = Once()
    ended: list[Event] = []
    full.come = lambda: bool(ended)
    place.write_list(emails(3))
    place.fault_point = full
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with pytest.raises(StorageFullError) as raised:
            place.run(r, batch, on_event=lambda event: ended.append(event) if isinstance(event, RunEnded) else None)
    assert full.over
    assert "could not be recorded" not in raised.value.why
    assert query(place.folder / "runner.db", "SELECT exit, ended IS NOT NULL FROM v_runs") == [(4, 1)]
    check_the_rest(place, rows=3)


def test_a_disk_that_is_full_at_the_first_word_of_a_run(place: Place) -> None:
    """The run is on record, and its batch is not at work yet: nothing is sent, and it does not look cut off."""
    database = place.folder / "runner.db"
    full = Once(lambda: query(database, "SELECT count(*) FROM runs") == [(1,)])
    cut_short(place, full)
    assert full.over
    assert place.values() == []
    assert query(database, "SELECT exit, ended IS NOT NULL FROM v_runs") == [(4, 1)]
    check_the_rest(place)


def test_where_nothing_can_be_written_any_more_it_is_said_so(place: Place) -> None:
    """The answers are kept beside the database; that the run ended is found by the next one."""
    error = cut_short(place, Full(place.folder, "before-commit", "decision-before-commit", number=18, hungry=True))
    assert "kept in runner.db.answers" in error.why
    assert error.why.endswith("; that the run ended so could not be recorded either")
    with place.runner() as r:
        assert state_text(r.status("leads")) == "cut off (its process died, or could write no more)"
    check_the_rest(place)
    assert query(place.folder / "runner.db", "SELECT exit FROM v_runs") == [("died",), (0,)]


def test_an_answer_that_is_kept_nowhere_is_in_doubt(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the end of the run is no room for it: the run counts as cut off, and nothing is sent a second time."""

    def refuses(*_: object) -> None:
        raise OSError(errno.ENOSPC, "planted")

    with monkeypatch.context() as patch:
        patch.setattr("runner.store.spill._append", refuses)
        error = cut_short(place, Full(place.folder, "before-commit", number=12, hungry=True))
    assert "1 could be kept nowhere" in error.why
    assert error.why.endswith("; that the run ended so could not be recorded either")
    assert query(place.folder / "runner.db", "SELECT count(*) FROM attempts WHERE closed_us IS NULL") == [(1,)]
    with place.runner() as r:
        done = place.run(r, "leads")
    assert (done.exit_code, done.status.state) == (3, BatchState.COMPLETED)
    assert done.status.outcomes[JobState.IN_DOUBT] == 1
    assert sorted(place.values()) == sorted(emails(12))
    assert query(place.folder / "runner.db", "SELECT exit FROM v_runs") == [("died",), (3,)]


def test_after_a_sync_that_failed_nothing_is_written(place: Place) -> None:
    """Not even how the run ended: a second one may report success for what the first has lost."""
    error = cut_short(place, Failing(place.folder, "before-commit", number=12, later=4))
    assert error.what == "the disk that holds runner.db is full"
    assert error.why.endswith("; that the run ended so could not be recorded either")
    check_the_rest(place)
    assert query(place.folder / "runner.db", "SELECT exit FROM v_runs") == [("died",), (0,)]
