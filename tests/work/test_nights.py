"""How many nights a list takes: arithmetic on the clock of a place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import MILLION
from runner.errors import ConfigError
from runner.settings import parse_time_of_day
from runner.work.nights import nights

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0


def at(text: str) -> int:
    """Microseconds of a local time in Berlin."""
    return round(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()) * MILLION


def local(at_us: int) -> str:
    """The other way round."""
    return datetime.fromtimestamp(at_us / MILLION, tz=UTC).astimezone(BERLIN).strftime("%Y-%m-%d %H:%M")


def test_two_hundred_thousand_at_sixty_a_minute_take_seven_nights() -> None:
    """56 hours from ten in the evening until seven: six nights of nine hours and a bit of the seventh."""
    found = nights(200_000 / 60 * 60, now_us=at("2026-11-20 22:00"), until=(7, 0), zone=BERLIN)
    assert (found.count, found.begins, found.until, found.seconds) == (7, "22:00", "07:00", 9 * HOUR)
    assert local(found.done_us) == "2026-11-26 23:33"


def test_what_fits_into_this_night_is_one() -> None:
    """Done before the hour, or at it; nothing to do is one night too."""
    now = at("2026-11-20 22:00")
    assert nights(9 * HOUR, now_us=now, until=(7, 0), zone=BERLIN).count == 1
    assert nights(9 * HOUR + 1, now_us=now, until=(7, 0), zone=BERLIN).count == 2
    assert nights(0, now_us=now, until=(7, 0), zone=BERLIN).done_us == now


def test_an_hour_that_is_now_is_tomorrows() -> None:
    """At 07:00 sharp `--until 07:00` is a whole day."""
    assert nights(HOUR, now_us=at("2026-11-20 07:00"), until=(7, 0), zone=BERLIN).seconds == 24 * HOUR


def test_a_night_in_which_the_clocks_change_is_longer_or_shorter() -> None:
    """The hour that is given back in October is there to work in; the one of March is not."""
    assert nights(1, now_us=at("2026-10-24 22:00"), until=(7, 0), zone=BERLIN).seconds == 10 * HOUR
    assert nights(1, now_us=at("2026-03-28 22:00"), until=(7, 0), zone=BERLIN).seconds == 8 * HOUR


@given(
    seconds=st.floats(0, 1e7),
    minute=st.integers(0, 7 * 24 * 60),
    until=st.tuples(st.integers(0, 23), st.integers(0, 59)),
)
def test_nights_are_enough_and_one_less_is_not(seconds: float, minute: int, until: tuple[int, int]) -> None:
    """For every start and end: the work fits into so many nights, and the last one is needed."""
    now_us = round((datetime(2026, 11, 9, tzinfo=UTC) + timedelta(minutes=minute)).timestamp()) * MILLION
    found = nights(seconds, now_us=now_us, until=until, zone=UTC)
    assert 0 < found.seconds <= 24 * HOUR
    assert found.count * found.seconds >= seconds
    assert found.count == 1 or (found.count - 1) * found.seconds < seconds
    begin_of_last = now_us + (found.count - 1) * 24 * 3600 * MILLION
    assert begin_of_last <= found.done_us <= begin_of_last + found.seconds * MILLION + 1


@pytest.mark.parametrize("text", ["", "7", "24:00", "07:60", "7 pm", "-1:00", "07:00:00"])
def test_a_time_of_day_is_hours_and_minutes(text: str) -> None:
    """Anything else is refused with the right form."""
    with pytest.raises(ConfigError) as refused:
        parse_time_of_day(text, name="--until")
    assert refused.value.fix == "--until 07:00"


def test_a_time_of_day_is_read() -> None:
    """With or without the leading zero."""
    assert (parse_time_of_day("07:05", name="x"), parse_time_of_day(" 7:05 ", name="x")) == ((7, 5), (7, 5))
