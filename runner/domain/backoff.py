"""How long to wait: backoff of a job, waits of a lane, and what a provider's `Retry-After` means.

Pure: the draw of chance is an argument in [0, 1).
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from runner.domain.model import Verdict

DAY_US = 86_400_000_000
WEEK_SECONDS = 7 * 86_400.0
CIRCUIT_LOUD_CAP_SECONDS = 45.0
CIRCUIT_SILENT_CAP_SECONDS = 600.0

_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_TIME: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_HTTP_DATES: Final = (
    re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{{2}} {_MONTH} [1-9][0-9]{{3}} {_TIME} GMT"),
    re.compile(rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [0-9]{{2}}-{_MONTH}-[0-9]{{2}} {_TIME} GMT"),
    re.compile(rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} [ 0-9][0-9] {_TIME} [1-9][0-9]{{3}}"),
)
"""IMF-fixdate, and the obsolete forms of RFC 850 and asctime."""


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
    word is a floor that is never shortened, and once it holds in the rule's place. A probe that comes back refused has
    proved it too short: from the second refusal on neither is shortened. The least wait is one second.
    """
    lowest = 60.0 if wait_seconds is None else wait_seconds
    if wait_cap_seconds is None:
        wait = lowest + chance
    else:
        ceiling = min(wait_cap_seconds, lowest * 2.0 ** min(max(refusals - 1, 0), 32))
        wait = max(lowest, ceiling * (0.5 + chance / 2))
    if retry_after_seconds is not None:
        told = retry_after_seconds + chance
        wait = told if refusals <= 1 else max(told, wait)
    return max(1.0, wait)


def asked_seconds(verdict: Verdict, *, now_us: int) -> float | None:
    """How long the provider asks to wait, at least 1; None: it says nothing that can be read, or it is beyond 7 days.

    The first header of the profile that can be read decides; where it came twice, the longer of them.
    """
    readable: dict[int, float] = {}
    for word in verdict.retry_after:
        seconds = parse_retry_after(word.raw, now_us=now_us, unix=word.unix, told_at=verdict.told_at)
        if seconds is not None:
            readable[word.place] = max(seconds, readable.get(word.place, 0.0))
    return readable[min(readable)] if readable else None


def parse_retry_after(raw: str | None, *, now_us: int, unix: bool = False, told_at: str | None = None) -> float | None:
    """Seconds to wait from now, at least 1; None for what is not digits or an HTTP date, or lies beyond 7 days.

    `unix` reads the number as an instant (seconds since the epoch), as `X-RateLimit-Reset` does. An instant is the
    provider's: `told_at`, the `Date` of its answer, is its clock. Where that and ours differ, the longer wait holds.
    """
    text = (raw or "").strip(" \t")
    if _DIGITS.fullmatch(text):
        if not unix:
            return _believed(float(text))
        instant = float(text)
    elif unix or (date := _http_date(text)) is None:
        return None
    else:
        instant = date
    clocks = [now_us / 1e6]
    if told_at is not None and (theirs := _http_date(told_at.strip(" \t"))) is not None:
        clocks.append(theirs)
    return max((wait for now in clocks if (wait := _believed(instant - now)) is not None), default=None)


def _believed(seconds: float) -> float | None:
    return None if seconds > WEEK_SECONDS else max(1.0, seconds)


def _http_date(text: str) -> float | None:
    """Seconds since the epoch, of the three forms of RFC 9110; the library alone would read much else as a date."""
    if not any(form.fullmatch(text) for form in _HTTP_DATES):
        return None
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:  # 31 February
        return None
    return parsed.replace(tzinfo=UTC).timestamp()


def utc_day(now_us: int) -> int:
    """The UTC day of an instant, as whole days since the epoch."""
    return now_us // DAY_US


def next_utc_midnight(now_us: int) -> int:
    """The first instant of the next UTC day, in microseconds."""
    return (utc_day(now_us) + 1) * DAY_US
