"""A run that is cancelled drains, and its end is on record as that of a stopped one; then the cancellation goes on."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from typing import Any

import anyio
import pytest

from runner.app import Runner
from runner.domain.states import BatchState, JobState
from runner.engine.events import Event, RunEnded, RunStopping
from runner.engine.stop import StopSignal
from runner.errors import StoreError
from runner.sandbox.replies import Behaviour
from runner.work.draining import drained
from runner.work.results import RunResult
from tests.app.place import Place, after, emails
from tests.virtual import run_virtual


async def _task(work: Coroutine[Any, Any, object], now: asyncio.Event) -> None:
    """`Task.cancel`, once and again."""
    task = asyncio.create_task(work)
    await now.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _group(work: Coroutine[Any, Any, object], now: asyncio.Event) -> None:
    """Another task of the same group fails."""

    async def boom() -> None:
        await now.wait()
        raise ZeroDivisionError

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work)
            group.create_task(boom())

    with pytest.raises(ExceptionGroup) as failed:
        await both()
    assert [type(error) for error in failed.value.exceptions] == [ZeroDivisionError]


async def _time(work: Coroutine[Any, Any, object], now: asyncio.Event) -> None:
    """Its time is over."""
    task = asyncio.ensure_future(asyncio.wait_for(work, 0.05))
    with pytest.raises(TimeoutError):
        await task
    assert now.is_set()


async def _scope(work: Coroutine[Any, Any, object], now: asyncio.Event) -> None:
    """A scope of anyio around it."""
    with anyio.move_on_after(0.05) as scope:
        await work
    assert scope.cancelled_caught
    assert now.is_set()


@pytest.mark.parametrize("cancel", [_task, _group, _time, _scope])
def test_a_cancelled_run_drains_and_its_end_is_on_record(place: Place, cancel: Callable[..., Any]) -> None:
    """Paused as interrupted, told, written; nothing is in doubt, and the same command pays for the rest alone."""
    place.write_list(emails(120))
    told: list[Event] = []

    async def cancelled(r: Runner) -> None:
        now = asyncio.Event()
        seen = after(2, now.set)

        def observe(event: Event) -> None:
            told.append(event)
            seen(event)

        await cancel(r.arun("leads.csv", output="auto", on_event=observe), now)

    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        run_virtual(lambda: cancelled(r))
        status = r.status(batch)
        assert (status.state, status.reason) == (BatchState.PAUSED, "interrupted")
        assert status.outcomes[JobState.SUCCEEDED] == len(place.values()) < 120
        assert (status.outcomes[JobState.RUNNING], status.outcomes[JobState.IN_DOUBT]) == (0, 0)
        assert [one.reason for one in told if isinstance(one, RunStopping | RunEnded)] == ["interrupted"] * 2
        assert (place.folder / "leads-defastra-email.csv").read_text().count("succeeded") == len(place.values())
        with closing(sqlite3.connect(r.path)) as database:
            assert database.execute("SELECT exit FROM v_runs").fetchall() == [(5,)]
        assert place.run(r, batch).exit_code == 0
    assert sorted(place.charged()) == sorted(emails(120))


def test_each_batch_of_a_cancelled_run_is_told(place: Place) -> None:
    """`run_all`: `on_result` hears of all of them."""
    results: list[RunResult] = []

    async def cancelled(r: Runner, batches: list[str]) -> None:
        now = asyncio.Event()
        work = r.arun_all(batches, on_result=results.append, on_event=after(3, now.set))
        await _task(work, now)

    with place.runner() as r:
        names = [
            r.load(place.write_list([f"{name}{value}" for value in emails(60)], name=name), ["defastra.email"]).batch
            for name in ("a", "b")
        ]
        run_virtual(lambda: cancelled(r, names))
    assert sorted((one.batch, one.exit_code, one.status.reason) for one in results) == [
        (name, 5, "interrupted") for name in names
    ]


def test_who_cancels_waits_for_what_is_on_the_way(place: Place) -> None:
    """A request that hangs is waited for until its own deadline, however often it is cancelled."""
    place.write_list(emails(3))
    place.world.next([Behaviour(), Behaviour(delay_seconds=20.0)])

    async def cancelled(r: Runner) -> float:
        now = asyncio.Event()
        await _task(r.arun("leads.csv", in_flight=1, on_event=after(1, now.set)), now)
        return asyncio.get_running_loop().time()

    with place.runner() as r:
        r.load("leads.csv", ["defastra.email"])
        assert 20 < run_virtual(lambda: cancelled(r)) < 21
        assert r.status().outcomes[JobState.SUCCEEDED] == 2


def test_a_run_that_asyncio_ends_with_its_program_is_cut_off(place: Place) -> None:
    """`asyncio.run` cancels the tasks of the requests themselves: each is in doubt, and paid for once; the rest goes
    on."""
    place.write_list(emails(40))
    left: list[asyncio.Task[RunResult]] = []

    async def main(r: Runner) -> None:
        now = asyncio.Event()
        left.append(asyncio.create_task(r.arun("leads.csv", in_flight=4, on_event=after(3, now.set))))
        await now.wait()

    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        run_virtual(lambda: main(r))
        assert left[0].cancelled()
        assert (r.status(batch).state, r.status(batch).reason) == (BatchState.RUNNING, "cut-off")
        doubts = len(place.charged()) - r.status(batch).outcomes[JobState.SUCCEEDED]
        assert doubts > 0
        ended = place.run(r, batch)
        assert (ended.exit_code, ended.status.outcomes[JobState.IN_DOUBT]) == (3, doubts)
        assert ended.notices[0].endswith(f"an earlier run was cut off; {doubts} of its requests are in doubt")
        assert len({doubt.row for doubt in r.doubts(batch)}) == doubts
    assert sorted(place.charged()) == sorted(emails(40))


def test_what_goes_wrong_meanwhile_outranks_the_cancellation() -> None:
    """A database that fails is heard of, not hidden."""
    stop = StopSignal()

    async def fails() -> None:
        asked = asyncio.Event()
        stop.listen(asked.set)
        await asked.wait()
        raise StoreError("the disk is gone")

    async def main() -> None:
        task = asyncio.create_task(drained(fails, stop))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(StoreError, match="gone"):
            await task

    run_virtual(main)


@pytest.fixture
def at_a_terminal() -> Iterator[None]:
    """Ctrl-C as Python takes it by itself; whoever started the tests may have had it ignored, as a shell's `&` does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("at_a_terminal")
def test_ctrl_c_in_a_blocking_run(place: Place) -> None:
    """The first drains, the second leaves at once: what is on the way then is in doubt."""
    place.write_list(emails(60))

    def press() -> None:
        signal.raise_signal(signal.SIGINT)

    def press_twice() -> None:
        press()
        asyncio.get_running_loop().call_later(0.05, press)

    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with pytest.raises(KeyboardInterrupt):
            r.run(batch, on_event=after(3, press))
        assert (r.status(batch).state, r.status(batch).reason) == (BatchState.PAUSED, "interrupted")
        place.world.next([Behaviour(), Behaviour(delay_seconds=60.0)])
        with pytest.raises(KeyboardInterrupt):
            r.run(batch, on_event=after(3, press_twice))
        assert (r.status(batch).state, r.status(batch).reason) == (BatchState.RUNNING, "cut-off")
        ended = place.run(r, batch)
        assert (ended.exit_code, ended.status.outcomes[JobState.IN_DOUBT]) == (3, 1)
