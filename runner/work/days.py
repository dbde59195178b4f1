"""How long requests take where an account may spend only so much in a UTC day. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from runner.domain.backoff import DAY_US, next_utc_midnight, utc_day
from runner.domain.model import MILLION
from runner.work.limits import Windows, seconds_within
from runner.work.outlook import Day, Lane

Span = tuple[int, int]
"""A time at work, from and until: microseconds since the epoch."""

LONGEST_US: Final = 36_525 * DAY_US
"""A hundred years: whatever takes longer is said to take that long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Requests of one account, and what bounds them."""

    requests: int
    windows: Windows
    day: Day


def courses_of(lanes: Iterable[Lane]) -> list[Course]:
    """What is to be asked of accounts whose days are capped."""
    return [
        Course(requests=sum(one.requests for one in lane.asked if one.unit == day.unit), windows=lane.windows, day=day)
        for lane in lanes
        for day in lane.days
    ]


def room_for(room: Decimal, *, each: Decimal, most: Decimal) -> int | None:
    """How many requests that probably cost `each`, and at most `most`, an amount has room for; None: without end.

    A request needs as much room as it may cost, and takes up what it did cost.
    """
    if not most:
        return None
    if room < most:
        return 0
    return math.floor((room - most) / each) + 1 if each else None


def without_end(now_us: int) -> list[Span]:
    """At work from now on."""
    return [(now_us, now_us + LONGEST_US)]


def through(course: Course, spans: Iterable[Span], *, now_us: int) -> tuple[int, int]:
    """The number of the span (from 0) in which the last request is sent, and when."""
    rooms = {utc_day(now_us): course.day.requests_left}
    left, number, stop_us = course.requests, 0, now_us
    for number, span in enumerate(spans):
        for at_us, stop_us in _days(span):
            day = utc_day(at_us)
            room = rooms.setdefault(day, course.day.requests)
            fitting = [left, _admitted(course.windows, (stop_us - at_us) / MILLION), room]
            taken = min(one for one in fitting if one is not None)
            left -= taken
            if not left:
                return number, at_us + round(seconds_within(course.windows, taken) * MILLION)
            rooms[day] = None if room is None else room - taken
        if stop_us - now_us >= LONGEST_US:
            break
    return number, stop_us


def _days(span: Span) -> Iterator[Span]:
    """The pieces of a span that lie in one UTC day."""
    at_us, end_us = span
    while at_us < end_us:
        stop_us = min(end_us, next_utc_midnight(at_us))
        yield at_us, stop_us
        at_us = stop_us


def _admitted(windows: Windows, seconds: float) -> int | None:
    """How many requests the windows let through in so many seconds; None: without end."""
    return min((math.floor(seconds / per + 1) * at_most for at_most, per in windows), default=None)
