"""The next time that a clock shows an hour: in places whose clocks jump, and on the nights in which they do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import MILLION
from runner.work.until import next_moment

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
DAY = 86_400


@contextmanager
def living_in(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        try:
            yield
        finally:
            patch.undo()
            time.tzset()


def at(text: str, zone: str = "UTC", fold: int = 0) -> int:
    """Microseconds of a local time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()) * MILLION


def utc(at_us: int) -> str:
    """The other way round."""
    return datetime.fromtimestamp(at_us / MILLION, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("zone", "now", "found"),
    [
        # Put forward: 02:30 is never shown; the jump is at 01:00, 07:00 and, by half an hour only, 15:30 UTC.
        ("Europe/Berlin", "2026-03-28 22:00", "2026-03-29 01:00:00"),
        ("America/New_York", "2026-03-07 22:00", "2026-03-08 07:00:00"),
        ("Australia/Lord_Howe", "2026-10-03 22:00", "2026-10-03 15:30:00"),
        ("Asia/Kolkata", "2026-03-28 22:00", "2026-03-28 21:00:00"),
        ("America/Sao_Paulo", "2026-03-28 22:00", "2026-03-29 05:30:00"),
        # An ordinary night, and a time of day that is now.
        ("Europe/Berlin", "2026-06-01 22:00", "2026-06-02 00:30:00"),
        ("Europe/Berlin", "2026-06-01 02:30", "2026-06-02 00:30:00"),
        ("America/New_York", "2026-06-01 02:29", "2026-06-01 06:30:00"),
    ],
)
def test_half_past_two_is_well_defined_in_every_night(
    zone: str, now: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a zone that is given, and by the machine's."""
    now_us = at(now, zone)
    assert utc(next_moment((2, 30), now_us=now_us, zone=ZoneInfo(zone))) == found
    with living_in(zone, monkeypatch):
        assert utc(next_moment((2, 30), now_us=now_us)) == found


@pytest.mark.parametrize(
    ("zone", "wanted", "evening", "first", "second"),
    [
        ("Europe/Berlin", (2, 30), "2026-10-24 22:00", "2026-10-25 00:30:00", "2026-10-25 01:30:00"),
        ("America/New_York", (1, 30), "2026-10-31 22:00", "2026-11-01 05:30:00", "2026-11-01 06:30:00"),
        ("Australia/Lord_Howe", (1, 45), "2026-04-04 22:00", "2026-04-04 14:45:00", "2026-04-04 15:15:00"),
    ],
)
def test_an_hour_that_comes_twice_ends_a_run_at_the_next_of_the_two(
    zone: str, wanted: tuple[int, int], evening: str, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before both the first, between them the second, after them tomorrow's."""
    with living_in(zone, monkeypatch):
        found = next_moment(wanted, now_us=at(evening, zone))
        assert utc(found) == first
        found = next_moment(wanted, now_us=found)
        assert utc(found) == second
        assert found + 20 * 3600 * MILLION < next_moment(wanted, now_us=found) <= found + DAY * MILLION


@given(
    zone=st.sampled_from([ZoneInfo(name) for name in ZONES]),
    now=st.integers(at("2024-01-01") // MILLION, at("2027-12-31") // MILLION),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_it_is_the_first_instant_at_which_the_clock_has_come_to_it(
    zone: tzinfo, now: int, hour: int, minute: int
) -> None:
    """A minute's walk from now on meets no earlier one; a second before it the clock shows less."""
    found = next_moment((hour, minute), now_us=now * MILLION, zone=zone) // MILLION
    assert now < found <= now + 25 * 3600
    shown = datetime.fromtimestamp(found, tz=UTC).astimezone(zone)
    before = datetime.fromtimestamp(found - 1, tz=UTC).astimezone(zone)
    jump = (shown.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
    wanted = shown.replace(hour=hour, minute=minute, second=0, tzinfo=None)
    assert before.replace(tzinfo=None) < wanted <= shown.replace(tzinfo=None) or wanted.hour == wanted.minute == 0
    assert shown.replace(tzinfo=None) == wanted or jump > timedelta()
    for second in range(now - now % 60 + 60, found, 60):
        walked = datetime.fromtimestamp(second, tz=UTC).astimezone(zone)
        assert (walked.hour, walked.minute) != (hour, minute)
