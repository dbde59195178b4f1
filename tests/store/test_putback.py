"""The run after: answers that were kept beside the database come back, once, and only where they belong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import Action, Amount, Answer, AttemptId, Debited, Fault, JobId, Outcome
from runner.domain.states import JobEvent
from runner.engine.ports import Settlement
from runner.errors import SchemaError, StoreError
from runner.store import open_store
from runner.store.kept import read_line, settlement_line, withdrawn_line
from tests.store.failing import CrashError, Wire, Working
from tests.store.world import HandClock, opening, query, states

pytestmark = pytest.mark.anyio


async def test_kept_answers_are_stored_as_if_in_time(working: Working, wire: Wire) -> None:
    """The jobs have ended, the bodies are whole, it is on record, and nothing of it is in doubt."""
    store = working.store
    await working.spill(wire, 2)
    (found,) = store.steering.recover(safe=()).batches
    assert (found.answers, found.doubts) == (2, 1)
    assert states(store.path)[:3] == ["succeeded", "succeeded", "in_doubt"]
    assert query(store.path, "SELECT length(body) FROM answers") == [(100_000,), (100_000,)]
    assert query(store.path, "SELECT detail FROM v_events WHERE event = 'answers.recovered'") == [('{"answers":2}',)]
    assert not working.answers.exists()
    assert store.notices() == []


async def test_a_crash_between_recovery_and_the_removal_of_the_file(working: Working, wire: Wire) -> None:
    """The file is read once more, changes nothing, and goes."""
    store = working.store
    await working.spill(wire)

    def crash(point: str) -> int | None:
        if point == "decision-after-commit":
            raise CrashError
        return None

    def everything() -> list[Any]:
        return [query(store.path, f"SELECT * FROM {table}") for table in ("jobs", "attempts", "answers", "events")]

    wire.fails = crash
    with pytest.raises(CrashError):
        store.steering.recover(safe=())
    wire.mend()
    assert working.answers.exists()
    before = everything()
    assert store.steering.recover(safe=()).batches == ()
    assert everything() == before
    assert states(store.path)[:2] == ["succeeded", "in_doubt"]
    assert not working.answers.exists()
    assert store.notices() == []


async def test_a_torn_line_is_set_aside_and_said(working: Working, wire: Wire) -> None:
    """Of a file that a power cut tore the whole lines are used; the rest is kept, and its request is in doubt."""
    store = working.store
    await working.spill(wire, 2)
    torn = working.answers.read_bytes()[:-40]
    working.answers.write_bytes(torn)
    (found,) = store.steering.recover(safe=()).batches
    assert (found.answers, found.doubts) == (1, 2)
    aside = store.path.with_name("runner.db.answers.aside")
    assert aside.read_bytes().strip() == torn.split(b"\n")[-1]
    assert aside.stat().st_mode & 0o777 == 0o600
    assert "runner.db.answers.aside holds 1 answer that no run could use" in store.notices()[0]
    assert query(store.path, "SELECT detail FROM v_events WHERE event = 'answers.aside'") == [
        ('{"lines":1,"file":"runner.db.answers"}',)
    ]


async def test_what_is_kept_after_a_torn_line_is_whole(working: Working, wire: Wire) -> None:
    """The next answer does not become a part of it."""
    working.answers.write_bytes(b'{"sha256":"torn')
    await working.spill(wire)
    (found,) = working.store.steering.recover(safe=()).batches
    assert found.answers == 1


async def test_answers_of_another_database_stop_recovery(
    working: Working, wire: Wire, tmp_path: Path, clock: HandClock
) -> None:
    """A file that was copied beside a database touches no attempt that only has the same number, and is not lost."""
    await working.spill(wire)
    with open_store(tmp_path / "other.db", clock=clock, inline=True) as other:
        there = Working(other, clock)
        async with other.writing():
            await there.open(1, client_request_id="another-name")
        working.answers.rename(there.answers)
        with pytest.raises(SchemaError) as refused:
            other.steering.recover(safe=())
        assert (
            refused.value.what == "1 answer (1 charged) in other.db.answers is to requests that other.db does not know"
        )
        assert other.notices() == [
            f"{there.answers} holds 1 answer, some to requests unknown here: no run sends before it is moved"
        ]
        assert states(other.path)[:1] == ["running"]
        there.answers.rename(working.answers)
        (found,) = other.steering.recover(safe=()).batches
        assert (found.answers, found.doubts) == (0, 1)


async def test_beside_answers_of_another_database_those_that_belong_here_are_stored(
    working: Working, wire: Wire, tmp_path: Path, clock: HandClock
) -> None:
    """Once, however often it is tried: whoever then moves the file away loses none of them."""
    await working.spill(wire)
    with open_store(tmp_path / "other.db", clock=clock, inline=True) as other:
        there = Working(other, clock)
        async with other.writing():
            (opened,) = await there.open(1, client_request_id="another-name")
        with working.answers.open("a") as file:
            file.write(settlement_line(there.answer(opened, 0)._replace(client_request_id="another-name")) + "\n")
    for _ in range(2):
        with pytest.raises(SchemaError):
            working.store.steering.recover(safe=())
        assert states(working.store.path)[:2] == ["succeeded", "running"]
    assert query(working.store.path, "SELECT count(*) FROM v_events WHERE event LIKE 'answers.%'") == [(1,)]
    working.answers.unlink()
    (found,) = working.store.steering.recover(safe=()).batches
    assert (found.answers, found.doubts) == (0, 1)


async def test_what_came_of_an_opening_that_was_not_committed_stops_nobody(working: Working, wire: Wire) -> None:
    """It is kept beside it as never sent: the request is in no database, and that is right."""
    await working.spill(wire)
    name = "never-committed"
    unsent = opening(working.jobs[0], working.run, working.clock, client_request_id=name)
    with working.answers.open("a") as file:
        file.write("\n".join([settlement_line(PLAIN._replace(client_request_id=name)), withdrawn_line(unsent), ""]))
    recovery = working.store.steering.recover(safe=())
    assert recovery.batches[0].answers == 1
    assert list(recovery.aside.values()) == [1]


async def test_an_answer_that_comes_after_a_decision_is_not_thrown_away(working: Working, wire: Wire) -> None:
    """The file was out of reach when its request was declared in doubt: it is set aside for a person to read."""
    store = working.store
    await working.spill(wire)
    away = working.answers.rename(store.path.with_name("elsewhere"))
    working.clock.pass_seconds(5)
    store.steering.recover(safe=())
    away.rename(working.answers)
    assert store.steering.recover(safe=()).batches == ()
    assert states(store.path)[:2] == ["in_doubt", "in_doubt"]
    assert "1 answer" in store.notices()[0]


async def test_an_unreadable_file_stops_recovery(working: Working, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is declared in doubt while answers may be there; whoever only looks is told."""
    store = working.store
    await working.spill(wire)

    def refused(file: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(StoreError) as failed:
        store.steering.recover(safe=())
    assert failed.value.fix.startswith("chmod u+rw ")
    assert "cannot be read" in store.notices()[0]
    assert states(store.path)[:2] == ["running", "running"]


async def test_a_file_that_cannot_be_removed_is_named(
    working: Working, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are in the database; it would only be read again and again."""
    await working.spill(wire)

    def refused(file: Path, *, missing_ok: bool) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(StoreError) as failed:
        working.store.steering.recover(safe=())
    assert failed.value.fix == f"rm {working.answers}"
    assert states(working.store.path)[0] == "succeeded"


@pytest.mark.parametrize("trap", ["link", "pipe"])
async def test_what_somebody_planted_is_not_followed(working: Working, wire: Wire, tmp_path: Path, trap: str) -> None:
    """In a shared folder a link would have answers read from elsewhere; a pipe would hold the run for ever."""
    working.answers.mkdir()
    await working.spill(wire)
    (kept,) = (tmp_path / "state").rglob("*.answers")
    planted = tmp_path / "tmp" / f"runner-{kept.name}"
    planted.parent.mkdir()
    if trap == "link":
        planted.symlink_to(kept.rename(tmp_path / "moved"))
    else:
        os.mkfifo(planted)
    (found,) = working.store.steering.recover(safe=()).batches
    assert found.answers == (0 if trap == "link" else 1)


TEXT = st.text(st.characters(), max_size=12)  # lone surrogates, NULs and line breaks among them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SETTLEMENTS = st.builds(
    Settlement,
    attempt=st.integers(1, 2**40).map(AttemptId),
    client_request_id=TEXT,
    job=st.integers(1, 2**40).map(JobId),
    closed_us=st.integers(0, 2**60),
    answer=st.builds(
        Answer,
        status=st.none() | st.integers(100, 599),
        headers=st.lists(st.tuples(st.sampled_from(["content-type", "x-note"]), TEXT), max_size=3).map(tuple),
        body=st.binary(max_size=200),
        truncated=st.booleans(),
        fault=st.none() | st.sampled_from(Fault),
        detail=TEXT,
    ),
    rule=TEXT,
    action=st.none() | st.sampled_from(Action),
    debited=st.sampled_from(Debited),
    amount=st.integers(0, 2**60).map(Amount),
    error_code=st.none() | TEXT,
    error_message=st.none() | TEXT,
    provider_request_id=st.none() | TEXT,
    wait_seconds=st.none() | st.floats(0, 1e6),
    event=st.sampled_from(JobEvent),
    spent=st.booleans(),
    due_us=st.integers(0, 2**60),
    outcome=st.none()
    | st.builds(
        Outcome,
        reason=TEXT,
        final=st.booleans(),
        found=st.none() | st.booleans(),
        columns=st.dictionaries(TEXT, JSON, max_size=3),
    ),
    released_from_doubt=st.booleans(),
    requeue=st.lists(st.integers(1, 2**40).map(AttemptId), max_size=3).map(tuple),
    balance=st.none() | st.integers(0, 2**60).map(Amount),
)


@given(SETTLEMENTS)
def test_a_line_is_the_settlement(settlement: Settlement) -> None:
    """Whatever a provider sent: it is one line of text, and comes back as it was."""
    line = settlement_line(settlement)
    assert "\n" not in line
    assert read_line(line.encode().decode()) == settlement


@given(SETTLEMENTS, st.data())
def test_a_damaged_line_is_told_from_a_whole_one(settlement: Settlement, data: st.DataObject) -> None:
    """Cut anywhere, or with one character changed, it says nothing."""
    line = settlement_line(settlement)
    place = data.draw(st.integers(0, len(line) - 1))
    assert read_line(line[:place]) is None
    other = "0" if line[place] != "0" else "1"
    assert read_line(f"{line[:place]}{other}{line[place + 1 :]}") is None


def test_a_line_of_another_version_is_told_too() -> None:
    """One with fields that this version does not know is whole, and yet of no use."""
    from runner.store.kept import _line

    assert read_line(_line({"settlement": {"attempt": 1}})) is None
    assert read_line(_line({"withdrawn": {"name": "abc"}})) is None


def test_cookies_and_keys_are_not_kept() -> None:
    """The file holds no header that the database would not hold."""
    answer = Answer(status=200, headers=(("set-cookie", "session=obviously-fake"), ("content-type", "text/plain")))
    settlement = PLAIN._replace(answer=answer)
    assert "obviously-fake" not in settlement_line(settlement)


PLAIN = Settlement(
    attempt=AttemptId(1),
    client_request_id="name",
    job=JobId(1),
    closed_us=0,
    answer=Answer(status=200),
    rule="ok",
    action=Action.SUCCEED,
    debited=Debited.YES,
    amount=Amount(1),
    error_code=None,
    error_message=None,
    provider_request_id=None,
    wait_seconds=None,
    event=JobEvent.SUCCEED,
    spent=True,
    due_us=0,
    outcome=None,
)
