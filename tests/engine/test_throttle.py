"""The pace, in virtual time: what a server that keeps a sliding log would see."""

from __future__ import annotations

import random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.provider import Limit, Pace
from runner.engine.realtime import RealTime
from runner.engine.throttle import Throttle, smoothing
from runner.engine.window import Traffic, Window
from tests.virtual import VirtualClock, run_virtual

MINUTE = (Limit(at_most=60, per_seconds=60), Limit(at_most=2, per_seconds=1))


def most_in(stamps: list[float], seconds: float) -> int:
    """The fullest window [x, x + seconds) that the server saw."""
    stamps = sorted(stamps)
    first = fullest = 0
    for last, stamp in enumerate(stamps):
        while stamp - stamps[first] >= seconds:
            first += 1
        fullest = max(fullest, last - first + 1)
    return fullest


async def drive(throttle: Throttle, requests: int, workers: int, rng: random.Random, latency: float) -> list[float]:
    """Send through the throttle with random delays either way; the instants at which the server saw the requests."""
    seen: list[float] = []
    left = requests

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            if not throttle.try_acquire():
                await throttle.acquire()
            if rng.random() < 0.05:
                throttle.give_back()
                continue
            await anyio.sleep(rng.uniform(0, latency))
            seen.append(anyio.current_time())
            await anyio.sleep(rng.uniform(0, latency))
            throttle.finish()

    async with anyio.create_task_group() as group:
        for _ in range(workers):
            group.start_soon(work)
    return seen


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from([0.1, 1.0, 6.0, 60.0])), min_size=1, max_size=3),
    st.integers(1, 20),
    st.sampled_from([0.0, 0.02, 0.3, 3.0]),
    st.integers(0, 2**32),
)
def test_no_server_window_is_ever_exceeded(
    limits: list[tuple[int, float]], workers: int, latency: float, seed: int
) -> None:
    """Any limits at once, any latency, permits given back on the way: never more than N in W at the server."""
    windows = [Limit(at_most=n, per_seconds=seconds) for n, seconds in limits]

    async def main() -> list[float]:
        throttle = Throttle(windows, clock=VirtualClock())
        return await drive(throttle, 150, workers, random.Random(seed), latency)

    seen = run_virtual(main)
    for limit in windows:
        assert most_in(seen, limit.per_seconds) <= limit.at_most


def test_counting_from_the_sending_is_not_enough() -> None:
    """The negative control: the same drive at `pace = "sender"` does exceed the server's window."""

    async def main() -> list[float]:
        throttle = Throttle([Limit(at_most=5, per_seconds=1)], clock=VirtualClock(), pace=Pace.SENDER)
        return await drive(throttle, 500, 20, random.Random(1), 0.3)

    assert most_in(run_virtual(main), 1) > 5


def test_the_allowed_burst_is_used() -> None:
    """Under 60 a minute and 2 a second, 50 requests take 25 seconds and not 50."""

    async def main() -> float:
        await drive(Throttle(MINUTE, clock=VirtualClock()), 50, 5, random.Random(3), 0.1)
        return anyio.current_time()

    assert 22 < run_virtual(main) < 30


def test_a_restart_continues_the_windows() -> None:
    """Sixty requests a moment ago leave no room, whichever process sent them; a clock set back makes none either."""

    async def main() -> list[float]:
        clock = VirtualClock()
        await anyio.sleep(100)
        throttle = Throttle(MINUTE, clock=clock)
        throttle.restore([clock.now_us() - 30_000_000] * 59 + [clock.now_us() + 10**12])
        begun = anyio.current_time()
        await throttle.acquire()
        return [anyio.current_time() - begun]

    assert run_virtual(main)[0] == pytest.approx(30, abs=0.1)


def test_a_cancelled_wait_leaves_no_trace() -> None:
    """Whoever stops waiting takes no place in any window."""

    async def main() -> tuple[int, ...]:
        throttle = Throttle([Limit(at_most=2, per_seconds=10)], clock=VirtualClock())
        for _ in range(2):
            await throttle.acquire()
        with anyio.move_on_after(3):
            await throttle.acquire()
        throttle.finish()
        return tuple(window.in_flight + window.recent for window in throttle.statistics())

    assert run_virtual(main) == (2,)


@given(st.integers(1, 5000), st.floats(0.01, 86400))
def test_smoothing_never_lets_more_through_than_the_window(n: int, period: float) -> None:
    """A bucket of b at rate r admits b + r * P - 1 in any half-open window of P at most."""
    bucket = smoothing([Limit(at_most=n, per_seconds=period)])
    assert bucket is not None
    rate = bucket.max_rate / bucket.time_period
    assert bucket.max_rate + rate * period <= n + 1 + 1e-6


def test_a_window_says_when_there_is_room() -> None:
    """A known time while some have ended; not known while all are in flight."""
    traffic = Traffic()
    window = Window(Limit(at_most=2, per_seconds=10), traffic)
    traffic.leave(0)
    traffic.leave(0)
    assert window.room_at(1) is None
    traffic.finish(4)
    assert window.room_at(5) == pytest.approx(14, abs=0.01)
    assert window.room_at(14.1) == 14.1


def test_a_slower_pace_holds_from_now_on_and_ends_at_once() -> None:
    """At half the pace the third of 2 in 10 s waits for twice as long; restored while it waits, it goes."""

    async def main() -> list[float]:
        throttle = Throttle([Limit(at_most=2, per_seconds=10)], clock=VirtualClock())
        went: list[float] = []

        async def send(requests: int) -> None:
            for _ in range(requests):
                await throttle.acquire()
                went.append(anyio.current_time())
                throttle.finish()

        await send(2)
        throttle.stretch(0.5)
        await send(1)
        async with anyio.create_task_group() as group:
            group.start_soon(send, 1)
            await anyio.sleep_until(23)
            throttle.stretch(1)
        assert throttle.factor == 1
        return went

    # The third 20 s after the first was over, the fourth 10 s after the second was, or when it may.
    assert run_virtual(main) == pytest.approx([0, 5, 20, 23], abs=0.01)


def test_a_pace_is_never_stretched_above_its_limits() -> None:
    """A factor above 1, or none at all, is a mistake."""
    throttle = Throttle(MINUTE, clock=VirtualClock())
    for factor in (1.01, 0.0, -1.0):
        with pytest.raises(ValueError, match="slowed down"):
            throttle.stretch(factor)


def test_what_the_machine_slept_through_counts() -> None:
    """Sixty a minute ago leave room after a sleep, even for one who waits already, for a window or for the smoothing;
    what is in flight stays in flight."""

    async def main() -> list[float]:
        machine = VirtualClock()
        clock = RealTime(machine)
        hourly = Throttle([Limit(at_most=2, per_seconds=7200)], clock=clock)
        clock.listen(hourly.smooth_anew)

        def sleep() -> None:
            machine.suspend(8 * 3600)
            clock.monotonic()

        went: list[float] = []

        async def send() -> None:
            await hourly.acquire()
            went.append(anyio.current_time())

        await send()
        async with anyio.create_task_group() as group:
            group.start_soon(send)  # waits an hour for the smoothing
            await anyio.sleep(10)
            sleep()
            await anyio.sleep(10)
            hourly.finish()
            group.start_soon(send)  # and this one two for the window
            await anyio.sleep(10)
            assert [window.in_flight for window in hourly.statistics()] == [1]
            sleep()
        return went

    assert run_virtual(main) == pytest.approx([0, 10, 30], abs=0.01)


def test_limits_that_are_learned_late_count_what_went_before() -> None:
    """From none to some: those in flight and those over a moment ago have their places; and back to none."""

    async def main() -> None:
        throttle = Throttle((), clock=VirtualClock())
        for _ in range(5):
            assert throttle.try_acquire()
        throttle.finish()
        throttle.give_back()
        throttle.resize([Limit(at_most=5, per_seconds=10)])
        (window,) = throttle.statistics()
        assert (window.in_flight, window.recent) == (3, 1)
        await throttle.acquire()
        assert not throttle.try_acquire()
        throttle.resize([Limit(at_most=5, per_seconds=10), Limit(at_most=100, per_seconds=60)])
        assert [window.in_flight + window.recent for window in throttle.statistics()] == [5, 5]
        throttle.resize(())
        assert throttle.try_acquire()
        assert throttle.statistics() == ()

    run_virtual(main)


@given(st.lists(st.tuples(st.sampled_from("lfg"), st.floats(0, 3)), max_size=80), st.integers(1, 6), st.floats(0.1, 1))
def test_a_window_counts_as_a_plain_list_would(steps: list[tuple[str, float]], n: int, factor: float) -> None:
    """Room is there exactly when those in flight and those over less than its length ago are fewer than N."""
    traffic, now, in_flight = Traffic(), 0.0, 0
    ends: list[float] = []
    window = Window(Limit(at_most=n, per_seconds=2), traffic, factor=factor)
    for step, seconds in steps:
        now += seconds
        if step == "l":
            traffic.leave(now)
            in_flight += 1
        elif in_flight:
            in_flight -= 1
            if step == "g":
                traffic.give_back()
            else:
                traffic.finish(now)
                ends.append(now)
        recent = sum(end + window.length_seconds > now for end in ends)
        assert window.statistics(now).recent == recent
        assert (window.room_at(now) == now) == (in_flight + recent < n)
