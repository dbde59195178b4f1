"""Durations, rates, shares and amounts as people write them. A mistake is a ConfigError that shows the right form."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import index
from typing import Final, SupportsFloat, SupportsIndex

from runner.domain.model import MILLION, Amount
from runner.errors import ConfigError, UsageError

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")
_RATE = re.compile(r"(\d+)/(s|min|m|h)")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_PRICE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?([A-Z]{3})")
_PRICED = re.compile(r"[a-z][a-z0-9_-]*\.\S(?:.*\S)?")

MOST_AT_A_RATE = 1_000_000
"""Requests in the time of a rate: as many as a profile or a provider may state of a window."""
_DIGITS = 12
"""More are not read of a rate: of thousands Python makes no number, and so many are too high already."""

MOST_COUNTED: Final = 2**63 - 1
"""What the database can hold: of a count, and of the millionths of an amount."""
MOST_DAYS: Final = 365_000
"""The longest duration, about a thousand years: any instant so long ago or ahead has a date."""
_SHOWN = 40
"""Characters of a number that is too large to be meant."""

SpendCap = Decimal | int | str | Iterable[str] | Mapping[str, Decimal]
"""A cap as given: 12.5, "12.5", "defastra=12.5", several of those, or by provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit of a provider costs in money."""

    amount: Decimal
    currency: str  # three capital letters: "EUR"


def parse_price(text: str, *, name: str) -> Price:
    """The price in "0.02 EUR". `name` is the setting, for messages."""
    match = _PRICE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"{name}: not a price: {text!r}",
            why="A price is a number, with at most six decimals, and the three letters of a currency.",
            fix="0.02 EUR",
        )
    return Price(amount=Decimal(match[1]), currency=match[2])


def is_priced_name(text: str) -> bool:
    """Whether this may be a key of `[prices]`: PROVIDER.UNIT, such as "defastra.check"."""
    return _PRICED.fullmatch(text) is not None


def parse_duration(text: str | float, *, name: str) -> float:
    """Seconds of "90", "90s", "15m", "2h", "1h30m", or of a number of seconds. `name` is the setting, for messages."""
    if not isinstance(text, str):
        return _bounded(_number(text), text, name)
    compact = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        return _bounded(float(compact), text, name)
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ConfigError(
            f"{name}: not a duration: {text!r}", why="A duration is a number and s, m, h or d.", fix=f"{name} 90s"
        )
    return _bounded(sum(float(number) * _UNITS[unit] for number, unit in parts), text, name)


def parse_rate(text: str, *, name: str) -> tuple[int, float]:
    """`(30, 60.0)` of "30/min": at most so many requests in so many seconds. `name` is the setting, for messages.

    ConfigError: not a rate, or more than MOST_AT_A_RATE.
    """
    at_most, seconds = _read_rate(text, name)
    if at_most > MOST_AT_A_RATE:
        raise ConfigError(
            f"{name} is too high",
            why=f"The highest is {MOST_AT_A_RATE:,} per s, min or h; without one the provider's own limits hold.",
            fix=f"{name} 30/min",
        )
    return at_most, seconds


def kept_rate(text: str, *, name: str) -> tuple[int, float]:
    """The same of a rate that is kept with a batch. One too high must not stop its runs: it is taken as the highest."""
    at_most, seconds = _read_rate(text, name)
    return min(at_most, MOST_AT_A_RATE), seconds


def _read_rate(text: object, name: str) -> tuple[int, float]:
    match = _RATE.fullmatch(text.strip().lower().replace(" ", "")) if isinstance(text, str) else None
    at_most = 0 if match is None else int(match[1].lstrip("0")[:_DIGITS] or 0)
    if match is None or not at_most:
        raise ConfigError(
            f"{name}: not a rate: {text!r}", why="A rate is requests per s, min or h.", fix=f"{name} 30/min"
        )
    return at_most, _UNITS[match[2]]


def parse_time_of_day(text: object, *, name: str) -> tuple[int, int]:
    """Hour and minute of "07:00"."""
    match = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ConfigError(f"{name}: not a time of day: {text!r}", why="It is HH:MM, local time.", fix=f"{name} 07:00")
    return int(match[1]), int(match[2])


def parse_whole(given: object, *, name: str) -> int:
    """An integer of any kind. UsageError: 2.5, "2", True, or the NaN of an empty cell, which no count ever reaches;
    or more than MOST_COUNTED."""
    if isinstance(given, SupportsIndex) and not isinstance(given, bool):
        number = index(given)
        if abs(number) > MOST_COUNTED:
            raise UsageError(f"{name} is too much", why=f"{MOST_COUNTED:,} is the most.", fix=f"{name} 500")
        return number
    raise UsageError(f"{name} {given!r} is no whole number", why="It is compared with a count.", fix=f"{name} 1")


def parse_share(text: str | float, *, name: str) -> float:
    """0.1 of "10%" or 0.1. Between 0 and 1."""
    percent = isinstance(text, str) and text.strip().endswith("%")
    share = _number(text.strip()[:-1]) / 100 if isinstance(text, str) and percent else _number(text)
    if not 0.0 <= share <= 1.0:
        raise ConfigError(f"{name}: not a share: {text!r}", why="A share is between 0% and 100%.", fix=f"{name} 10%")
    return share


def parse_spend(given: SpendCap, *, name: str) -> dict[str | None, Amount]:
    """Caps in millionths of the provider's unit, by provider; under None the one that names no provider.

    ConfigError: not a number, negative, finer than a millionth, too much, or the same provider twice.
    """
    caps: dict[str | None, Amount] = {}
    for provider, text in _spend_pairs(given):
        if provider in caps:
            raise ConfigError(
                f"{name}: {provider or 'the cap'} is given twice",
                why="Only one of them can hold.",
                fix=f"{name} {f'{provider}=' if provider else ''}{text}",
            )
        caps[provider] = parse_amount(text, name=name)
    return caps


def _spend_pairs(given: SpendCap) -> list[tuple[str | None, str]]:
    if isinstance(given, Mapping):
        return [(provider, _text(amount)) for provider, amount in given.items()]
    texts = [given] if isinstance(given, str) or not isinstance(given, Iterable) else given
    pairs: list[tuple[str | None, str]] = []
    for one in texts:
        text = _text(one)
        provider, found, amount = text.partition("=")
        pairs.append((provider.strip(), amount) if found else (None, text))
    return pairs


def parse_amount(given: str | float, *, name: str) -> Amount:
    """Millionths of "12.5" or 12.5. ConfigError: not a number, negative, finer than a millionth, or more than
    MOST_COUNTED of them."""
    text = _text(given).strip()
    try:
        exact = Decimal(text) * MILLION
    except ArithmeticError:  # no number, or one that no computer holds
        exact = Decimal(-1)
    if exact.is_finite() and exact > MOST_COUNTED:
        raise ConfigError(
            f"{name}: too much: {text[:_SHOWN]!r}",
            why=f"{Decimal(MOST_COUNTED) / MILLION:,f} is the most that can be counted.",
            fix=f"{name} 12.5",
        )
    if not exact.is_finite() or exact < 0 or exact != exact.to_integral_value():
        raise ConfigError(
            f"{name}: not an amount: {text!r}",
            why="An amount is a number of the provider's unit, with at most six decimals.",
            fix=f"{name} 12.5",
        )
    return Amount(int(exact))


def _number(given: object) -> float:
    """What is written or given as a number; NaN, which is within no bounds, of all else. True is none."""
    if isinstance(given, bool) or not isinstance(given, str | SupportsFloat):
        return math.nan
    try:
        return float(given)
    except (ValueError, OverflowError):
        return math.nan


def _text(given: object) -> str:
    try:
        return str(given)
    except ValueError:  # a whole number of thousands of digits: Python writes none
        return "a number of thousands of digits"


def _bounded(seconds: float, given: object, name: str) -> float:
    if not 0.0 <= seconds < math.inf:
        why = "A duration is a number that is not negative and has an end."
        raise ConfigError(f"{name}: not a duration: {_text(given)!r}", why=why, fix=f"{name} 90s")
    if seconds > MOST_DAYS * _UNITS["d"]:
        raise ConfigError(
            f"{name}: too long: {_text(given)[:_SHOWN]!r}",
            why=f"The longest is {MOST_DAYS:,} days, about a thousand years.",
            fix=f"{name} {MOST_DAYS}d",
        )
    return seconds
