"""A stop, a halt, fewer workers, an open gate: seen by whoever waits, and by whoever comes to wait a moment later."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from runner.domain.provider import Limit
from runner.engine.events import RunStopping
from runner.engine.gate import Gate
from runner.engine.lane import Lane as RealLane
from runner.engine.ports import Settlement
from runner.engine.realtime import RealTime
from runner.engine.waiting import Waiting
from runner.engine.worker import _wait_at_cap, _wait_for_gate
from runner.store.store import Store
from tests.engine.night import Night, paused_after
from tests.engine.scripted import provider
from tests.virtual import VirtualClock, run_virtual

HOURLY = {"the account's": ((Limit(at_most=3, per_seconds=3600),), {}), "the batch's": ((), {"rate": (3, 3600.0)})}


@pytest.mark.parametrize("whose", list(HOURLY))
def test_a_stop_while_an_answer_is_being_stored_ends_the_run(tmp_path: Path, whose: str) -> None:
    """The one worker waits for a commit when the stop comes, and for a window of an hour next: it does not begin to."""
    limits, options = HOURLY[whose]
    night = Night(path=tmp_path / "s.db", values=5, providers=(provider(in_flight=1, limits=limits),))

    async def stop(store: Store) -> None:
        inner = store.jobs.settle

        def settle(settlement: Settlement) -> Awaitable[None]:
            stored = inner(settlement)

            async def later() -> None:
                await anyio.sleep(0.05)
                await stored

            return later()

        store.jobs.settle = settle  # type: ignore[method-assign]  # a slow disk
        await anyio.sleep(0.22)
        night.stop.set("signal:130")

    night.during = stop
    summary = night.run(**options)
    assert summary.stop_reason == "signal:130"
    assert len(night.sent()) == 1
    assert night.query("SELECT max(ended_us) - min(started_us) < 1000000 FROM runs") == [(1,)]
    assert night.states() == {"succeeded": 1, "queued": 4}


class Lane(Waiting):
    """With one worker's place."""

    over = False
    shared: Any = None

    def stopped(self) -> bool:
        """As set."""
        return self.over


@pytest.mark.parametrize(("over", "working", "joins"), [(False, 1, True), (True, 1, False), (False, 2, False)])
def test_nobody_joins_a_queue_that_was_dissolved(over: bool, working: int, joins: bool) -> None:
    """Neither after a stop nor as a worker too many: what is waited for is not even asked."""

    async def main() -> None:
        lane = Lane(RealTime(VirtualClock()), workers=1)
        lane.over, lane.working = over, working
        asked: list[Any] = []

        async def wait() -> None:
            asked.append(None)

        assert await lane.queue(wait) is joins
        assert bool(asked) is joins

    run_virtual(main)


class Telling(Lane):
    """A lane whose account's gate opens while it tells what is stored."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(RealTime(VirtualClock()), workers=1)
        self.gate = gate

    async def flush_reports(self) -> None:
        """Another batch's probe succeeds meanwhile."""
        leave = self.gate.enter(0.0)
        assert leave is not None
        await anyio.sleep(1)
        self.gate.succeeded(leave, now=1.0)
        self.wake()


def test_a_gate_that_opens_a_moment_before_it_is_waited_for() -> None:
    """Its wake-up has gone by: the worker does not sleep until somebody's next answer, which may be an hour away."""

    async def main() -> None:
        with anyio.fail_after(60):
            await _wait_for_gate(cast(RealLane, Telling(Gate())))

    run_virtual(main)


def test_a_stop_drains(tmp_path: Path) -> None:
    """Nothing leaves after it, what was on the wire is stored, what was claimed is given back."""

    async def interrupt(store: Store) -> None:
        await anyio.sleep(2.05)
        night.stop.set("signal:130")

    night = Night(path=tmp_path / "runner.db", values=500, latency=1.0, during=interrupt)
    summary = night.run()
    assert summary.stop_reason == "signal:130"
    assert max(sent.at for sent in night.sent()) <= 2.05 + 0.5
    states = night.states()
    assert states == {"succeeded": len(night.sent()), "queued": 500 - len(night.sent())}
    assert [event.in_flight for event in night.events if isinstance(event, RunStopping)] == [8]


def test_what_is_told_to_be_on_the_way_has_left(tmp_path: Path) -> None:
    """Not the requests that others have in hand and that wait for the limits."""

    async def interrupt(store: Store) -> None:
        await anyio.sleep(21)
        night.stop.set("signal:130")

    limits = (Limit(at_most=3, per_seconds=60),)
    night = Night(
        path=tmp_path / "s.db", values=500, latency=3.0, providers=(provider(limits=limits),), during=interrupt
    )
    night.run()
    assert [event.in_flight for event in night.events if isinstance(event, RunStopping)] == [1]


def test_a_stop_interrupts_those_who_wait_for_the_throttle(tmp_path: Path) -> None:
    """One request an hour: a stop does not take an hour."""

    async def interrupt(store: Store) -> None:
        await anyio.sleep(100)
        night.stop.set("signal:143")

    night = Night(
        path=tmp_path / "runner.db",
        values=5,
        providers=(provider(limits=(Limit(at_most=1, per_seconds=3600),)),),
        during=interrupt,
    )
    night.run()
    assert night.states() == {"succeeded": 1, "queued": 4}
    assert night.clock.shift_us < 102 * 1_000_000


def test_a_wish_from_another_terminal_is_seen_within_a_second(tmp_path: Path) -> None:
    """Pause, as `runner pause` writes it."""
    night = Night(path=tmp_path / "runner.db", values=500, during=paused_after(3))
    assert night.run().stop_reason == "requested:paused"
    assert max(sent.at for sent in night.sent()) <= 4


@pytest.mark.parametrize(("how", "awake"), [("offer_turn", ["turn"]), ("wake", ["cap", "turn"])])
def test_who_waits_at_a_cap_is_not_offered_the_turn(how: str, awake: list[str]) -> None:
    """Two batches at their caps would hand the turn to go first to each other without end; a change is for both."""

    async def main() -> list[str]:
        lane, woken = Lane(RealTime(VirtualClock()), workers=2), []

        async def sleep(name: str) -> None:
            await lane.sleep(None, at_cap=name == "cap")
            woken.append(name)

        async with anyio.create_task_group() as group:
            group.start_soon(sleep, "cap")
            group.start_soon(sleep, "turn")
            await anyio.sleep(1)
            getattr(lane, how)()
            await anyio.sleep(1)
            group.cancel_scope.cancel()
        return sorted(woken)

    assert run_virtual(main) == awake


def test_a_worker_at_a_cap_waits_as_one() -> None:
    """It is not offered the turn; it looks again after a second."""

    async def main() -> list[bool]:
        time = RealTime(VirtualClock())
        lane, over = Lane(time, workers=1), []
        lane.shared = SimpleNamespace(clock=time)

        async def wait() -> None:
            await _wait_at_cap(cast(RealLane, lane))
            over.append(True)

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.5)
            lane.offer_turn()
            await anyio.sleep(0.25)
            asleep = not over
            await anyio.sleep(0.5)
        return [asleep, bool(over)]

    assert run_virtual(main) == [True, True]
