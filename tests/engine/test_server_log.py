"""The proof of the windows, by the server's own log: never more than N in any W, whatever happens in between."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.provider import Limit, Pace
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import provider
from tests.engine.server import LATENCIES, Trial

WINDOWS = st.lists(
    st.builds(Limit, at_most=st.integers(1, 20), per_seconds=st.sampled_from([0.1, 0.5, 1.0, 6.0, 60.0])),
    min_size=1,
    max_size=3,
)
TRIALS = st.builds(
    Trial,
    limits=WINDOWS,
    pace=st.sampled_from([Pace.STRICT, Pace.ARRIVAL]),
    latency=st.sampled_from(sorted(LATENCIES)),
    mean_seconds=st.sampled_from([0.001, 0.02, 0.15, 1.0]),
    workers=st.integers(1, 12),
    own=st.sampled_from([(), (Limit(at_most=1, per_seconds=1.5),), (Limit(at_most=3, per_seconds=2),)]),
    requests=st.integers(1, 80),
    lives=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)


@settings(max_examples=60, deadline=None)
@given(TRIALS)
def test_no_window_of_the_server_is_ever_exceeded(trial: Trial) -> None:
    """Sliding, fixed at any phase, aligned to its clock: strict, and arrival where the server counts in time."""
    trial.run()
    phases = [0.0, *(random.Random(trial.seed).uniform(0, 60) for _ in range(10))]
    for limit in trial.limits:
        assert trial.worst(limit) <= limit.at_most
        assert max(trial.worst_fixed(limit, phase) for phase in phases) <= limit.at_most


def test_counting_from_the_sending_is_not_enough() -> None:
    """The negative control: at `pace = "sender"` jitter alone exceeds the window of the same server."""
    two = Limit(at_most=2, per_seconds=1)
    assert Trial(limits=[two], pace=Pace.SENDER, requests=300, lives=1, steered=False, seed=1).run().worst(two) > 2


def test_strict_asks_nothing_of_the_server() -> None:
    """It may count when it likes before it answers."""
    two = Limit(at_most=2, per_seconds=1)
    assert Trial(limits=[two], queue_seconds=3.0, requests=300, lives=1, seed=1).run().worst(two) <= 2


def test_arrival_is_what_it_says_and_no_more() -> None:
    """The other control: a server that counts long after it acknowledged is seen too often; lost packets alone do not
    matter."""
    two = Limit(at_most=2, per_seconds=1)
    trial = Trial(limits=[two], pace=Pace.ARRIVAL, requests=400, lives=1, seed=1, steered=False)
    assert replace(trial, latency="lossy").run().worst(two) <= 2
    assert replace(trial, latency="flat", mean_seconds=0.01, queue_seconds=1.0).run().worst(two) > 2


def test_windows_hold_over_a_restart(tmp_path: Path) -> None:
    """Ten a minute, the run stopped and started again: never more than ten in any minute."""

    async def interrupt(store: Store) -> None:
        await anyio.sleep(20)
        night.stop.set("signal:130")

    limits = (Limit(at_most=10, per_seconds=60),)
    night = Night(path=tmp_path / "runner.db", values=30, providers=(provider(limits=limits),), during=interrupt)
    night.run()
    before = [sent.at for sent in night.sent()]
    ended = night.clock.shift_us / 1e6
    night.during = None
    night.run()
    stamps = sorted(before + [ended + sent.at for sent in night.sent()])
    assert len(stamps) == 30
    assert all(later - earlier >= 60 for earlier, later in zip(stamps, stamps[10:], strict=False))
