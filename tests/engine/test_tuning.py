"""`tune` while a run is at work: within a second what leaves goes by the new limits, and by the account's always."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.model import MILLION, Amount, Answer
from runner.domain.provider import Limit
from runner.engine.events import CapsTuned, LaneChanged
from runner.engine.ports import RunOptions
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BUSY, LATER, LOST, OK, Sent, provider

SECOND = 1.0
RATES = {"60/min": (60, 60.0), "20/min": (20, 60.0), "2/s": (2, 1.0), "6/min": (6, 60.0)}


def reread(kept: Mapping[str, Any]) -> RunOptions:
    """As the command line's, of what these tests keep."""
    spend = kept.get("max_spend")
    requests = kept.get("max_requests")
    return RunOptions(
        rate=RATES[kept["rate"]] if "rate" in kept else None,
        in_flight=kept.get("in_flight"),
        max_requests=None if requests is None else {None: requests},
        max_spend=None if spend is None else {None: Amount(spend)},
    )


def tuning(*steps: tuple[float, dict[str, Any]]) -> Callable[[Store], Awaitable[None]]:
    """A person at another terminal: at each time of the run, these settings."""

    async def person(store: Store) -> None:
        batch = store.reports.named("leads")
        assert batch is not None
        for at, changes in steps:
            await anyio.sleep_until(at)
            store.steering.tune(batch.id, changes)

    return person


def night_of(path: Path, *steps: tuple[float, dict[str, Any]], **more: Any) -> Night:
    """A run beside which a person tunes."""
    return Night(path=path / "r.db", during=tuning(*steps), reread=reread, **more)


def left(night: Night) -> list[float]:
    """When each request left."""
    return [sent.at - night.latency / 2 for sent in night.sent()]


def most_in(moments: Sequence[float], seconds: float) -> int:
    """The most in any window of so many seconds."""
    ordered = sorted(moments)
    return max((sum(at <= other < at + seconds for other in ordered) for at in ordered), default=0)


def test_a_slower_rate_holds_within_a_second(tmp_path: Path) -> None:
    """Two a second, then six a minute: from a second after the command on never more than six in any minute."""
    night = night_of(tmp_path, (20.0, {"rate": "6/min"}), values=60, providers=(provider(limits=(_limit(2, 1),)),))
    night.run()
    assert night.states() == {"succeeded": 60}
    after = [at for at in left(night) if at >= 20 + SECOND]
    assert len(after) > 20
    assert most_in(after, 60.0) <= 6
    assert after[0] > 60, "what was sent before counts in the new window"
    assert [event.state for event in night.events if isinstance(event, LaneChanged)][-1] == "done"
    assert [at for (at,) in night.query("SELECT detail FROM v_events WHERE event = 'lane.limits'")] == [
        '{"rate":"2/1 s, 6/60 s","in_flight":8}'
    ]


def test_a_rate_that_is_taken_back_holds_at_once(tmp_path: Path) -> None:
    """Six a minute, then as fast as the account allows: forty more within seconds."""
    night = night_of(tmp_path, (0.0, {"rate": "6/min"}), (30.0, {"rate": None}), values=50)
    night.providers = (provider(limits=(_limit(10, 1),)),)
    night.run(rate=RATES["6/min"])
    assert len([at for at in left(night) if at < 30]) <= 4
    assert max(left(night)) < 60


@pytest.mark.parametrize("rate", [None, "60/min"])
def test_fewer_on_the_way_at_once(tmp_path: Path, rate: str | None) -> None:
    """Several, then one: those on the way are answered, and from then on there is one at most, paced or not."""
    kept = {} if rate is None else {"rate": rate}
    night = night_of(tmp_path, (0.0, kept), (15.0, {"in_flight": 1}), values=60, latency=3.0)
    spans: list[tuple[float, int]] = []

    def script(sent: Sent) -> Answer:
        spans.append((sent.at, night.transports["acme"].in_flight))
        return OK

    night.scripts = {"acme": script}
    night.run()
    assert night.states() == {"succeeded": 60}
    assert max(count for at, count in spans if at < 15) >= 3
    assert max(count for at, count in spans if at > 15 + SECOND + night.latency) == 1


def test_more_on_the_way_at_once(tmp_path: Path) -> None:
    """One, then eight, as many as the profile allows: more workers come, and the list is done the sooner."""
    night = night_of(tmp_path, (0.0, {"in_flight": 1}), (30.0, {"in_flight": 50}), values=80, latency=2.0)
    night.run(in_flight=1)
    assert night.states() == {"succeeded": 80}
    assert night.transports["acme"].most_in_flight == 8
    assert max(left(night)) < 30 + SECOND + 2.0 * 80 / 8 + 4


def test_a_cap_that_is_raised_or_lowered_holds_within_a_second(tmp_path: Path) -> None:
    """Ten, raised to thirty before it is reached; then money for twenty-five."""
    steps = ((2.0, {"max_requests": 30}), (8.0, {"max_spend": 25 * MILLION}))
    night = night_of(tmp_path, (0.0, {"max_requests": 10}), *steps, values=60)
    night.providers = (provider(limits=(_limit(2, 1),)),)
    summary = night.run(max_requests={None: 10})
    tuned = [event for event in night.events if isinstance(event, CapsTuned)]
    assert [(event.max_requests, event.max_spend) for event in tuned] == [(30, ()), (30, ((None, 25 * MILLION),))]
    assert [event.requests_left for event in tuned] == [26, 16]
    assert len(night.sent()) == 25
    assert summary.lanes[0].reason == "max-spend"


def test_what_is_tuned_in_a_wait_holds_after_it(tmp_path: Path) -> None:
    """The lane waits for its gate; workers that are too many leave, and the probe is still made."""
    answers = iter([OK, LATER])
    night = night_of(tmp_path, (20.0, {"in_flight": 1, "rate": "20/min"}), values=12)
    night.scripts = {"acme": lambda sent: next(answers, OK)}
    night.run()
    assert night.states() == {"succeeded": 12}
    assert night.transports["acme"].most_in_flight <= 8
    later = [at for at in left(night) if at > 40]
    assert all(second - first >= 0.2 for first, second in pairwise(later))


STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 120),
        st.fixed_dictionaries(
            {}, optional={"rate": st.sampled_from([*RATES, None]), "in_flight": st.sampled_from([1, 2, 5, 8])}
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), steps=STEPS, latency=st.floats(0.05, 8.0))
def test_however_it_is_tuned_no_window_is_passed_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, seed: int, steps: list[tuple[float, dict[str, Any]]], latency: float
) -> None:
    """The account's windows at the provider, always; the batch's own from a second after each change to the next."""
    draw = random.Random(seed)
    limits = (_limit(3, 2), _limit(30, 60))
    steps = sorted(steps, key=lambda step: step[0])
    night = night_of(tmp_path_factory.mktemp("n"), *steps, values=70, latency=latency)
    night.providers = (replace(provider(limits=limits, safe=True)),)
    night.scripts = {"acme": lambda sent: draw.choice([OK, OK, OK, OK, OK, BUSY, LOST, LATER])}
    night.run(max_wait_seconds=1e6)
    assert set(night.states()) <= {"succeeded", "failed"}
    seen = [sent.at for sent in night.sent()]
    for limit in limits:
        assert most_in(seen, limit.per_seconds) <= limit.at_most
    kept: dict[str, Any] = {}
    for (at, changes), end in zip(steps, [*(step[0] for step in steps[1:]), 1e9], strict=True):
        kept |= changes
        if kept.get("rate") is not None:
            at_most, seconds = RATES[kept["rate"]]
            assert most_in([moment for moment in left(night) if at + SECOND <= moment < end], seconds) <= at_most


def _limit(at_most: int, seconds: float) -> Limit:
    return Limit(at_most=at_most, per_seconds=seconds)
