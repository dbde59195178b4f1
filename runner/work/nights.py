"""How many nights a list takes, if each run begins at the same time of day and ends at another. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from runner.domain.model import MILLION
from runner.work.days import Course, Span, through
from runner.work.outlook import Nights


def nights(
    seconds: float,
    *,
    now_us: int,
    until: tuple[int, int],
    zone: tzinfo | None = None,
    courses: Sequence[Course] = (),
) -> Nights:
    """`seconds` at the limits, cut into runs from now's time of day to the next `until` (hour, minute).

    `zone`: whose clock is meant; None: this machine's. `courses`: requests that a day's cap may make longer.
    """
    begins = datetime.fromtimestamp(now_us / MILLION, tz=UTC).astimezone(zone).replace(tzinfo=None)
    ends = begins.replace(hour=until[0], minute=until[1], second=0, microsecond=0)
    if ends <= begins:
        ends += timedelta(days=1)
    night = _instant(ends, zone) - _instant(begins, zone)  # instants: a night in which the clocks change is as long
    count = max(1, math.ceil(seconds / night))
    later = begins + timedelta(days=count - 1)
    last = _instant(later if count > 1 else begins, zone)  # a sum forgets which of two equal hours it is
    done_us = round((last + seconds - (count - 1) * night) * MILLION)
    for course in courses:
        number, at_us = through(course, _spans(begins, ends, zone), now_us=now_us)
        count, done_us = max(count, number + 1), max(done_us, at_us)
    return Nights(begins=f"{begins:%H:%M}", until=f"{ends:%H:%M}", seconds=night, count=count, done_us=done_us)


def _spans(begins: datetime, ends: datetime, zone: tzinfo | None) -> Iterator[Span]:
    """One night after the other."""
    while True:
        yield round(_instant(begins, zone) * MILLION), round(_instant(ends, zone) * MILLION)
        begins, ends = begins + timedelta(days=1), ends + timedelta(days=1)


def _instant(local: datetime, zone: tzinfo | None) -> float:
    return local.replace(tzinfo=zone).timestamp()
