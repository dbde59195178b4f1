"""A database that fails under a run: nothing new leaves, and every answer that was on the way is there afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from runner.domain.model import Answer
from runner.domain.provider import Limit
from runner.engine.events import RunStopping
from runner.engine.run import cause
from runner.errors import StorageFullError, StoreError
from runner.store import open_store
from tests.engine.night import Night
from tests.engine.scripted import OK, Sent, provider

CODES = {"full": sqlite3.SQLITE_FULL, "broken": sqlite3.SQLITE_IOERR_FSYNC, "locked": sqlite3.SQLITE_BUSY}


def failure(code: int) -> sa.exc.OperationalError:
    """What SQLAlchemy makes of an error of SQLite's."""
    error = sqlite3.OperationalError("planted")
    error.sqlite_errorcode = code
    return sa.exc.OperationalError("COMMIT", None, error)


class Failing:
    """From the n-th transaction of the writer on, every one fails at a named point."""

    def __init__(self, number: int, point: str, code: int) -> None:
        self.number, self.point, self.code = number, point, code
        self.begun = 0

    def __call__(self, point: str) -> None:
        self.begun += point == "before-begin"
        if point == self.point and self.begun >= self.number:
            raise failure(self.code)


def cut_short(night: Night, monkeypatch: pytest.MonkeyPatch, fails: Failing) -> BaseException | None:
    """A run on a store that fails; what it raised."""
    with monkeypatch.context() as patch:
        patch.setattr("tests.engine.night.open_store", partial(open_store, fault_point=fails))
        try:
            night.run()
        except BaseExceptionGroup as group:
            return cause(group)
        except StoreError as error:
            return error
    return None


@pytest.mark.parametrize("point", ["before-begin", "before-commit", "after-commit"])
@pytest.mark.parametrize("kind", list(CODES))
def test_whenever_the_store_fails_no_answer_is_lost_or_paid_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, point: str
) -> None:
    """Run after run fails for good at a later moment: each has the answers of the one before, nothing is doubted."""
    sent: Counter[str] = Counter()

    def count(one: Sent) -> Answer:
        sent[one.value] += 1
        return OK

    night = Night(path=tmp_path / "a.db", values=24, scripts={"acme": count})
    kept = night.path.with_name("a.db.answers")
    spilled = 0
    for number in range(2, 40, 4):
        error = cut_short(night, monkeypatch, Failing(number, point, CODES[kind]))
        if error is None:
            break
        assert isinstance(error, StorageFullError if kind == "full" else StoreError)
        spilled += kept.exists()
    else:
        night.run()
    assert spilled
    assert night.states() == {"succeeded": 24}
    assert set(sent.values()) == {1}
    assert not kept.exists()


def test_a_failing_store_stops_the_run_and_what_is_on_the_way_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a stop does: it is told, nothing leaves after it, and slow answers are kept although the store is dead."""
    night = Night(path=tmp_path / "a.db", values=30, slow={"v3": 40.0})
    error = cut_short(night, monkeypatch, Failing(30, "before-commit", sqlite3.SQLITE_IOERR))
    assert isinstance(error, StoreError)
    (stopping,) = [event for event in night.events if isinstance(event, RunStopping)]
    assert stopping.reason == "store"
    told_at = stopping.at_us / 1e6 - night.events[0].at_us / 1e6
    assert max(one.at for one in night.sent()) <= told_at + night.latency
    assert "v3" in {one.value for one in night.sent()}
    before = len(night.sent())
    night.run()
    assert before + len(night.sent()) == 30
    assert night.states() == {"succeeded": 30}


def test_a_run_goes_on_when_another_program_lets_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is held for a minute: nothing is sent meanwhile, what took too long to open is withdrawn, none fails."""

    class Held:
        def __call__(self, point: str) -> None:
            if point == "before-begin" and 1.0 < asyncio.get_running_loop().time() < 61.0:
                raise failure(sqlite3.SQLITE_BUSY)

    slow = provider(limits=(Limit(at_most=5, per_seconds=1),))
    night = Night(path=tmp_path / "a.db", values=30, providers=(slow,))
    monkeypatch.setattr("tests.engine.night.open_store", partial(open_store, fault_point=Held()))
    night.run()
    assert night.states() == {"succeeded": 30}
    assert len(night.sent()) == 30
    quiet = [one.at for one in night.sent() if 1.3 < one.at < 61.0]
    assert not quiet, "sent while nothing could be written down"
    assert night.query("SELECT count(*) FROM attempts WHERE fault = 'withdrawn'")[0][0] > 0
