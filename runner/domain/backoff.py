"""How long to wait: backoff of a job, waits of a lane, and what a provider's `Retry-After` means.

Pure: the draw of chance is an argument in [0, 1).
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DAY_US = 86_400_000_000
WEEK_SECONDS = 7 * 86_400.0
CIRCUIT_LOUD_CAP_SECONDS = 45.0
CIRCUIT_SILENT_CAP_SECONDS = 600.0


def full_jitter(tries: int, *, base_seconds: float, cap_seconds: float, chance: float) -> float:
    """Backoff before try `tries + 1`: the cap first, then the whole range, so that workers never wake together."""
    return chance * min(cap_seconds, base_seconds * 2.0 ** min(max(tries - 1, 0), 64))


def circuit_wait(failures: int, *, silent: bool, chance: float) -> float:
    """Wait before the next probe of a lane in trouble: doubles from 1 s to 45 s, or to 10 min where requests vanish
    (each may be charged). At least half of it is waited, so that probes never bunch."""
    cap = CIRCUIT_SILENT_CAP_SECONDS if silent else CIRCUIT_LOUD_CAP_SECONDS
    ceiling = min(cap, 2.0 ** min(max(failures - 1, 0), 32))
    return ceiling * (0.5 + chance / 2)


def gate_wait(
    refusals: int,
    *,
    wait_seconds: float | None,
    wait_cap_seconds: float | None,
    retry_after_seconds: float | None,
    chance: float,
) -> float:
    """How long a lane stays shut after its `refusals`-th refusal in a row.

    A rule's fixed wait gets up to a second on top; a range doubles with each refusal, with jitter. The provider's own
    word is a floor that is never shortened; the least wait is one second.
    """
    lowest = 60.0 if wait_seconds is None else wait_seconds
    if wait_cap_seconds is None:
        wait = lowest + chance
    else:
        ceiling = min(wait_cap_seconds, lowest * 2.0 ** min(max(refusals - 1, 0), 32))
        wait = max(lowest, ceiling * (0.5 + chance / 2))
    if retry_after_seconds is not None:
        wait = retry_after_seconds + chance
    return max(1.0, wait)


def parse_retry_after(raw: str | None, *, now_us: int, unix: bool = False) -> float | None:
    """Seconds to wait from now, at least 1; None for what is not digits or an HTTP date, or lies beyond 7 days.

    `unix` reads the number as an instant (seconds since the epoch), as `X-RateLimit-Reset` does.
    """
    if raw is None:
        return None
    text = raw.strip()
    if text.isascii() and text.isdigit():
        if len(text) > 12:
            return None
        seconds = float(int(text)) - (now_us / 1e6 if unix else 0.0)
    elif unix:
        return None
    else:
        instant = _http_date(text)
        if instant is None:
            return None
        seconds = instant.timestamp() - now_us / 1e6
    return None if seconds > WEEK_SECONDS else max(1.0, seconds)


def _http_date(text: str) -> datetime | None:
    if len(text) > 64:
        return None
    try:
        parsed = parsedate_to_datetime(text)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def utc_day(now_us: int) -> int:
    """The UTC day of an instant, as whole days since the epoch."""
    return now_us // DAY_US


def next_utc_midnight(now_us: int) -> int:
    """The first instant of the next UTC day, in microseconds."""
    return (utc_day(now_us) + 1) * DAY_US
