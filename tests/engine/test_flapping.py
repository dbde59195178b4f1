"""A provider that comes and goes, in any rhythm: never a storm, whatever its trouble looks like."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.model import Action, Answer, Debited
from runner.domain.provider import Condition, Limit
from tests.engine.night import DOWN, LOST, OK, REFUSED, Night, Sent, changed, rule

IN_FLIGHT = 4
TRIP = 5
RESENT = rule("down", Action.RETRY, Debited.UNKNOWN, when=Condition(status_classes=frozenset({5})), resend=True)

slow_tests = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def flapping(folder: str, trouble: Answer, *, up: float, down: float, values: int = 60) -> Night:
    """Up for so long, down for so long, and again; up for good after half an hour."""

    def script(sent: Sent) -> Answer:
        return trouble if sent.at < 1800 and sent.at % (up + down) >= up else OK

    acme = changed(RESENT, in_flight=IN_FLIGHT, limits=(Limit(at_most=20, per_seconds=10),))
    night = Night(path=Path(folder) / "r.db", values=values, providers=(acme,), scripts={"acme": script}, timeout=10.0)
    night.run()
    return night


def worst(night: Night, *, up: float, down: float) -> int:
    """The most requests that one time of trouble met."""
    met: dict[int, int] = {}
    for sent in night.sent():
        if sent.at < 1800 and sent.at % (up + down) >= up:
            cycle = int(sent.at // (up + down))
            met[cycle] = met.get(cycle, 0) + 1
    return max(met.values(), default=0)


@slow_tests
@given(
    trouble=st.sampled_from([REFUSED, DOWN, LOST]),
    up=st.floats(0.5, 60.0),
    down=st.floats(0.5, 400.0),
)
def test_each_time_of_trouble_meets_few_requests(trouble: Answer, up: float, down: float) -> None:
    """In flight, five, and one for each wait of it; waits double, so their number grows slowly up to one in 22 s."""
    with tempfile.TemporaryDirectory() as folder:
        night = flapping(folder, trouble, up=up, down=down)
        assert worst(night, up=up, down=down) <= IN_FLIGHT + TRIP + 7 + down / 22
        assert not night.states()["queued"]


@pytest.mark.parametrize("trouble", [REFUSED, DOWN])
def test_a_rhythm_of_seconds_burns_no_row(tmp_path: Path, trouble: Answer) -> None:
    """Up for two seconds, down for twenty, again and again: what fails at each turn is put down to the provider."""
    night = flapping(str(tmp_path), trouble, up=2.0, down=20.0)
    assert night.states() == {"succeeded": 60}


@pytest.mark.parametrize("bad", [("v1",), ("v5", "v6")])
def test_a_bad_row_keeps_no_circuit_shut(tmp_path: Path, bad: tuple[str, ...]) -> None:
    """Rows that always fail meet an outage: whichever goes first when it is over, the others are not kept waiting."""

    def script(sent: Sent) -> Answer:
        return REFUSED if sent.value in bad or 1.0 < sent.at < 300 else OK

    night = Night(
        path=tmp_path / "r.db", values=60, providers=(changed(RESENT, in_flight=IN_FLIGHT),), scripts={"acme": script}
    )
    night.run()
    assert night.states() == {"succeeded": 60 - len(bad), "failed": len(bad)}
    assert night.sent()[-1].at < 300 + 45 + 60
