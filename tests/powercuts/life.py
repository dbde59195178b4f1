"""One life of the engine over a recorded disk: it recovers, works to the end of the list and closes the file.

The store, its writer, its statements and its pragmas are the product's, and so is the engine; only the function that
opens the file is ours. Beside the disk's record a life keeps what it acknowledged, each with its place in that record.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import anyio

from runner.domain.model import AttemptId, BatchId, InDoubtPolicy, RunId
from runner.domain.states import BatchEvent, BatchState, JobState
from runner.engine.ports import JobStore, RunOptions, Settlement
from runner.engine.run import Accounts, LaneSetup, prepare
from runner.engine.stop import StopSignal
from runner.errors import RunnerError
from runner.store import open_store
from runner.store.database import CHECKPOINT_PAGES, Connect
from runner.store.loading import LOAD_CHECKPOINT_PAGES
from runner.store.spill import answers_path
from runner.store.store import Store
from tests.engine.night import SeededRandomness
from tests.engine.scripted import provider
from tests.powercuts.connection import Connection
from tests.powercuts.disk import Disk, Image
from tests.powercuts.filesystem import Refuse, never, recording
from tests.powercuts.provider import Book, Wire
from tests.virtual import VirtualClock, run_virtual

NAME: Final = "runner.db"
FILES: Final = (NAME, f"{NAME}-wal", f"{NAME}-journal")
"""All of SQLite's that survives a power cut: the shared memory beside them is made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """How a life goes about its work, and what it is denied."""

    in_flight: int = 4
    in_doubt: InDoubtPolicy = InDoubtPolicy.RESEND_ONCE
    gather_seconds: float | None = None  # for what one commit holds; None: each piece has its own
    checkpoint_pages: int | None = None  # None: as the product has it
    load_checkpoint_pages: int | None = None  # the same of a load
    synchronous: str | None = None  # None: as the product has it; anything else must not stand the proof

    def rewrite(self, sql: str) -> str:
        """A pragma of the product as this life wants it."""
        wanted = {
            "PRAGMA synchronous = FULL": self.synchronous,
            f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}": self.checkpoint_pages,
            f"PRAGMA wal_autocheckpoint = {LOAD_CHECKPOINT_PAGES}": self.load_checkpoint_pages,
        }.get(sql)
        return sql if wanted is None else f"{sql.partition(' = ')[0]} = {wanted}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer whose commit was acknowledged to the engine."""

    step: int
    attempt: AttemptId
    body: bytes
    beside: int  # bytes in the file of answers that the database did not take


@dataclass(slots=True)
class Life:
    """What one life left: its disk, and what it was told was safe."""

    number: int
    disk: Disk
    commits: list[tuple[int, bytes]]  # step and content after each that changed something; first as it began
    path: Path  # of the database
    kept: list[Kept] = field(default_factory=list)
    unsure: bytes = b""  # the content of the last commit that began
    began: int = 0  # the step at which it had recovered and went to work
    error: RunnerError | None = None  # what ended it before its time

    def acknowledged(self, cut: int) -> int:
        """The place in `commits` of the last that had returned at that step."""
        return sum(step <= cut for step, _ in self.commits) - 1

    def committing(self, connection: Connection) -> Callable[[], None]:
        """A commit begins; call what is returned when it has returned."""
        self.unsure = content(connection.execute)
        return self._committed

    def _committed(self) -> None:
        if self.commits[-1][1] != self.unsure:
            self.commits.append((len(self.disk.steps), self.unsure))

    def keep(self, settlement: Settlement) -> None:
        """An answer was acknowledged."""
        file = answers_path(self.path)
        self.kept.append(
            Kept(
                step=len(self.disk.steps),
                attempt=settlement.attempt,
                body=settlement.answer.body,
                beside=file.stat().st_size if file.exists() else 0,
            )
        )


Work = Callable[[Store, Life], Awaitable[None]]
"""What a life does with the store."""


class _Acknowledged:
    """The store as the engine sees it, with a note of every answer that was acknowledged."""

    def __init__(self, store: JobStore, life: Life) -> None:
        self._store = store
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def settle(self, settlement: Settlement) -> Any:
        """As the port."""
        stored = cast("asyncio.Future[None]", self._store.settle(settlement))
        if stored.done():
            self._keep(settlement, stored)
        else:
            stored.add_done_callback(partial(self._keep, settlement))
        return stored

    def _keep(self, settlement: Settlement, stored: asyncio.Future[None]) -> None:
        if not stored.cancelled() and stored.exception() is None:
            self._life.keep(settlement)


def content(execute: Callable[[str], Any]) -> bytes:
    """A digest of every row of every table."""
    digest = hashlib.blake2b(digest_size=16)
    for (table,) in execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        digest.update(f"{table} {execute(f'SELECT * FROM {table}').fetchall()}".encode())
    return digest.digest()


def write_image(folder: Path, image: Image) -> Path:
    """Make the files of an image in a folder of their own; the database."""
    folder.mkdir(parents=True)
    for name, data in image.items():
        (folder / name).write_bytes(data)
    return folder / NAME


def read_image(folder: Path) -> Image:
    """The files of a folder as a program that ended left them."""
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def live(
    folder: Path,
    image: Image,
    began: bytes,
    clock: VirtualClock,
    knobs: Knobs,
    work: Work,
    *,
    number: int = 1,
    refuse: Refuse = never,
) -> Life:
    """Start on an image, with the content `began`, in `folder`, which is made; the life, to its end."""
    path = write_image(folder, image)
    life = Life(number, Disk({name: data for name, data in image.items() if name in FILES}), [(0, began)], path)

    def connect(address: str, *, timeout: float, **_: object) -> sqlite3.Connection:
        opened = Connection(
            vfs,
            address,
            busy_seconds=timeout,
            rewrite=knobs.rewrite,
            committing=life.committing,
            quiet_checkpoints=refuse is not never,
        )
        return cast(sqlite3.Connection, opened)

    with recording(life.disk, refuse=refuse) as vfs:
        try:
            run_virtual(partial(_to_the_end, life, clock, knobs, connect, work))
        except RunnerError as error:
            life.error = error
    return life


def finish(folder: Path, image: Image, clock: VirtualClock, knobs: Knobs, work: Work, *, number: int = 1) -> Path:
    """The product as it is on an image, to the end of its work. The database."""
    path = write_image(folder, image)
    life = Life(number, Disk(image), [], path)
    run_virtual(partial(_to_the_end, life, clock, knobs, sqlite3.connect, work))
    return path


async def _to_the_end(life: Life, clock: VirtualClock, knobs: Knobs, connect: Connect, work: Work) -> None:
    seconds = knobs.gather_seconds
    gather = None if seconds is None else lambda: seconds
    opened = open_store(life.path, clock=clock, inline=True, create=False, connect=connect, gather_seconds=gather)
    with opened as store:
        await work(store, life)
    clock.shift_us += round(anyio.current_time() * 1e6)


def the_list(book: Book, clock: VirtualClock, knobs: Knobs) -> Work:
    """What a life does: it recovers, and works to the end of the list."""
    return partial(_work, book=book, clock=clock, knobs=knobs)


async def _work(store: Store, life: Life, *, book: Book, clock: VirtualClock, knobs: Knobs) -> None:
    store.steering.recover(safe=())
    batch = store.reports.named("leads")
    assert batch is not None
    if batch.state is BatchState.COMPLETED:  # the power was cut after all was done
        return
    run = store.steering.start_run(pid=1, host="test", version="0", options={})
    store.steering.change(batch.id, BatchEvent.START, run=run)
    life.began = len(life.disk.steps)
    async with store.writing():
        await _engine(store, batch.id, run, life, book, clock, knobs)
    queued = store.reports.status(batch.id).by_state[JobState.QUEUED]
    store.steering.change(batch.id, BatchEvent.PAUSE if queued else BatchEvent.COMPLETE)
    store.steering.end_run(run, exit_code=0)


async def _engine(
    store: Store, batch: BatchId, run: RunId, life: Life, book: Book, clock: VirtualClock, knobs: Knobs
) -> None:
    account = provider(in_flight=knobs.in_flight)
    lane = LaneSetup(
        provider=account,
        operations=tuple(account.operations.values()),
        transport=Wire(book, life=life.number, steps=life.disk.steps),
        account="account of acme",
    )
    prepared = await prepare(
        accounts=Accounts(),
        batch=batch,
        run=run,
        lanes=[lane],
        store=cast(JobStore, _Acknowledged(store.jobs, life)),
        clock=clock,
        randomness=SeededRandomness(book.seed + life.number),
        options=RunOptions(in_doubt=knobs.in_doubt),
        observer=lambda event: None,
        stop=StopSignal(),
    )
    await prepared.work()
