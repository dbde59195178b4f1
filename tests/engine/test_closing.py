"""`--until` and `--for`: nothing leaves at the moment or later, and what is on the way is answered by then."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.model import Answer
from runner.domain.provider import Limit, Provider
from runner.engine.closing import Closing
from runner.engine.events import RunStopping
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BAD_ROW, BUSY, DOWN, GARBAGE, LATER, LOST, OK, REFUSED, Sent, provider
from tests.virtual import VirtualClock

SLOW = (Limit(at_most=1, per_seconds=1),)


def lasting(seconds: float) -> Callable[[VirtualClock], Closing]:
    """`--for`."""
    return lambda clock: Closing(clock, seconds=seconds)


def ending_in(seconds: float) -> Callable[[VirtualClock], Closing]:
    """`--until` a moment so far away."""
    return lambda clock: Closing(clock, until_us=clock.now_us() + round(seconds * 1e6))


Way = Callable[[float], Callable[[VirtualClock], Closing]]
WAYS: tuple[Way, ...] = (lasting, ending_in)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_sends_until_its_moment_and_is_over_by_then(tmp_path: Path, way: Way) -> None:
    """One each second and its answer, thirty seconds: those that fit are answered, the others wait unharmed."""
    night = Night(path=tmp_path / "r.db", values=100, providers=(provider(limits=SLOW),), closing=way(30))
    summary = night.run()
    assert len(night.sent()) in (24, 25)
    assert night.states() == {"succeeded": len(night.sent()), "queued": 100 - len(night.sent())}
    assert night.clock.shift_us <= 30e6
    assert {lane.reason for lane in summary.lanes} == {"until" if way is ending_in else "for"}


@pytest.mark.parametrize("latency", [0.5, 5.0, 20.0])
def test_the_last_request_leaves_early_enough_to_be_answered(tmp_path: Path, latency: float) -> None:
    """The slower the answers, the earlier: the run ends before the moment, and less than one answer before it."""
    night = Night(path=tmp_path / "r.db", values=500, latency=latency, closing=lasting(60))
    night.providers = (provider(in_flight=2),)
    night.run()
    assert 60 - latency - 1 <= night.clock.shift_us / 1e6 <= 60
    assert night.states() == {"succeeded": len(night.sent()), "queued": 500 - len(night.sent())}


def test_no_lane_stops_more_than_a_minute_early(tmp_path: Path) -> None:
    """Answers that take two minutes: the last request leaves a minute before the moment, and is waited for."""
    slow = provider()
    slow = replace(slow, http=replace(slow.http, timeout_seconds=300.0))
    night = Night(path=tmp_path / "r.db", values=500, latency=120.0, providers=(slow,), closing=lasting(1000))
    night.run()
    assert 840 <= max(sent.at for sent in night.sent()) - 60 <= 940
    assert night.clock.shift_us <= 1060e6
    assert set(night.states()) == {"succeeded", "queued"}


def test_what_hangs_counts_before_it_is_answered(tmp_path: Path) -> None:
    """Quick answers so far, and one that is waited for: no other is begun that could take as long."""
    slow = provider(in_flight=2, limits=(Limit(at_most=2, per_seconds=1),))
    night = Night(path=tmp_path / "r.db", values=90, slow={"v10": 28.0}, closing=lasting(30), providers=(slow,))
    night.run()
    hung = next(sent.at for sent in night.sent() if sent.value == "v10")
    last = max(sent.at for sent in night.sent())
    assert hung + 5 < last <= hung + (30 - hung) / 2 + 1


def test_a_short_run_sends_although_no_answer_is_known_yet(tmp_path: Path) -> None:
    """Ten seconds, a deadline of thirty: it asks, and learns that answers are quick."""
    night = Night(path=tmp_path / "r.db", values=30, latency=0.1, closing=lasting(10))
    assert night.providers[0].http.timeout_seconds >= 10
    night.run()
    assert night.states() == {"succeeded": 30}


def test_a_wait_beyond_the_moment_ends_with_it(tmp_path: Path) -> None:
    """Asked to wait for a minute, twenty seconds before the end: nothing is sent again, and nobody sleeps on."""
    night = Night(path=tmp_path / "r.db", values=50, scripts={"acme": lambda sent: LATER}, closing=lasting(20))
    summary = night.run()
    assert len(night.sent()) == 1
    assert night.clock.shift_us <= 20e6
    assert summary.stop_reason in (None, "for")
    night.closing = Closing
    night.scripts = {}
    night.run()
    assert night.sent()[0].at >= 39, "the next run keeps to what was asked for"


def test_in_flight_at_the_moment_is_told_and_stored(tmp_path: Path) -> None:
    """An answer that takes longer than all before it is waited for, after the moment too."""
    night = Night(path=tmp_path / "r.db", values=40, slow={"v12": 20.0}, closing=lasting(6), latency=0.3)
    night.providers = (provider(limits=(Limit(at_most=4, per_seconds=1),)),)
    summary = night.run()
    assert summary.stop_reason == "for"
    assert [event.in_flight for event in night.events if isinstance(event, RunStopping)] == [1]
    assert night.states() == {"succeeded": len(night.sent()), "queued": 40 - len(night.sent())}
    assert max(sent.at for sent in night.sent()) < 6 < night.clock.shift_us / 1e6


def test_a_run_that_is_done_earlier_ends_as_usual(tmp_path: Path) -> None:
    """Nothing is waited for."""
    night = Night(path=tmp_path / "r.db", values=10, closing=lasting(3600))
    summary = night.run()
    assert night.states() == {"succeeded": 10}
    assert (summary.stop_reason, [lane.reason for lane in summary.lanes]) == (None, [None])
    assert night.clock.shift_us < 60e6


def test_of_two_moments_the_first_one_ends_it(tmp_path: Path) -> None:
    """Both given, in either order."""
    for number, (until, lasts, reason) in enumerate([(20, 40, "until"), (40, 20, "for")]):

        def both(clock: VirtualClock, until: int = until, lasts: int = lasts) -> Closing:
            return Closing(clock, until_us=clock.now_us() + until * 1_000_000, seconds=lasts)

        night = Night(path=tmp_path / f"{number}.db", values=100, providers=(provider(limits=SLOW),), closing=both)
        assert {lane.reason for lane in night.run().lanes} == {reason}
        assert night.clock.shift_us <= 20e6


@pytest.mark.parametrize(("way", "by", "ends"), [(ending_in, 20, 20), (ending_in, -15, 55), (lasting, 20, 40)])
def test_until_follows_the_wall_clock_and_for_does_not(tmp_path: Path, way: Way, by: int, ends: int) -> None:
    """Set while the lane waits for its gate: `--until` ends by what the clock shows then."""

    async def set_the_clock(store: Store) -> None:
        await anyio.sleep(5)
        night.clock.shift_us += by * 1_000_000

    night = Night(path=tmp_path / "r.db", values=50, scripts={"acme": lambda sent: LATER}, closing=way(40))
    night.during = set_the_clock
    night.run()
    by_monotonic = night.clock.shift_us / 1e6 - by
    assert ends - 1.2 <= by_monotonic <= ends


@pytest.mark.parametrize("way", WAYS)
def test_a_moment_that_was_slept_through_ends_the_run(tmp_path: Path, way: Way) -> None:
    """The machine sleeps over it: nothing leaves after it woke up."""

    async def sleep(store: Store) -> None:
        await anyio.sleep(10)
        night.clock.suspend(8 * 3600)

    night = Night(path=tmp_path / "r.db", values=100, providers=(provider(limits=SLOW),), closing=way(3600))
    night.during = sleep
    night.run()
    assert max(sent.at for sent in night.sent()) < 11.5
    assert night.states() == {"succeeded": len(night.sent()), "queued": 100 - len(night.sent())}


def test_a_moment_that_is_over_sends_nothing(tmp_path: Path) -> None:
    """It came while the run was made ready."""
    night = Night(path=tmp_path / "r.db", values=5, closing=ending_in(-1))
    assert night.run().stop_reason == "until"
    assert night.sent() == []
    assert night.states() == {"queued": 5}


def moody(draw: random.Random, sent: Sent) -> Answer:
    """A provider in every mood."""
    return draw.choice([OK, OK, OK, OK, BUSY, BAD_ROW, DOWN, GARBAGE, LATER, LOST, REFUSED])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    seconds=st.floats(0.5, 400),
    latency=st.floats(0.01, 20),
    way=st.sampled_from(WAYS),
    limits=st.sampled_from([(), SLOW, (Limit(at_most=10, per_seconds=60),)]),
)
def test_nothing_ever_leaves_at_the_moment_or_later(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    seconds: float,
    latency: float,
    way: Way,
    limits: tuple[Limit, ...],
) -> None:
    """Whatever the provider answers and however slowly; and who runs again and again loses nothing and gets done."""
    acme: Provider = provider(limits=limits, safe=True)
    night = Night(path=tmp_path_factory.mktemp("n") / "r.db", values=30, providers=(acme,), latency=latency)
    night.scripts = {"acme": partial(moody, random.Random(seed))}
    night.closing = way(seconds)
    for _ in range(3):
        before = night.clock.shift_us
        if "queued" not in night.states():
            break
        night.run(max_wait_seconds=1e6)
        assert all(sent.at - latency / 2 < seconds for sent in night.sent())
        assert (night.clock.shift_us - before) / 1e6 <= seconds + latency + 1e-3
    assert sum(night.states().values()) == 30
