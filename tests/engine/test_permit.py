"""A batch's own pace that changes while requests are under way: each counts where it has to, once."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from runner.domain.provider import Limit, Pace
from runner.engine.permit import OwnPace
from runner.engine.throttle import Throttle
from tests.engine.night import Night
from tests.engine.scripted import LATER, OK, provider
from tests.virtual import VirtualClock, run_virtual

QUICK = (Limit(at_most=100, per_seconds=1),)
MINUTE = (Limit(at_most=2, per_seconds=60),)


def in_flight(throttle: Throttle) -> int:
    """As the first window counts it."""
    return throttle.statistics()[0].in_flight


@pytest.mark.parametrize("leaves", ["before", "between"])
def test_what_is_under_way_counts_in_the_new_windows(leaves: str) -> None:
    """A request that left before the change was announced, or before it held, takes a place until a minute after it."""

    async def main() -> None:
        clock = VirtualClock()
        account, old, new = (Throttle(limits, clock=clock) for limits in (QUICK, QUICK, MINUTE))
        pace = OwnPace(old)
        permits = [pace.permit() for _ in range(3)]
        for permit in permits[:2]:
            await permit.take()
        if leaves == "between":
            pace.expect(new)
        flights = [pace.flight(account, permit, None) for permit in permits[:2]]
        if leaves == "before":
            pace.expect(new)
        pace.change()
        assert (in_flight(old), in_flight(new)) == (2, 2)
        await anyio.sleep(5)
        pace.over(flights[0], sent=True)
        pace.over(flights[1], sent=False)  # it never left: its place is free
        assert (in_flight(old), in_flight(new)) == (0, 0)
        for _ in range(2):
            await permits[2].take()
            pace.over(pace.flight(account, permits[2], None), sent=True)
        assert clock.monotonic() == pytest.approx(65.0, abs=0.1)

    run_virtual(main)


def test_permits_that_were_not_used_are_given_back() -> None:
    """Those who have one, and those who get one of a pace that is over: they ask the new one."""

    async def main() -> None:
        clock = VirtualClock()
        old, new = Throttle((Limit(at_most=1, per_seconds=10),), clock=clock), Throttle(QUICK, clock=clock)
        pace = OwnPace(old)
        first, second = pace.permit(), pace.permit()
        await first.take()
        async with anyio.create_task_group() as group:
            group.start_soon(second.take)
            await anyio.sleep(1)
            pace.expect(new)
            pace.change()
            assert (first.held, in_flight(old)) == (False, 0)
        assert (second.held, in_flight(old)) == (False, 0)
        await second.take()
        assert (second.held, in_flight(new)) == (True, 1)
        second.close()
        assert in_flight(new) == 0

    run_virtual(main)


def test_without_a_pace_every_permit_is_held() -> None:
    """Until there is one; and again when it is taken back."""

    async def main() -> None:
        clock = VirtualClock()
        account, slower = Throttle(QUICK, clock=clock), Throttle(MINUTE, clock=clock)
        pace = OwnPace(None)
        permit = pace.permit()
        assert permit.held
        flight = pace.flight(account, permit, None)
        assert permit.held
        pace.expect(slower)
        pace.change()
        assert (permit.held, pace.limits, in_flight(slower)) == (False, MINUTE, 1)
        pace.over(flight, sent=True)
        pace.expect(None)
        pace.change()
        assert (permit.held, pace.limits) == (True, ())

    run_virtual(main)


@pytest.mark.parametrize("pace", list(Pace))
def test_turns_that_were_taken_before_a_wait_are_not_spent_at_once_after_it(pace: Pace, tmp_path: Path) -> None:
    """A batch's own rate holds after a refusal for a minute, whatever the pace of its provider."""
    quick = replace(provider(in_flight=16, limits=(Limit(at_most=1000, per_seconds=1),)), pace=pace)
    night = Night(
        path=tmp_path / "night.db",
        values=60,
        providers=(quick,),
        scripts={"acme": lambda sent: LATER if 5 <= sent.at < 6 else OK},
        latency=4.0,
    )
    night.run(rate=(2, 1.0))
    at = sorted(sent.at for sent in night.sent())
    assert max(bisect_left(at, since + 1.0) - number for number, since in enumerate(at)) <= 2
