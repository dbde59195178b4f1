"""A stop, a halt or fewer workers are seen by whoever queues, and by whoever comes to queue a moment later."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.provider import Limit
from runner.engine.ports import Settlement
from runner.engine.realtime import RealTime
from runner.engine.waiting import Waiting
from runner.store.store import Store
from tests.engine.night import Night, provider
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
