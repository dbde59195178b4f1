"""A database that does not come back: whoever waits for its writer is let go, and nothing waits for the thread."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import pytest

from runner.domain.states import JobEvent
from runner.errors import StalledError, StoreError
from runner.store import open_store
from tests.store.world import HandClock, claim, loaded, opening, settlement, started, states

pytestmark = pytest.mark.anyio


class Hang:
    """A fault point: once armed, the database stays inside its next commit until it is let go."""

    def __init__(self) -> None:
        self.armed = False
        self.inside = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, reached: str) -> None:
        if self.armed and reached == "before-commit":
            self.inside.set()
            self.go_on.wait()


def stalled(*, of_store: bool) -> StalledError:
    return StalledError("stuck", why="a test", fix="none", dump="", of_store=of_store)


async def test_a_writer_that_hangs_is_left_behind(tmp_path: Path) -> None:
    """Leaving and closing return although the thread is still in the database; the file is there for the next one."""
    clock, hang = HandClock(), Hang()
    store = open_store(tmp_path / "runner.db", clock=clock, fault_point=hang)
    batch = loaded(store, 2).batch
    run = started(store, batch)

    async def work() -> None:
        async with store.writing():
            hang.armed = True
            store.jobs.claim(claim(batch, run, clock))
            await anyio.to_thread.run_sync(hang.inside.wait)
            raise stalled(of_store=True)

    try:
        with anyio.fail_after(10), pytest.raises(StalledError):
            await work()
        store.close()
        with pytest.raises(StoreError):
            store.jobs.claim(claim(batch, run, clock))
    finally:
        hang.go_on.set()


async def test_answers_that_come_while_the_database_hangs_are_kept(tmp_path: Path) -> None:
    """Those the thread took with it and those behind them; and that it commits some after all does no harm."""
    clock, hang = HandClock(), Hang()
    store = open_store(tmp_path / "runner.db", clock=clock, fault_point=hang)
    batch = loaded(store, 2).batch
    run = started(store, batch)
    answers = tmp_path / "runner.db.answers"

    async def work() -> None:
        async with store.writing():
            jobs = await store.jobs.claim(claim(batch, run, clock))
            opened = [await store.jobs.open(opening(job, run, clock)) for job in jobs]
            hang.armed = True
            store.jobs.settle(settlement(opened[0], jobs[0].id, JobEvent.SUCCEED, clock))
            await anyio.to_thread.run_sync(hang.inside.wait)
            store.jobs.settle(settlement(opened[1], jobs[1].id, JobEvent.SUCCEED, clock))
            raise stalled(of_store=True)

    try:
        with anyio.fail_after(10), pytest.raises(StalledError):
            await work()
        assert "2 answers" in store.notices()[0]
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "store-writer")
        hang.go_on.set()
        await anyio.to_thread.run_sync(thread.join, 10)
        assert not thread.is_alive()
        assert states(store.path) == ["succeeded", "running"]
        (found,) = store.steering.recover(safe=()).batches
        assert (found.answers, found.doubts) == (1, 0)
        assert states(store.path) == ["succeeded", "succeeded"]
        assert not answers.exists()
    finally:
        hang.go_on.set()
        store.close()


async def test_a_store_that_answers_is_waited_for(tmp_path: Path) -> None:
    """Where something else hangs, what was handed in is committed first."""
    clock = HandClock()
    with open_store(tmp_path / "runner.db", clock=clock) as store:
        batch = loaded(store, 2).batch
        run = started(store, batch)
        taken = []

        async def work() -> None:
            async with store.writing():
                taken.append(store.jobs.claim(claim(batch, run, clock)))
                raise stalled(of_store=False)

        with pytest.raises(StalledError):
            await work()
        assert len(await taken[0]) == 2
