"""How many nights a list takes, if each run begins at the same time of day and ends at another. Pure arithmetic."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo

from runner.domain.model import MILLION
from runner.work.results import Nights


def nights(seconds: float, *, now_us: int, until: tuple[int, int], zone: tzinfo | None = None) -> Nights:
    """`seconds` at the limits, cut into runs from now's time of day to the next `until` (hour, minute).

    `zone`: whose clock is meant; None: this machine's.
    """
    begins = datetime.fromtimestamp(now_us / MILLION, tz=UTC).astimezone(zone).replace(tzinfo=None)
    ends = begins.replace(hour=until[0], minute=until[1], second=0, microsecond=0)
    if ends <= begins:
        ends += timedelta(days=1)
    night = _instant(ends, zone) - _instant(begins, zone)  # instants: a night in which the clocks change is as long
    count = max(1, math.ceil(seconds / night))
    last = _instant(begins + timedelta(days=count - 1), zone)
    return Nights(
        begins=f"{begins:%H:%M}",
        until=f"{ends:%H:%M}",
        seconds=night,
        count=count,
        done_us=round((last + seconds - (count - 1) * night) * MILLION),
    )


def _instant(local: datetime, zone: tzinfo | None) -> float:
    return local.replace(tzinfo=zone).timestamp()
