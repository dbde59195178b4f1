"""What goes on beside the requests of a run keeps none of them waiting: in threads, and in real time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.to_thread
import pytest

from runner.domain.model import RunId
from runner.domain.states import BatchEvent
from runner.engine.events import Event
from runner.exports import Line
from runner.exports.database import TableTarget
from runner.settings import Secret
from runner.sources.database import Growing, Look
from runner.work.following import Follower
from runner.work.tables import Goal
from runner.work.upserts import Upserts
from tests.app.place import Place, emails

pytestmark = pytest.mark.anyio

LONG = 10.0
"""Seconds: never waited for unless something is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Goal):
    """A table whose first write comes to a standstill before its second row."""

    stands: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    writes: list[list[str]] = field(default_factory=list)  # the states that each of them wrote
    ended: list[int] = field(default_factory=list)  # of them, those that are through

    def target(self) -> TableTarget:
        """One of them."""
        return Target(url="", table=self.table, goal=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(TableTarget):
    """Keeps what it is told to write."""

    goal: Standing

    def write(self, lines: Callable[[], Iterable[Line]], **_: Any) -> int:
        """In the order of the lines, as the real one."""
        number = len(self.goal.writes)
        self.goal.writes.append([])
        for line in self._slowly(lines(), first=number == 0):
            self.goal.writes[number].append(str(line.outcomes[0].state))
        self.goal.ended.append(number)
        return len(self.goal.writes[number])

    def _slowly(self, lines: Iterable[Line], *, first: bool) -> Iterator[Line]:
        for number, line in enumerate(lines):
            yield line
            if first and number == 0:
                self.goal.stands.set()
                assert self.goal.goes_on.wait(LONG)


async def test_a_write_that_is_left_undoes_nothing_that_the_last_one_writes(place: Place) -> None:
    """The end of a run waits for no table; what was under way stops at its next row, and only then the last begins."""
    place.write_list(emails(3))
    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"])
        tools = r._session.tools()
        tools = replace(tools, seams=replace(tools.seams, inline_writes=False))
        info = tools.store.reports.batches()[0]
        goal = Standing(table="scored", database="crm", url=Secret("sqlite://"), key=None)
        told: list[Event] = []
        upserts = Upserts(tools, info, goal, run=RunId(1), observer=told.append)
        async with anyio.create_task_group() as beside:
            beside.start_soon(upserts.keep_up)
            assert await anyio.to_thread.run_sync(goal.stands.wait, LONG)
            beside.cancel_scope.cancel()
        assert goal.ended == []
        tools.store.steering.change(info.id, BatchEvent.CANCEL)
        async with anyio.create_task_group() as group:
            group.start_soon(_finish, upserts)
            await anyio.wait_all_tasks_blocked()
            await anyio.to_thread.run_sync(threading.Event().wait, 0.05)  # whoever does not wait its turn has begun
            assert len(goal.writes) == 1
            goal.goes_on.set()
    assert goal.writes == [["queued"], ["cancelled"] * 3]
    assert goal.ended == [0, 1]


async def _finish(upserts: Upserts) -> None:
    assert await upserts.finish(all_rows=False) == ()


class Held(Growing):
    """A table in a database that does not answer for a while."""

    def __init__(self, url: str, **given: Any) -> None:
        super().__init__(url, **given)
        self.asked = threading.Event()
        self.answered = threading.Event()

    @contextmanager
    def looking(self) -> Iterator[Look]:
        """As the real one."""
        self.asked.set()
        try:
            with super().looking() as look:
                yield look
        finally:
            self.answered.set()


async def test_a_batch_ends_while_its_list_does_not_answer(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a table that somebody holds is left, and brings nothing into a batch that is not at work."""
    path = place.folder / "crm.db"
    url = f"sqlite:///{path}?timeout={LONG}"
    table = Held(url, table="people", key="id", header=("id", "email"))
    monkeypatch.setattr("runner.work.following.follow_database", lambda *_, **__: table)
    with closing(sqlite3.connect(path, isolation_level=None)) as crm, place.runner() as r:
        crm.execute("CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT)")
        r.load(None, ["defastra.email"], batch="crm", query="people", database=url, key="id")
        tools = r._session.tools()
        tools = replace(tools, seams=replace(tools.seams, inline_writes=False))
        info = tools.store.reports.batches()[0]
        crm.execute("BEGIN EXCLUSIVE")
        crm.execute("INSERT INTO people VALUES ('a', 'a@example.com')")
        follower = Follower(tools, info, run=RunId(1), poll_seconds=1, observer=lambda _: None)
        async with anyio.create_task_group() as beside:
            beside.start_soon(follower.watch)
            assert await anyio.to_thread.run_sync(table.asked.wait, LONG)
            beside.cancel_scope.cancel()
        assert not table.answered.is_set()
        crm.execute("COMMIT")
        assert await anyio.to_thread.run_sync(table.answered.wait, LONG)
        assert tools.store.reports.batch(info.id).rows == 0
