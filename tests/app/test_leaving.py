"""Who leaves while a run is at work waits for what it sent: every answer that was paid for is stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

import runner
from runner.domain.states import BatchState, JobState
from runner.engine.stop import StopSignal
from runner.errors import StoreError, UsageError
from runner.work.results import RunResult
from runner.work.under_way import UnderWay
from tests.app.place import KEY, QUICK, after, emails
from tests.sandbox.process import Sandbox, sandbox

LONG = 20.0
"""Seconds: never waited for unless something is broken."""
ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A folder with a list and a provider over real HTTP, which takes its time."""

    folder: Path
    world: Sandbox

    def named(self) -> dict[str, Any]:
        """For `open` and `aopen`."""
        return {"directory": self.folder, "environ": {"DEFASTRA_API_KEY": KEY}}

    def wait_for(self, requests: int) -> None:
        """Until the provider has that many, most of them not answered yet."""
        while self.world.summary()["requests"] < requests:
            pass

    def check(self) -> None:
        """Both books say the same; nothing is in doubt or paid twice, and the same command pays for the rest alone."""
        with runner.open(**self.named()) as r:
            status = r.status("leads")
            assert (status.state, status.reason) == (BatchState.PAUSED, "interrupted")
            assert status.outcomes[JobState.SUCCEEDED] == len(self.world.charged()) < ROWS
            assert (status.outcomes[JobState.RUNNING], status.outcomes[JobState.IN_DOUBT]) == (0, 0)
            assert r.run("leads").exit_code == 0
        assert sorted(self.world.charged()) == sorted(emails(ROWS))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """With a batch that is not begun."""
    with sandbox(latency_seconds=(0.3, 0.3), limits=[(1000, 1)], key=KEY) as world:
        (tmp_path / "runner.toml").write_text(f'{QUICK}http = {{ base_url = "{world.url}" }}\n')
        (tmp_path / "leads.csv").write_text("email\n" + "".join(f"{email}\n" for email in emails(ROWS)))
        shop = Shop(folder=tmp_path, world=world)
        with runner.open(**shop.named()) as r:
            r.load("leads.csv", ["defastra.email"], batch="leads")
        yield shop


def test_leaving_an_awaited_runner(shop: Shop) -> None:
    """`async with aopen()`: the run in another task drains before the database is closed."""

    async def main() -> RunResult:
        async with runner.aopen(**shop.named()) as r:
            run = asyncio.create_task(_coroutine(r.run("leads", in_flight=4)))
            await asyncio.to_thread(shop.wait_for, 3)
        assert run.done()
        return await run

    result = asyncio.run(main())
    assert (result.exit_code, result.interrupted) == (5, "interrupted")
    shop.check()


@pytest.mark.parametrize("native", [True, False])
def test_leaving_an_awaited_runner_by_a_cancellation(shop: Shop, native: bool) -> None:
    """One of asyncio or one of anyio, once and again: left is only what has drained."""
    runs: list[asyncio.Task[RunResult]] = []

    async def inside(over: anyio.Event) -> None:
        async with runner.aopen(**shop.named()) as r:
            runs.append(asyncio.create_task(_coroutine(r.run("leads", in_flight=4))))
            await asyncio.to_thread(shop.wait_for, 3)
            over.set()
            await anyio.sleep(LONG)

    async def main() -> None:
        over = anyio.Event()
        if native:
            task = asyncio.create_task(inside(over))
            await over.wait()
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(inside, over)
                await over.wait()
                group.cancel_scope.cancel()
        assert (await runs[0]).exit_code == 5

    asyncio.run(main())
    shop.check()


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_leaving_while_a_run_is_at_work_in_a_thread(shop: Shop, in_a_loop: bool) -> None:
    """`with open()`: the thread's run drains before the database is closed, whether or not this thread has a loop."""
    results: list[RunResult] = []

    def leave() -> None:
        with runner.open(**shop.named()) as r:
            thread = threading.Thread(target=lambda: results.append(r.run("leads", in_flight=4)))
            thread.start()
            shop.wait_for(3)
        thread.join(LONG)

    async def main() -> None:
        leave()

    asyncio.run(main()) if in_a_loop else leave()
    assert [(result.exit_code, result.interrupted) for result in results] == [(5, "interrupted")]
    shop.check()


def test_leaving_where_the_run_cannot_be_waited_for(shop: Shop) -> None:
    """Its event loop would stand still: refused with what to write, and the run goes on to its end."""

    async def main() -> None:
        r = runner.open(**shop.named())
        run = asyncio.create_task(_coroutine(r.arun("leads", in_flight=4)))
        await asyncio.to_thread(shop.wait_for, 3)
        with pytest.raises(UsageError, match="a run is at work on it") as refused, r:
            pass
        assert refused.value.fix == "await asyncio.to_thread(r.close)"
        await asyncio.to_thread(r.close)
        assert run.done()
        assert (await run).interrupted == "interrupted"

    asyncio.run(main())
    shop.check()


def test_a_run_goes_on_where_closing_was_refused(shop: Shop) -> None:
    """Not even asked to stop, and closed once it is over."""

    async def main() -> None:
        with runner.open(**shop.named()) as r:
            closed: list[str] = []

            def close() -> None:
                with pytest.raises(UsageError):
                    r.close()
                closed.append("refused")

            result = await r.arun("leads", on_event=after(2, close))
            assert (result.exit_code, closed) == (0, ["refused"])

    asyncio.run(main())
    assert sorted(shop.world.charged()) == sorted(emails(ROWS))


def test_a_run_whose_loop_was_closed_keeps_nobody_waiting() -> None:
    """It cannot come to its end any more, nor can one whose thread died."""
    under_way, closed = UnderWay(), []

    async def never() -> None:
        with under_way.run(StopSignal()):
            await asyncio.sleep(LONG)

    loop = asyncio.new_event_loop()
    task = loop.create_task(never())
    loop.run_until_complete(asyncio.sleep(0))
    with pytest.raises(UsageError):
        under_way.end(lambda: closed.append("too early"))
    loop.close()
    under_way.end(lambda: closed.append("closed"))
    assert closed == ["closed"]
    with pytest.raises(RuntimeError):
        loop.run_until_complete(task)
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_an_error_of_a_run_that_is_left_is_heard_of() -> None:
    """Closing does not wait for more than its end."""
    under_way, entered, closed = UnderWay(), threading.Event(), threading.Event()
    stop = StopSignal()

    async def fails() -> None:
        asked = asyncio.Event()
        stop.listen(asked.set)
        with under_way.run(stop):
            entered.set()
            await asked.wait()
            assert not closed.is_set()
            raise StoreError("the disk is gone")

    errors: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(fails())
        except StoreError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(LONG)
    under_way.end(closed.set)
    thread.join(LONG)
    assert (closed.is_set(), [str(error) for error in errors]) == (True, ["the disk is gone"])


async def _coroutine(work: Awaitable[RunResult]) -> RunResult:
    return await work
