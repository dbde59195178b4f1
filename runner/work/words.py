"""Figures and times as a person reads them, wherever they are told: on a terminal, on a page, in a message."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from runner.domain.model import MILLION
from runner.work.money import number, plural


def count(figure: int, word: str) -> str:
    """`1 row`, `1,856 rows`, `2 batches`."""
    return f"{number(figure)} {plural(word, figure)}"


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
    """An instant in local time, with the offset from UTC that it has there: `2026-11-21 21:40:05 +01:00`, or `... UTC`:
    a provider's dashboard may show another clock."""
    return f"{local_time(at)} {offset(at)}"


def local_time(at: str | int) -> str:
    """`2026-11-21 21:40:05`, where the offset is said beside it."""
    return _local(at).strftime("%Y-%m-%d %H:%M:%S")


def offset(at: str | int) -> str:
    """How far the local clock is from UTC at an instant: `+01:00`, `UTC`."""
    shown = f"{_local(at):%z}"
    return f"{shown[:3]}:{shown[3:5]}" if shown.strip("+-0") else "UTC"


def _local(at: str | int) -> datetime:
    """Of ISO-8601 text or microseconds since the epoch."""
    when = datetime.fromtimestamp(at / MILLION, tz=UTC) if isinstance(at, int) else datetime.fromisoformat(at)
    return when.astimezone()


def row_name(row: int, line: int | None = None) -> str:
    """`row 17 (line 18)`: the record and where it begins in the file, if it came from one."""
    return f"row {row} (line {line})" if line else f"row {row}"


def release() -> str:
    """The installed version."""
    try:
        return version("bulk-runner")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"
