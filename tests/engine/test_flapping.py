"""A provider that comes and goes, in any rhythm: never a storm, whatever its trouble looks like."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.model import Action, Answer, Debited
from runner.domain.provider import Condition, Limit
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BUSY, DOWN, LOST, OK, REFUSED, Sent, changed, rule

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


@pytest.mark.parametrize("trouble", [BUSY, DOWN])
@pytest.mark.parametrize("values", [16, 17])
def test_a_bad_row_at_the_end_of_a_list_is_not_asked_for_ever(tmp_path: Path, trouble: Answer, values: int) -> None:
    """It failed before an outage, and too few rows are left to prove the provider well: spared once, then it fails."""

    def script(sent: Sent) -> Answer:
        if sent.value == "v2":
            return trouble
        return REFUSED if 2.0 <= sent.at < 20.0 else OK

    acme = changed(RESENT, in_flight=2, limits=(Limit(at_most=8, per_seconds=1),))
    night = Night(path=tmp_path / "r.db", values=values, providers=(acme,), scripts={"acme": script})

    async def give_up(_: Store) -> None:
        await anyio.sleep(300.0)
        night.stop.set("interrupted")

    night.during = give_up
    assert night.run().stop_reason is None
    assert night.states() == {"succeeded": values - 1, "failed": 1}
    assert len([sent for sent in night.sent() if sent.value == "v2" and sent.at > 20.0]) <= acme.retry.attempts
    released = "SELECT min(coalesce(wait_seconds, 0)) FROM attempts WHERE rule IN ('busy', 'down') AND NOT spent"
    assert night.query(released)[0][0] > 0  # how long it waits is on record: a clock that is set changes nothing
