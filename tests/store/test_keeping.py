"""What a run does with answers that the database does not take: full disks, locks, broken disks."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.domain.model import Amount
from runner.engine.stop import StopSignal
from runner.errors import StorageFullError, StoreError
from runner.store.reserve import RESERVE_BYTES
from runner.store.values import Trouble
from tests.store.failing import BIG, CrashError, Wire, Working
from tests.store.world import query, states

pytestmark = pytest.mark.anyio


async def failure(night: Callable[[], Coroutine[Any, Any, None]]) -> StoreError:
    """What a run on a failing store ends with."""
    with pytest.raises(StoreError) as ended:
        await night()
    return ended.value


async def test_an_answer_that_finds_the_disk_full_is_kept(working: Working, wire: Wire) -> None:
    """Its wait ends well, nothing more is opened, and the error says where it is and how the run goes on."""
    store = working.store

    async def night() -> None:
        async with store.writing():
            opened = await working.open(2)
            wire.fill()
            await working.settle(opened, answer=BIG)
            with pytest.raises(StorageFullError):
                await working.open(1)

    ended = await failure(night)
    assert isinstance(ended, StorageFullError)
    assert "2 answers are kept in runner.db.answers" in ended.why
    assert working.answers.stat().st_mode & 0o777 == 0o600
    assert "2 answers" in store.notices()[0]


async def test_the_reserve_is_room_for_the_answers_on_the_way(working: Working, wire: Wire) -> None:
    """On a disk that is full as long as the reserve is there they are stored at once, and nothing new is opened."""
    reserve = working.store.path.with_name("runner.db.reserve")
    told: list[Trouble] = []

    async def night() -> None:
        async with working.store.writing(tell=told.append):
            opened = await working.open(2)
            assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
            assert reserve.stat().st_mode & 0o777 == 0o600
            full = sqlite3.SQLITE_FULL
            wire.fails = lambda point: full if point == "before-commit" and reserve.exists() else None
            await working.settle(opened)
            await working.open(1)

    ended = await failure(night)
    assert "kept" not in ended.why
    assert told == [Trouble.FULL]
    assert not reserve.exists()
    assert not working.answers.exists()
    assert states(working.store.path)[:2] == ["succeeded", "succeeded"]


async def test_without_room_for_a_reserve_the_run_works_and_says_so(
    working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notice, no failure; and half a reserve is not left lying about."""

    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    told: list[Trouble] = []
    async with working.store.writing(tell=told.append):
        await working.open(1)
    assert told == [Trouble.UNRESERVED]
    assert not working.store.path.with_name("runner.db.reserve").exists()


async def test_a_reserve_is_there_while_a_run_is(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes with the run; one that a killed run left is used again; and it is real bytes on every system."""
    reserve = working.store.path.with_name("runner.db.reserve")
    reserve.write_bytes(b"left over")
    monkeypatch.delattr("os.posix_fallocate")
    async with working.store.writing():
        assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES
    assert not reserve.exists()


async def test_openings_of_a_commit_that_failed_are_no_doubt(working: Working, wire: Wire) -> None:
    """They may be in the file, but were never sent: the next run closes them as withdrawn, not as in doubt."""
    store = working.store
    open_attempts = "SELECT count(*) FROM attempts WHERE closed_us IS NULL"

    def after_an_opening(point: str) -> int | None:
        return sqlite3.SQLITE_IOERR if point == "after-commit" and query(store.path, open_attempts)[0][0] else None

    async def night() -> None:
        async with store.writing():
            wire.fails = after_an_opening
            await working.open(2)

    await failure(night)
    wire.mend()
    assert query(store.path, open_attempts)[0][0] >= 1
    assert store.notices() == []  # no answer waits
    (found,) = store.steering.recover(safe=()).batches
    assert found.doubts == 0
    assert set(states(store.path)) == {"queued"}
    assert {fault for (fault,) in query(store.path, "SELECT fault FROM attempts")} == {"withdrawn"}


async def test_openings_of_a_commit_that_found_the_disk_full_are_kept_behind_a_lock_too(
    impatient: None, working: Working, wire: Wire
) -> None:
    """The second try meets another program's lock, and the third succeeds: the next run still knows of them."""
    due = [("after-commit", sqlite3.SQLITE_FULL), ("before-begin", sqlite3.SQLITE_BUSY)]

    def fails(point: str) -> int | None:
        opened = query(working.store.path, "SELECT count(*) FROM attempts")[0][0]
        return due.pop(0)[1] if opened and due and due[0][0] == point else None

    async def night() -> None:
        async with working.store.writing():
            wire.fails = fails
            await working.open(1)

    await failure(night)
    assert due == []
    (found,) = working.store.steering.recover(safe=()).batches
    assert found.doubts == 0
    assert {fault for (fault,) in query(working.store.path, "SELECT fault FROM attempts")} == {"withdrawn"}


@pytest.mark.parametrize("working", [True], indirect=True)
async def test_a_crash_keeps_nothing(working: Working, wire: Wire) -> None:
    """What a simulation calls a crash is one: a process that is dead writes no file."""

    def crash(point: str) -> int | None:
        if point == "before-commit":
            raise CrashError
        return None

    async def night() -> None:
        async with working.store.writing():
            opened = await working.open(2)
            wire.fails = crash
            try:
                await working.settle(opened[:1])
            finally:
                with pytest.raises(StoreError):
                    await working.settle(opened)

    with pytest.raises(CrashError):
        await night()
    assert not working.answers.exists()


async def test_what_breaks_the_writer_itself_keeps_the_answers(working: Working, wire: Wire) -> None:
    """No memory, a mistake of ours: those who wait hear of it, and what was paid for is on disk."""

    def broken(point: str) -> int | None:
        raise MemoryError if point == "before-begin" else AssertionError(point)

    async def night() -> None:
        async with working.store.writing():
            opened = await working.open(1)
            wire.fails = broken
            await working.settle(opened)
            await working.open(1)

    ended = await failure(night)
    assert ended.why.startswith("its writer stopped: MemoryError; 1 answer that it did not take is kept")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries that follow each other at once."""
    monkeypatch.setattr("runner.store.database.WRITER_BUSY_MS", 5)
    monkeypatch.setattr("runner.store.writer.PAUSE_SECONDS", 0.005)


async def test_another_programs_lock_is_waited_for(impatient: None, working: Working) -> None:
    """Answers and openings wait, people are told, and all of it is done once the other program lets go."""
    store = working.store
    said: asyncio.Queue[Trouble] = asyncio.Queue()
    async with store.writing(tell=said.put_nowait):
        opened = await working.open(1)
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            settling = asyncio.create_task(working.settle(opened))
            assert await said.get() is Trouble.LOCKED
            another = asyncio.create_task(working.open(1))
            assert not settling.done()
        await asyncio.gather(settling, another)
        assert await said.get() is Trouble.FREE
    assert states(store.path)[:2] == ["succeeded", "running"]
    assert not working.answers.exists()


@pytest.mark.parametrize("stopped", [True, False])
async def test_a_lock_that_stays_is_given_up(
    impatient: None, working: Working, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """After some minutes, or soon when the run was asked to stop: the answer is kept, the opening refused, in words."""
    if not stopped:
        monkeypatch.setattr("runner.store.keeper.PATIENCE_TRIES", 6)
    store, stop = working.store, StopSignal()

    async def night(other: sqlite3.Connection) -> None:
        async with store.writing(stop=stop):
            opened = await working.open(1)
            other.execute("BEGIN IMMEDIATE")
            if stopped:
                stop.set("signal:130")
            await working.settle(opened)
            await working.open(1)

    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        ended = await failure(lambda: night(other))
    assert ended.what == "runner.db is locked by another program"
    assert "1 answer that it did not take is kept in runner.db.answers" in ended.why
    (found,) = store.steering.recover(safe=()).batches
    assert (found.answers, found.doubts) == (1, 0)


async def test_where_nothing_can_be_written_beside_the_database_other_places_are_tried(
    working: Working, wire: Wire, tmp_path: Path
) -> None:
    """The user's state folder, then the folder for temporary files; the next run looks at all of them."""
    working.answers.mkdir()
    await working.spill(wire)
    (kept,) = (tmp_path / "state").rglob("*.answers")
    assert kept.stat().st_mode & 0o777 == 0o600
    (tmp_path / "tmp").mkdir()
    kept.rename(tmp_path / "tmp" / f"runner-{kept.name}")
    (found,) = working.store.steering.recover(safe=()).batches
    assert (found.answers, found.doubts) == (1, 1)


async def test_with_no_place_at_all_the_run_says_what_is_lost(working: Working, wire: Wire, tmp_path: Path) -> None:
    """Then, and only then, an answer in hand ends in doubt."""
    working.answers.mkdir()
    (tmp_path / "state").write_text("a file, no folder")
    (tmp_path / "tmp").write_text("a file, no folder")

    async def night() -> None:
        async with working.store.writing():
            opened = await working.open(2)
            wire.break_at()
            await working.settle(opened[:1])

    ended = await failure(night)
    wire.mend()
    assert "1 could be kept nowhere: what was paid for it is in doubt" in ended.why
    (found,) = working.store.steering.recover(safe=()).batches
    assert (found.answers, found.doubts) == (0, 2)


async def test_an_answer_that_only_the_database_refuses_is_kept_too(working: Working) -> None:
    """A mistake of ours in one settlement, a number too large for a column say, must not lose what was paid for."""
    store = working.store
    async with store.writing():
        first, second = await working.open(2)
        bad = store.jobs.settle(working.answer(first, 0, amount=Amount(2**70), answer=BIG))
        good = store.jobs.settle(working.answer(second, 1))
        with pytest.raises(OverflowError):
            await bad
        await good
    (found,) = store.steering.recover(safe=()).batches
    assert (found.answers, found.doubts) == (0, 1)
    assert states(store.path)[:2] == ["in_doubt", "succeeded"]
    assert len(store.path.with_name("runner.db.answers.aside").read_bytes()) > 100_000
