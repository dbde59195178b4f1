"""Figures, times and personal values as a person reads them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from runner.domain.model import MILLION
from runner.work.money import number as number
from runner.work.money import plural as plural

_EMAIL = re.compile(r"([^\s@,;<>\"']+)@([^\s@,;<>\"']+)")
_PHONE = re.compile(r"\+\d[\d ().-]{6,}\d|\b\d{8,}\b")


def amount(millionths: int) -> str:
    """An amount of integer millionths in its unit: `1_500_000` -> `1.5`."""
    return number(Decimal(millionths) / MILLION)


def count(figure: int, word: str) -> str:
    """`1 row`, `1,856 rows`, `2 batches`."""
    return f"{number(figure)} {plural(word, figure)}"


def spent(amounts: Mapping[str, Decimal]) -> str:
    """Amounts by unit: `3 checks, 0.5 EUR`; `nothing` when there is none."""
    shown = [f"{number(value)} {plural(unit, value)}" for unit, value in amounts.items() if value]
    return ", ".join(shown) or "nothing"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    items = list(words)
    return items[0] if len(items) == 1 else " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def duration(seconds: float) -> str:
    """A length of time in its two largest units: `4 s`, `12 min`, `3 h 20 min`, `2 d 8 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def moment(at: str | int) -> str:
    """An instant (ISO-8601 text or microseconds since the epoch) in local time: `2026-11-21 21:40:05`."""
    when = datetime.fromtimestamp(at / MILLION, tz=UTC) if isinstance(at, int) else datetime.fromisoformat(at)
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def clean(text: str) -> str:
    """Text from outside with control and direction marks escaped, so that it cannot move the cursor or lie."""
    return "".join(
        char if char == " " or unicodedata.category(char)[0] != "C" else f"\\u{ord(char):04x}" for char in text
    )


def shorten(value: str) -> str:
    """A personal value that its owner still recognises: `j…@example.com`, `+3…12`, `A…`."""
    text = clean(value.strip())
    local, at, domain = text.rpartition("@")
    if at:
        return f"{local[:1]}…@{domain}"
    digits = sum(char.isdigit() for char in text)
    if digits >= 6:
        return f"{text[:2]}…{text[-2:]}"
    return f"{text[:1]}…" if len(text) > 1 else text


def redact(text: str) -> str:
    """Free text from outside with the e-mails and phones in it shortened."""
    shown = _EMAIL.sub(lambda found: shorten(found[0]), clean(text))
    return _PHONE.sub(lambda found: shorten(found[0]), shown)


def row_name(row: int, line: int | None = None) -> str:
    """`row 17 (line 18)`: the record and where it begins in the file, if it came from one."""
    return f"row {row} (line {line})" if line else f"row {row}"
