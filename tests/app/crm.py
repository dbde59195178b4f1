"""Somebody's database with a table that grows, and a run that follows it with others beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import anyio

from runner.app import Runner
from runner.engine.events import Event
from runner.engine.stop import StopSignal
from runner.work.results import RunResult
from tests.app.place import Place
from tests.virtual import run_virtual

SIGTERM = "signal:143"


class Crm:
    """Somebody's database, with a table that grows."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "crm.db"
        self.url = f"sqlite:///{self.path}"
        self.do("CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT, note TEXT)")

    def do(self, sql: str, rows: Iterable[tuple[Any, ...]] = ((),)) -> Self:
        """As another program would."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(sql, list(rows))
        return self

    def insert(self, *ids: str) -> Self:
        """People by these ids."""
        return self.do(
            "INSERT INTO people VALUES (?, ?, ?)", [(one, f"{one}@example.com", f"note {one}") for one in ids]
        )


def load(r: Runner, crm: Crm, table: str = "people") -> str:
    """The table as a batch."""
    return r.load(None, ["defastra.email"], batch="crm", query=table, database=crm.url, key="id").batch


class Followed:
    """A run that follows, in virtual time, with others beside it."""

    def __init__(self, place: Place, r: Runner, batch: str) -> None:
        self.events: list[Event] = []
        self.stop = StopSignal()
        self._place = place
        self._runner = r
        self._batch = batch

    def run(self, *acts: tuple[float, Callable[[], Any]], rest: float = 4, **arguments: Any) -> RunResult:
        """At each time an act; then so many seconds, and a signal."""

        async def beside() -> None:
            for at, act in acts:
                await anyio.sleep_until(at)
                act()
            await anyio.sleep(rest)
            self.stop.set(SIGTERM)

        async def main() -> tuple[RunResult, float]:
            async with anyio.create_task_group() as group:
                group.start_soon(beside)
                given = {"follow": True, "poll": 1} | arguments
                result = await self._runner.arun(self._batch, on_event=self.events.append, stop=self.stop, **given)
                group.cancel_scope.cancel()
            return result, anyio.current_time()

        result, seconds = run_virtual(main)
        self._place.time.before += seconds
        return result

    def of(self, kind: type[Any]) -> list[Any]:
        """What was told of a kind."""
        return [event for event in self.events if isinstance(event, kind)]
