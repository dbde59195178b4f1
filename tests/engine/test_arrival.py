"""`pace = "arrival"`: nearer to a limit a second than strict is, careful once refused, and never later than strict."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from runner.domain.model import Answer
from runner.domain.provider import Limit, Pace
from runner.engine.arrival import Margin
from runner.engine.throttle import Flight, Throttle
from runner.engine.wire import unheard
from tests.engine.night import Night
from tests.engine.scripted import LATER, OK, Sent, provider
from tests.virtual import VirtualClock, run_virtual

TWO_A_SECOND = Limit(at_most=2, per_seconds=1)


@pytest.mark.parametrize(("pace", "seconds"), [(Pace.STRICT, 39), (Pace.ARRIVAL, 31)])
def test_slow_answers_cost_the_round_trip_no_more(tmp_path: Path, pace: Pace, seconds: float) -> None:
    """Forty requests at 2 a second that take a second each: strict needs two seconds for two. What counts from its
    arrival, half a second after it left here, needs 1.6."""
    night = Night(path=tmp_path / "runner.db", values=40, latency=1.0)
    night.providers = (replace(provider(limits=(TWO_A_SECOND,)), pace=pace),)
    night.run()
    stamps = [sent.at for sent in night.sent()]
    assert stamps[-1] == pytest.approx(seconds, abs=1.5)
    assert all(later - first >= 1 for first, later in zip(stamps, stamps[2:], strict=False))


def test_refusals_double_the_margin_and_the_third_makes_it_strict(tmp_path: Path) -> None:
    """Each is an event; a success in between forgives nothing."""
    refused = {5, 9, 14}

    def script(sent: Sent) -> Answer:
        return LATER if len(night.sent()) in refused else OK

    night = Night(path=tmp_path / "runner.db", values=30, scripts={"acme": script}, latency=1.0)
    night.providers = (replace(provider(limits=(TWO_A_SECOND,)), pace=Pace.ARRIVAL),)
    night.run()
    told = night.query("SELECT event, detail FROM events WHERE event LIKE 'pace.%' ORDER BY id")
    assert [(event, json.loads(detail)) for event, detail in told] == [
        ("pace.margin", {"margin_seconds": 0.2}),
        ("pace.margin", {"margin_seconds": 0.4}),
        ("pace.strict", {"refusals": 3}),
    ]
    assert night.states() == {"succeeded": 30}


def test_an_answer_frees_a_place_before_the_margin_has_passed() -> None:
    """Never later than strict: over at the answer, or a margin after the arrival, whichever comes first; and what never
    arrived, or is given up, as in strict."""

    async def over_after(arrives: float | None, answered: float) -> float:
        """When the window has room again, from the sending on."""
        throttle = Throttle([Limit(at_most=1, per_seconds=10)], clock=VirtualClock(), pace=Pace.ARRIVAL)
        begun = anyio.current_time()
        await throttle.acquire()
        flight = Flight([throttle], Margin())
        if arrives is not None:
            await anyio.sleep_until(begun + arrives)
            flight.arrived()
            flight.arrived()
        await anyio.sleep_until(begun + answered)
        flight.over(sent=True)
        flight.arrived()
        (window,) = throttle.statistics()
        assert window.in_flight == 0
        await throttle.acquire()
        return anyio.current_time() - begun - 10

    async def main() -> list[float]:
        return [
            await over_after(1.0, 5.0),
            await over_after(1.0, 1.05),
            await over_after(None, 5.0),
            await over_after(0.5, 30.0),
        ]

    assert run_virtual(main) == pytest.approx([1.1, 1.05, 5.0, 20.0], abs=0.01)


def test_nobody_listens_where_arrivals_do_not_count() -> None:
    """Strict costs the transport nothing."""
    throttle = Throttle([TWO_A_SECOND], clock=VirtualClock())
    assert Flight([throttle]).arrived is unheard
    margin = Margin()
    assert Flight([throttle], margin).arrived is not unheard
    for _ in range(3):
        margin.refused()
    assert Flight([throttle], margin).arrived is unheard
