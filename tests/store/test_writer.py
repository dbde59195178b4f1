"""The one writer: order, group commit, lonely failures, death."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runner.engine.faultpoints import no_fault
from runner.errors import StorageFullError, StoreError
from runner.store.database import Database
from runner.store.migrate import prepare
from runner.store.writer import Writer
from tests.store.world import HandClock, query

pytestmark = pytest.mark.anyio


class CrashError(BaseException):
    """What a crash point raises."""


class Gate:
    """Holds the writer before a transaction begins, so that a group gathers behind it; counts transactions."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun = 0
        self.reached = threading.Event()
        self.crash_at: str | None = None

    def __call__(self, point: str) -> None:
        if point == "before-begin":
            self.begun += 1
            self.reached.set()
            self.open.wait(10)
        if point == self.crash_at:
            raise CrashError


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def path(tmp_path: Path, clock: HandClock) -> Path:
    prepare(tmp_path / "a.db", clock=clock)
    return tmp_path / "a.db"


@pytest.fixture
def writer(path: Path, gate: Gate) -> Iterator[Writer]:
    made = Writer(Database(path).writer_engine, path, inline=False, fault_point=gate)
    yield made
    gate.open.set()
    made.close()


def note(text: str) -> Callable[[sa.Connection], str]:
    def piece(connection: sa.Connection) -> str:
        connection.exec_driver_sql("INSERT INTO events (at_us, event, detail) VALUES (0, ?, '{}')", (text,))
        return text

    return piece


def bad(connection: sa.Connection) -> None:
    note("half")(connection)
    raise ValueError("this piece is bad")


def notes(path: Path) -> list[str]:
    return [event for (event,) in query(path, "SELECT event FROM events ORDER BY id")]


async def test_everything_queued_is_one_commit(writer: Writer, gate: Gate, path: Path) -> None:
    """Pieces that wait together are committed together, in the order they were given."""
    writer.start()
    first = writer.submit(note("0"))
    await asyncio.to_thread(gate.reached.wait, 10)
    rest = [writer.submit(note(str(number))) for number in range(1, 50)]
    gate.open.set()
    assert await asyncio.gather(first, *rest) == notes(path) == [str(number) for number in range(50)]
    assert gate.begun == 2
    await writer.stop()


async def test_a_busy_writer_gathers_and_the_end_cuts_it_short(
    writer: Writer, gate: Gate, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a large group what comes one by one is committed together; stopping does not wait for the window."""
    monkeypatch.setattr("runner.store.writer.WINDOW_SECONDS", 3600.0)
    monkeypatch.setattr("runner.store.writer.BUSY_PIECES", 4)
    writer.start()
    first = writer.submit(note("0"))
    await asyncio.to_thread(gate.reached.wait, 10)
    group = [writer.submit(note(str(number))) for number in range(1, 6)]
    gate.open.set()
    await asyncio.gather(first, *group)
    late = [writer.submit(note("6"))]
    await asyncio.sleep(0)
    late.append(writer.submit(note("7")))
    await writer.stop()
    assert [await one for one in late] == ["6", "7"]
    assert gate.begun == 3
    assert notes(path) == [str(number) for number in range(8)]


async def test_a_failing_piece_fails_alone(writer: Writer, gate: Gate, path: Path) -> None:
    """Its group is committed without it, and its waiter gets its own error."""
    writer.start()
    pieces: list[Callable[[sa.Connection], Any]] = [note("hold"), note("a"), bad, note("b")]
    waiting = [writer.submit(piece) for piece in pieces]
    gate.open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(result) for result in results] == ["hold", "a", "this piece is bad", "b"]
    assert notes(path) == ["hold", "a", "b"]
    assert await writer.submit(note("c")) == "c"
    await writer.stop()


async def test_results_come_after_the_commit(writer: Writer, gate: Gate, path: Path) -> None:
    """Whoever has a result can find it in the file."""
    writer.start()
    gate.open.set()
    for number in range(20):
        await writer.submit(note(str(number)))
        assert notes(path)[-1] == str(number)
    await writer.stop()


async def test_cancelling_a_waiter_changes_nothing(writer: Writer, gate: Gate, path: Path) -> None:
    """The piece is committed although nobody waits for it any more, and its group is served."""
    writer.start()
    gone, stays = writer.submit(note("gone")), writer.submit(note("stays"))
    gone.cancel()
    gate.open.set()
    assert await stays == "stays"
    assert notes(path) == ["gone", "stays"]
    await writer.stop()


@pytest.mark.parametrize(("point", "kept"), [("before-begin", []), ("before-commit", []), ("after-commit", ["a", "b"])])
@pytest.mark.parametrize("inline", [False, True])
async def test_crash_points(path: Path, point: str, kept: list[str], inline: bool) -> None:
    """A crash before the commit leaves nothing, after it everything; nobody is told of success; the writer is dead."""
    gate = Gate()
    gate.open.set()
    gate.crash_at = point
    writer = Writer(Database(path).writer_engine, path, inline=inline, fault_point=gate)
    writer.start()
    if inline:
        with pytest.raises(CrashError):
            writer.submit(lambda connection: (note("a")(connection), note("b")(connection)))
    else:
        results = await asyncio.gather(
            writer.submit(lambda connection: (note("a")(connection), note("b")(connection))), return_exceptions=True
        )
        assert all(isinstance(result, StoreError) for result in results)
    with pytest.raises(StoreError):
        await writer.submit(note("later"))
    await writer.stop()
    assert notes(path) == kept


@pytest.mark.parametrize("inline", [False, True])
async def test_a_full_disk_is_told_as_such(path: Path, inline: bool) -> None:
    """Nothing of the group is half-written, the error is the one with exit code 4, and space helps again."""
    writer = Writer(Database(path).writer_engine, path, inline=inline, fault_point=no_fault)
    writer.start()
    small = await writer.submit(lambda connection: connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    await writer.submit(lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count = {small + 2}"))
    results = await asyncio.gather(
        *(writer.submit(note(f"{number}{'x' * 9_000}")) for number in range(3)), return_exceptions=True
    )
    assert any(isinstance(result, StorageFullError) for result in results)
    kept = [result for result in results if isinstance(result, str)]
    assert notes(path) == kept
    await writer.submit(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 100000"))
    assert await writer.submit(note("again")) == "again"
    await writer.stop()


async def test_after_a_failed_commit_the_writer_is_dead(path: Path) -> None:
    """When COMMIT itself fails nothing is known of the disk: the waiters hear it, and nothing is written after it."""
    writer = Writer(Database(path).writer_engine, path, inline=False, fault_point=no_fault)
    writer.start()

    def unkeepable(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql("INSERT INTO events (at_us, run, event, detail) VALUES (0, 99, 'orphan', '{}')")

    with pytest.raises(StoreError) as failed:
        await writer.submit(unkeepable)
    with pytest.raises(StoreError) as refused:
        await writer.submit(note("later"))
    assert refused.value is failed.value
    with closing(sqlite3.connect(path, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")  # it holds no lock either
    await writer.stop()
    assert notes(path) == []


async def test_errors_show_no_values(path: Path) -> None:
    """A person's address never gets into the text of a database error."""
    writer = Writer(Database(path).writer_engine, path, inline=True, fault_point=no_fault)
    writer.start()
    with pytest.raises(StoreError) as failed:
        await writer.submit(
            lambda connection: connection.exec_driver_sql(
                "INSERT INTO rows (batch, number, cells) VALUES (77, 1, ?)", ("anna@example.com",)
            )
        )
    assert "anna" not in f"{failed.value!r} {failed.value.why} {failed.value.__cause__}"
    await writer.stop()


async def test_closed_writer_takes_nothing(writer: Writer, gate: Gate, path: Path) -> None:
    """Stopping commits what was given before; afterwards submitting is misuse; starting again works."""
    gate.open.set()
    writer.start()
    pending = writer.submit(note("a"))
    await writer.stop()
    assert pending.done()
    assert notes(path) == ["a"]
    with pytest.raises(StoreError):
        writer.submit(note("b"))
    writer.start()
    assert await writer.submit(note("c")) == "c"
    await writer.stop()


async def test_a_cancelled_stop_still_commits_everything(writer: Writer, gate: Gate, path: Path) -> None:
    """Whoever is cancelled while the last group is on its way leaves no thread and nothing uncommitted behind."""
    writer.start()
    for number in range(3):
        writer.submit(note(str(number)))
    threading.Timer(0.05, gate.open.set).start()
    stopping = asyncio.create_task(writer.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert notes(path) == ["0", "1", "2"]
