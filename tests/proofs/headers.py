"""Headers that say how long to wait or how fast to ask, in every form that came to mind: none raises, none shortens a
wait below the policy."""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from math import inf
from pathlib import Path

from runner.domain.backoff import WEEK_SECONDS, asked_seconds, gate_wait
from runner.domain.body import parse_body
from runner.domain.hints import LONGEST_WINDOW_SECONDS, MOST_REQUESTS, read_hints
from runner.domain.model import Answer
from runner.domain.provider import Operation, Provider
from runner.domain.rules import classify
from runner.engine.headroom import Headroom
from runner.providers.loader import load_shipped, shipped_names
from tests.proofs.place import draw, holds
from tests.virtual import NOON_US

NOON = NOON_US // 1_000_000

Said = tuple[str, float | None]
"""A value, and the seconds that it asks for; None: nothing that can be read."""


def headers(folder: Path, *, seed: int, values: int) -> str:
    """Each value as the wait of a refusal by each shipped provider in turn, and as a hint; `folder` is not used."""
    chance = draw(seed)
    providers = [load_shipped(name) for name in shipped_names()]
    met: Counter[str] = Counter()
    for number in range(values):
        met[_wait(chance, providers[number % len(providers)])] += 1
        met[_hint(chance)] += 1
    holds(f"forms that never came up: {met}", all(met[form] for form in ("read", "unread", "room", "policy", "silent")))
    forms = ", ".join(f"{count} {form}" for form, count in sorted(met.items()))
    return f"{values} waits and as many hints, none raised, none shortened a wait: {forms}"


def _wait(chance: random.Random, provider: Provider) -> str:
    """One refusal with one to three wait headers; the wait against what they ask for by their making."""
    lines: list[tuple[str, str]] = []
    expected: list[tuple[int, float]] = []
    for place, header in enumerate(provider.http.wait_headers):
        for _ in range(chance.choice((0, 1, 1, 2))):
            raw, seconds = _unix(chance) if header.form == "unix" else chance.choice(_WAITS)(chance)
            lines.append(((header.header or "").lower(), raw))
            if seconds is not None:
                expected.append((place, max(1.0, seconds)))
    operation: Operation = next(iter(provider.operations.values()))
    answer = Answer(status=429, headers=tuple(lines), body=b"")
    verdict = classify(provider, operation, answer, parse_body(answer))
    asked = asked_seconds(verdict, now_us=NOON_US)
    first = min((place for place, _ in expected), default=None)
    longest = max((seconds for place, seconds in expected if place == first), default=None)
    holds(f"{lines} ask for {asked}, not {longest}", (asked is None) == (longest is None) and _equal(asked, longest))
    for refusals in (1, 2, 7):
        wait = gate_wait(
            refusals,
            wait_seconds=verdict.wait_seconds,
            wait_cap_seconds=verdict.wait_cap_seconds,
            retry_after_seconds=asked,
            chance=chance.random(),
        )
        policy = verdict.wait_seconds or 60.0
        least = max(1.0, asked if asked is not None else policy, policy if refusals > 1 else 1.0)
        holds(f"{lines}: {wait} s after refusal {refusals}, not {least}", least <= wait <= WEEK_SECONDS + 1)
    return "read" if asked is not None else "unread"


def _hint(chance: random.Random) -> str:
    """One answer with some rate limit headers; what they come to never lets anything go earlier."""
    lines = chance.choice(_FAMILIES)(_figure(chance), _figure(chance))
    for _ in range(chance.choice((0, 0, 1, 2))):
        name, value = chance.choice(_NAMES), chance.choice(_HINTS)(chance)
        lines = [*lines, (name, value)] if chance.random() < 0.7 else [(one, value) for one, _ in lines]
    hints = read_hints(lines, now_us=NOON_US)
    if hints is None:
        return "silent"
    for room in hints.rooms:
        holds(f"{lines}: {room}", room.remaining >= 0 and 0 < room.reset_seconds < inf)
    for at_most, seconds in hints.policies:
        within = 1 <= at_most <= MOST_REQUESTS and 0 < seconds <= LONGEST_WINDOW_SECONDS
        holds(f"{lines}: {at_most} in {seconds} s", within)
    headroom, now = Headroom(), 1000.0
    headroom.tell(hints.rooms, sent_at=now, now=now, bound=60.0)
    room_at = headroom.room_at(now)
    empty = [room.reset_seconds for room in hints.rooms if room.remaining == 0]
    least = now + min(60.0, max(empty, default=0.0))
    holds(f"{lines}: room at {room_at - now} s, not {least - now}", least - 1e-6 <= room_at <= now + 60.0)
    return "room" if hints.rooms else "policy"


def _equal(one: float | None, other: float | None) -> bool:
    return one is None or other is None or abs(one - other) < 1e-3


def _seconds(chance: random.Random) -> Said:
    number = chance.choice((0, 1, 5, 59, 60, 900, 604_800, 604_801, 9_999_999_999, chance.randrange(10**6)))
    return _padded(
        chance, "0" * chance.choice((0, 0, 1)) * (number < 10**6) + str(number)
    ), number if number <= WEEK_SECONDS else None


def _date(chance: random.Random) -> Said:
    """IMF-fixdate, RFC 850 or asctime, from a year ago to some weeks ahead."""
    ahead = chance.choice((chance.randrange(-366 * 86_400, 0), chance.randrange(900), chance.randrange(21 * 86_400)))
    at = datetime.fromtimestamp(NOON + ahead, UTC)
    fixed = format_datetime(at, usegmt=True)
    rfc_850, asctime = f"{at:%A, %d-%b-%y %H:%M:%S} GMT", f"{at:%a %b} {at.day:2d} {at:%H:%M:%S %Y}"
    return _padded(chance, chance.choice((fixed, rfc_850, asctime))), ahead if ahead <= WEEK_SECONDS else None


def _unix(chance: random.Random) -> Said:
    ahead = chance.choice((0, -5, 42, 86_400, 604_800, 604_801, chance.randrange(-(10**9), 10**6)))
    if chance.random() < 0.3:
        return chance.choice(_GARBAGE)(chance), None
    return _padded(chance, str(NOON + ahead)), ahead if ahead <= WEEK_SECONDS else None


def _padded(chance: random.Random, text: str) -> str:
    return chance.choice(("", "", " ", "\t")) + text + chance.choice(("", "", " ", "\t "))


def _odd(chance: random.Random) -> str:
    return chance.choice(_ODD)


def _junk(chance: random.Random) -> str:
    """Any characters, controls and letters of other scripts among them; never all digits."""
    alphabet = string.printable + "\x00\x1b\x7f\u0663\u00b2\u2028\ud800"
    return "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 40))) + "x"


def _long(chance: random.Random) -> str:
    return chance.choice("0123456789") * chance.choice((11, 300, 5000, 100_000))


def _broken_date(chance: random.Random) -> str:
    """A date with one character changed, left out or doubled such that it is no HTTP date any more."""
    text, at = "Fri, 15 Jan 2027 08:01:00 GMT", chance.randrange(29)
    return chance.choice((text[:at] + "@" + text[at + 1 :], text[:at] + "\u0663" + text[at:], text + " " + text))


_ODD = (
    *("", "-1", "+5", "5.5", "1_0", "1e3", "nan", "inf", "-inf", "0x10", "soon", "\u0663\u0660", "5,5", "5;6", "5 6"),
    *("Wed, 21 Oct 99999 07:28:00 GMT", "Fri, 31 Feb 2027 07:28:00 GMT", "Fri, 15 Jan 2027 25:61:61 GMT", "2027-01-15"),
    *("15 Jan 2027 08:01:00 GMT", "Fri, 15 Jan 2027 08:01:00 +0100", "Fri, 15 Jan 0000 08:01:00 GMT", "\x00", "5\r\n"),
)
_GARBAGE: tuple[Callable[[random.Random], str], ...] = (_odd, _junk, _long, _broken_date)


def _garbage(chance: random.Random) -> Said:
    return chance.choice(_GARBAGE)(chance), None


_WAITS: tuple[Callable[[random.Random], Said], ...] = (_seconds, _date, _garbage)
_NAMES = (
    *(f"{prefix}{what}" for prefix in ("ratelimit-", "x-ratelimit-") for what in ("limit", "remaining", "reset")),
    *("x-rate-limit-remaining", "x-rate-limit-reset", "ratelimit", "ratelimit", "ratelimit-policy", "ratelimit-policy"),
    *("retry-after", "content-length"),
)


def _single(prefix: str) -> Callable[[str, str], list[tuple[str, str]]]:
    return lambda one, other: [(f"{prefix}remaining", one), (f"{prefix}reset", other)]


_FAMILIES: tuple[Callable[[str, str], list[tuple[str, str]]], ...] = (
    *(_single(prefix) for prefix in ("ratelimit-", "x-ratelimit-", "x-rate-limit-")),
    lambda one, other: [("ratelimit", f'"default";r={one};t={other}')],
    lambda one, other: [("ratelimit", f"limit=100, remaining={one}, reset={other}"), ("ratelimit-policy", "100;w=60")],
    lambda one, other: [("ratelimit-policy", f'"default";q={one};w={other}')],
    lambda one, other: [("ratelimit-limit", f"100, 100;w=60, {one};w={other}")],
    lambda one, other: [],
)
"""Well-made headers of each draft, around two figures; others are put beside them or in their place."""


def _figure(chance: random.Random) -> str:
    return chance.choice(
        ("0", "1", "30", "0.5", str(chance.randrange(10**6)), str(NOON + chance.randrange(-60, 900)), f"{NOON + 30}000")
    )


def _member(chance: random.Random) -> str:
    keys = chance.sample(("r", "t", "q", "w", "qu", "pk", "window"), chance.randrange(5))
    values = ("requests", '"content-bytes"', "?1", ":YQ==:", '"a\\"b;c,d"', "-5", "")
    named = chance.choice(('"default"', "default", "100", "limit=100", "remaining=0", "reset=30", '"', ""))
    said = (_figure(chance) if chance.random() < 0.8 else chance.choice(values) for _ in keys)
    return named + "".join(f";{key}={value}" for key, value in zip(keys, said, strict=True))


def _list(chance: random.Random) -> str:
    return chance.choice((", ", ",", ",,", ";")).join(_member(chance) for _ in range(chance.choice((1, 1, 2, 3, 200))))


_HINTS: tuple[Callable[[random.Random], str], ...] = (_figure, _figure, _list, _list, lambda c: c.choice(_GARBAGE)(c))
