"""Which type a column can have: told from all of its values, in a pass of its own."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from runner.exports.cells import Line, plain_text
from runner.exports.layout import Layout, Origin

LARGEST: Final = 2**63 - 1
_EXACT: Final = 2**53  # larger whole numbers are not told apart as floats


class Kind(StrEnum):
    """What a column holds; null is always possible."""

    TEXT = "text"  # also where values differ in kind
    TEXTS = "texts"  # lists of texts
    FLAG = "flag"
    WHOLE = "whole"  # 64 bits
    REAL = "real"


_FIXED: Final = {
    Origin.OWN: Kind.TEXT,
    Origin.TEXT: Kind.TEXT,
    Origin.FLAG: Kind.FLAG,
    Origin.COUNT: Kind.WHOLE,
}


def kinds_of(layout: Layout, lines: Iterable[Line]) -> tuple[Kind, ...]:
    """The kind of every column of the layout, in order. A result of which nothing is known is a text."""
    origins = layout.origins()
    results = [place for place, origin in enumerate(origins) if origin is Origin.RESULT]
    seen: dict[int, set[str]] = {place: set() for place in results}
    if results:
        record = layout.values()
        for line in lines:
            values = record(line)
            for place in results:
                value = values[place]
                if value is not None:
                    seen[place].add(_sort(value))
    return tuple(
        _kind(seen[place]) if origin is Origin.RESULT else _FIXED[origin] for place, origin in enumerate(origins)
    )


def as_kind(value: Any, kind: Kind) -> Any:
    """A JSON value as one of this kind; anything is a text."""
    if value is None or kind in (Kind.FLAG, Kind.WHOLE, Kind.TEXTS):
        return value
    return float(value) if kind is Kind.REAL else plain_text(value)


def _sort(value: Any) -> str:
    match value:
        case bool():
            return "flag"
        case int():
            return "exact" if abs(value) <= _EXACT else "whole" if abs(value) <= LARGEST else "text"
        case float():
            return "real"
        case list() if all(isinstance(item, str) for item in value):
            return "texts"
        case _:
            return "text"


def _kind(seen: set[str]) -> Kind:
    if not seen:
        return Kind.TEXT
    if seen == {"flag"}:
        return Kind.FLAG
    if seen <= {"exact", "whole"}:
        return Kind.WHOLE
    if seen <= {"exact", "real"}:
        return Kind.REAL
    return Kind.TEXTS if seen == {"texts"} else Kind.TEXT
