"""When a clock on the wall next shows a time of day. Pure arithmetic."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from runner.domain.model import MILLION

_DAYS = range(-1, 3)


def next_moment(time_of_day: tuple[int, int], *, now_us: int, zone: tzinfo | None = None) -> int:
    """The first instant after now at which the local clock shows this hour and minute, in microseconds since the epoch.

    In the night in which clocks are put forward it may never show it: then it is the instant at which they are. In the
    night in which they are put back it may show it twice: the next one counts, whichever of the two that is.
    `zone`: whose clock is meant; None: this machine's.
    """
    today = datetime.fromtimestamp(now_us / MILLION, tz=UTC).astimezone(zone).date()
    wanted = time(*time_of_day)
    moments = {moment for day in _DAYS for moment in _shown(today + timedelta(days=day), wanted, zone)}
    return min(moment for moment in (second * MILLION for second in moments) if moment > now_us)


def _shown(day: date, wanted: time, zone: tzinfo | None) -> set[int]:
    """When the clock shows it on this day, in seconds since the epoch: once, twice, or where it jumps over it."""
    first, second = (
        round(datetime.combine(day, wanted, tzinfo=zone).replace(fold=fold).timestamp()) for fold in (0, 1)
    )
    if first <= second:
        return {first, second}
    # A gap: the readings of before and after it lie on either side of the jump.
    early, late = second, first
    before = _offset(early, zone)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if _offset(middle, zone) == before else (early, middle)
    return {late}


def _offset(second: int, zone: tzinfo | None) -> timedelta | None:
    return datetime.fromtimestamp(second, tz=UTC).astimezone(zone).utcoffset()
