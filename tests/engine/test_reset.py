"""Used up until midnight UTC: waited for in one run, or parked, whatever the hour, day and month; then hourly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.backoff import next_utc_midnight
from runner.domain.model import MILLION, Action, Answer
from runner.domain.provider import Condition
from runner.engine.ports import RunOptions
from tests.engine.night import Night
from tests.engine.scripted import LATER, OK, Sent, changed, rule
from tests.virtual import NOON_US

USED_UP = Answer(status=403, body=b'{"ok": false, "error": "day"}')
DAILY = rule("day", Action.PAUSE, when=Condition(code=("day",)), until="utc-midnight")
HOUR = 3600.0
RIDE = RunOptions(max_wait_seconds=25 * HOUR)

DAYS = ["2026-11-22", "2026-11-30", "2026-12-31", "2027-02-28", "2028-02-28", "2028-02-29", "2026-03-28", "2026-10-24"]
"""Ends of months and years, leap days, and nights in which clocks are put forward or back somewhere."""

MOMENTS = st.builds(
    lambda day, seconds: datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(seconds=seconds),
    st.sampled_from(DAYS),
    st.one_of(
        st.floats(0, 86_399.9),  # whenever
        st.floats(86_390, 86_399.9),  # right before midnight
        st.floats(0, 10),  # right after it
    ),
)


pytestmark = pytest.mark.usefixtures("seldom")


def night_at(path: Path, moment: datetime, *, values: int = 6) -> Night:
    """A night that begins then."""
    night = Night(path=path / "r.db", values=values, providers=(changed(DAILY),), options=RIDE)
    night.clock.shift_us = round(moment.timestamp() * MILLION) - NOON_US
    return night


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=MOMENTS, late=st.integers(0, 3))
def test_one_run_rides_through_midnight(tmp_path_factory: pytest.TempPathFactory, moment: datetime, late: int) -> None:
    """With `--max-wait 25h`: one request at midnight, one each hour until the provider has reset, the rest."""
    night = night_at(tmp_path_factory.mktemp("n"), moment)
    began_us = NOON_US + night.clock.shift_us
    asked: list[float] = []

    def script(sent: Sent) -> Answer:
        asked.append(began_us / MILLION + sent.at)
        return USED_UP if asked[-1] < midnight() + late * HOUR else OK

    def midnight() -> float:
        """The one after the first refusal was read."""
        return next_utc_midnight(round((asked[0] + night.latency / 2) * MILLION)) / MILLION

    night.scripts = {"acme": script}
    summary = night.run()
    assert (summary.stop_reason, night.states()) == (None, {"succeeded": 6})
    probes = asked[1 : 2 + late]
    assert probes == pytest.approx([midnight() + number * HOUR for number in range(late + 1)], abs=1.5 * (late + 1))
    assert min(probes) >= midnight()
    assert len(asked) == 1 + late + 6, "nothing else was sent while it was used up"
    assert night.query("SELECT max(attempts_spent) FROM v_outcomes") == [(1,)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=MOMENTS)
def test_a_reset_beyond_the_longest_wait_parks_until_midnight(
    tmp_path_factory: pytest.TempPathFactory, moment: datetime
) -> None:
    """By default 15 minutes are waited for: further from midnight the run is over, and knows when to go on."""
    night = night_at(tmp_path_factory.mktemp("n"), moment)
    night.options = RunOptions()
    began_us = NOON_US + night.clock.shift_us
    answers = iter([USED_UP])
    night.scripts = {"acme": lambda sent: next(answers, OK)}
    summary = night.run()
    told_us = began_us + round(night.latency * MILLION)
    midnight_us = next_utc_midnight(told_us)
    if midnight_us - told_us > 901 * MILLION:
        assert len(night.sent()) == 1
        (lane,) = summary.lanes
        assert (lane.state, lane.reason) == ("parked", "day")
        assert lane.until_us == pytest.approx(midnight_us, abs=1000)
        night.run()
        assert night.sent() == [], "before its time the same command sends nothing"
        night.clock.shift_us = midnight_us - NOON_US + MILLION
        night.run()
    elif midnight_us - told_us > 899 * MILLION:
        return  # on the edge
    assert night.states() == {"succeeded": 6}


def test_a_day_that_is_used_up_after_another_refusal_is_waited_for_to_its_end(tmp_path: Path) -> None:
    """A refusal for the pace right before it is another matter: midnight comes first, hours only after it."""
    night = night_at(tmp_path, datetime(2026, 11, 30, 20, 0, tzinfo=UTC))
    answers = iter([OK, LATER, USED_UP, USED_UP])
    night.scripts = {"acme": lambda sent: next(answers, OK)}
    night.providers = (changed(DAILY, in_flight=1),)
    night.run()
    assert night.states() == {"succeeded": 6}
    at = [sent.at / HOUR for sent in night.sent()]
    assert at[2] < 0.1
    assert at[3:5] == pytest.approx([4.0, 5.0], abs=0.01)
