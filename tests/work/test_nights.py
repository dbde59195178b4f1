"""How many nights a list takes: arithmetic on the clock of a place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.backoff import DAY_US, utc_day
from runner.domain.ledger import Allowance, Budget, Hold
from runner.domain.model import MILLION, Amount, Debited
from runner.errors import ConfigError
from runner.settings import parse_time_of_day
from runner.work.days import LONGEST_US, Course, room_for, through, without_end
from runner.work.limits import Windows
from runner.work.nights import nights
from runner.work.outlook import Day

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3600.0
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")


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


@given(
    zone=st.sampled_from(ZONES),
    hours=st.floats(0, 366 * 24),
    until=st.tuples(st.integers(0, 23), st.integers(0, 59)),
    seconds=st.floats(0, 400 * HOUR),
)
def test_wherever_the_clocks_change_nights_go_on(
    zone: str, hours: float, until: tuple[int, int], seconds: float
) -> None:
    """At any hour of a year, those that come twice among them: a night lasts for a day at most, none ends before it
    begins, and what is done is not done in the past."""
    now_us = at("2026-01-01 00:00") + round(hours * HOUR) * MILLION
    found = nights(seconds, now_us=now_us, until=until, zone=ZoneInfo(zone))
    assert 0 < found.seconds <= 25 * HOUR
    assert found.count >= 1
    # In the last night the clocks may have changed since the first.
    assert found.done_us >= now_us + (seconds - 1) * MILLION - HOUR * MILLION * (found.count > 1)


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_told_apart(fold: int) -> None:
    """At a quarter to three, the first time and the second: what takes ten minutes is done ten minutes later."""
    now_us = round(datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN, fold=fold).timestamp()) * MILLION
    assert nights(600, now_us=now_us, until=(7, 0), zone=BERLIN).done_us == now_us + 600 * MILLION


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


def capped(requests: int, *, today: int | None, each_day: int | None, windows: Windows = ((60, 60.0),)) -> Course:
    """Requests at sixty a minute, of which a day allows only so many."""
    day = Day(
        provider="acme",
        unit="check",
        cap=Decimal(1),
        left=Decimal(1),
        requests_left=today,
        requests=each_day,
    )
    return Course(requests=requests, windows=windows, day=day)


def test_a_day_that_is_capped_makes_a_list_longer() -> None:
    """2,500 at 1,000 a day, of which 200 are left today: the third day from now is the last, at 00:04 UTC."""
    now = at("2026-11-20 13:00")  # 12:00 UTC
    _, done_us = through(capped(2_500, today=200, each_day=1_000), without_end(now), now_us=now)
    assert local(done_us) == "2026-11-23 01:04"  # 300 in 4 minutes and a bit after midnight UTC
    _, done_us = through(capped(2_500, today=None, each_day=None), without_end(now), now_us=now)
    assert local(done_us) == "2026-11-20 13:41"


def test_nights_over_midnight_share_their_days() -> None:
    """From 22:00 to 07:00 in Berlin midnight UTC comes at one: each night has a new day's 100, the first 50 before."""
    now = at("2026-11-20 22:00")
    course = capped(700, today=50, each_day=100)
    found = nights(700.0, now_us=now, until=(7, 0), zone=BERLIN, courses=[course])
    assert (found.count, local(found.done_us)) == (7, "2026-11-27 01:00")  # 50 + 100, then 100 a night
    assert nights(700.0, now_us=now, until=(7, 0), zone=BERLIN).count == 1


@given(requests=st.integers(1, 500), today=st.integers(0, 50), each_day=st.integers(1, 50), minute=st.integers(0, 1439))
def test_days_are_enough_and_one_less_is_not(requests: int, today: int, each_day: int, minute: int) -> None:
    """Where nothing but the cap bounds them: on the day of the last request there was no room for it the day before."""
    now_us = at("2026-11-20 01:00") + minute * 60 * MILLION  # midnight UTC and on
    course = capped(requests, today=today, each_day=each_day, windows=())
    _, done_us = through(course, without_end(now_us), now_us=now_us)
    later = utc_day(done_us) - utc_day(now_us)
    assert today + later * each_day >= requests
    assert not later or today + (later - 1) * each_day < requests
    assert done_us == (now_us if not later else utc_day(done_us) * DAY_US)


def test_a_hundred_years_are_the_longest() -> None:
    """One a day for a million rows: it is said to take that long, at once."""
    now = at("2026-11-20 22:00")
    _, done_us = through(capped(1_000_000, today=1, each_day=1), without_end(now), now_us=now)
    assert done_us - now == LONGEST_US


@given(cap=st.integers(0, 60), low=st.integers(0, 5), more=st.integers(0, 4))
def test_room_is_for_as_many_as_a_run_would_send(cap: int, low: int, more: int) -> None:
    """As the caps count: held at the most it may cost, then charged what it costs."""
    most = low + more
    budget = Budget(allowances={("acme", "check"): Allowance(Amount(cap))})
    sent = 0
    while sent < 100:
        hold = budget.hold("acme", Amount(most), unit="check")
        if not isinstance(hold, Hold):
            break
        budget.settle(hold, sent=True, debited=Debited.YES, amount=Amount(low))
        sent += 1
    found = room_for(Decimal(cap), each=Decimal(low), most=Decimal(most))
    assert sent == (100 if found is None else min(100, found))
