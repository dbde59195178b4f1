"""A disk under a database that can be made to fail, and a run at work on it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from runner.domain.model import Answer, AttemptId, Job, RunId
from runner.domain.states import JobEvent
from runner.engine.ports import Settlement
from runner.errors import StoreError
from runner.store.store import Store
from tests.store.world import HandClock, claim, loaded, opening, settlement, started

BIG = Answer(status=200, body=b"x" * 100_000)


class CrashError(BaseException):
    """The process dies here."""


class Wire:
    """Between the program and its disk: the file may be forbidden to grow, and named moments may fail."""

    def __init__(self) -> None:
        self.connections: list[sqlite3.Connection] = []
        self.fails: Callable[[str], int | None] = lambda point: None  # a code of SQLite's, or None

    def connect(self, *args: Any, **more: Any) -> sqlite3.Connection:
        """Open the file, really."""
        self.connections.append(sqlite3.connect(*args, **more))
        return self.connections[-1]

    def fill(self) -> None:
        """The newest connection, which is the writer's, can add no page to the file."""
        pages = self.connections[-1].execute("PRAGMA page_count").fetchone()[0]
        self.connections[-1].execute(f"PRAGMA max_page_count = {pages}")

    def break_at(self, wanted: str = "before-commit", code: int = sqlite3.SQLITE_IOERR) -> None:
        """From now on every transaction fails at that moment."""
        self.fails = lambda point: code if point == wanted else None

    def mend(self) -> None:
        """Nothing fails any more."""
        self.fails = lambda point: None

    def point(self, name: str) -> None:
        """The store's fault point."""
        code = self.fails(name)
        if code is not None:
            error = sqlite3.OperationalError("planted")
            error.sqlite_errorcode = code
            raise sa.exc.OperationalError("COMMIT", None, error)


class Working:
    """A run on a batch of six jobs."""

    def __init__(self, store: Store, clock: HandClock) -> None:
        self.store, self.clock = store, clock
        self.batch = loaded(store, 6).batch
        self.run: RunId = started(store, self.batch)
        self.jobs: list[Job] = []

    @property
    def answers(self) -> Path:
        """The file beside the database."""
        return self.store.path.with_name(f"{self.store.path.name}.answers")

    async def open(self, count: int, **changes: Any) -> list[AttemptId]:
        """Claim so many jobs and open an attempt for each."""
        self.jobs = await self.store.jobs.claim(claim(self.batch, self.run, self.clock, limit=count))
        openings = [opening(job, self.run, self.clock, **changes) for job in self.jobs]
        return list(await asyncio.gather(*map(self.store.jobs.open, openings)))

    def answer(self, attempt: AttemptId, place: int, **changes: Any) -> Settlement:
        """The answer to the attempt at that place of `open`."""
        return settlement(attempt, self.jobs[place].id, JobEvent.SUCCEED, self.clock, **changes)

    async def settle(self, attempts: list[AttemptId], **changes: Any) -> None:
        """All of them at once."""
        settled = [self.answer(attempt, place, **changes) for place, attempt in enumerate(attempts)]
        await asyncio.gather(*map(self.store.jobs.settle, settled))

    async def spill(self, wire: Wire, count: int = 1) -> None:
        """A run whose disk breaks: so many answers are in the file beside the database, and one attempt is open."""

        async def cut_short() -> None:
            async with self.store.writing():
                opened = await self.open(count + 1)
                wire.break_at()
                await self.settle(opened[:count], answer=BIG)

        with pytest.raises(StoreError):
            await cut_short()
        wire.mend()
