"""What stands in an exported line: values as text, and the guard against formulas."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from runner.domain.provider import Operation


class OutcomeCells(NamedTuple):
    """What one operation adds to one row."""

    columns: Mapping[str, Any]  # JSON values by the profile's column name; a missing one is empty
    found: bool | None
    state: str  # a job's state, or `invalid`
    reason: str | None
    debited: str | None
    attempts: int | None
    checked_at: str | None  # ISO 8601, UTC
    raw: bytes | None = None  # the body of its last answer; None: not asked for, or not kept


class Line(NamedTuple):
    """One row of the export."""

    cells: Sequence[str]  # the user's own
    outcomes: Sequence[OutcomeCells]  # one for each operation, in their order
    number: int = 0  # of the row, from 1
    key: str | None = None  # of a row that came from a database


# Made once: `json.dumps` makes an encoder for each call.
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_NESTED: Final = frozenset([list, dict])
_TEXTS: Final = frozenset([str])

# What a spreadsheet takes for the start of a formula, after spaces and control characters too.
_FORMULA: Final = re.compile(r"\s*[\t\r\n\0]|[\s\x01-\x1f\x7f]*[=+\-@]")
_SIGNS: Final = "=+-@"
_HARMLESS: Final = frozenset(["", *map(chr, range(33, 127))]) - frozenset(_SIGNS)  # no formula begins like this
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]+)?")  # E.164 among them


def own_names(operation: Operation) -> list[str]:
    """What the columns of an operation are called, without its prefix."""
    found = ["found"] if operation.found is not None else []
    return [*operation.columns, *found, "state", "reason", "debited", "attempts", "checked_at"]


def plain_text(value: Any) -> str:
    """A JSON value as a cell: null is empty, lists of scalars are joined with ` | `, the rest is compact JSON."""
    match value:
        case None:
            return ""
        case str():
            return value.replace("\0", "\ufffd")  # no CSV reader takes a NUL
        case bool():
            return "true" if value else "false"
        case list() if _NESTED.isdisjoint(kinds := set(map(type, value))):
            return " | ".join(value if kinds == _TEXTS else map(plain_text, value)).replace("\0", "\ufffd")
        case _:
            return _COMPACT(value)


def guarded_cells(values: Iterable[Any]) -> list[Any]:
    """JSON values as `csv.writer` takes them: what it writes as it should is left to it, the rest is `guarded`.

    A NUL in a text is left too: whoever writes them replaces it.
    """
    # An export has tens of millions of cells, nearly all of these kinds: a call for each is a quarter of its time.
    return [
        value
        if value is None or (kind := type(value)) is int or (kind is str and value[:1] in _HARMLESS)
        else guarded(value)
        for value in values
    ]


def guarded(value: Any) -> str:
    """`plain_text` with a `'` before what a spreadsheet would run. Numbers and E.164 stay as they are."""
    text = plain_text(value)
    if (
        text[:1] not in _HARMLESS
        and _begins_formula(value if isinstance(value, str) else text)
        and not _NUMBER.fullmatch(text)
    ):
        return text if isinstance(value, int | float) else "'" + text
    return text


def _begins_formula(text: str) -> bool:
    if _FORMULA.match(text):
        return True
    if text.isascii():
        return False
    # Full-width, small and raised forms are read like the plain; marks without a glyph may be dropped on the way in.
    for char in text:
        if not char.isspace() and unicodedata.category(char)[0] != "C":
            return unicodedata.normalize("NFKC", char)[0] in _SIGNS
    return False


def writable(text: str) -> str:
    """The text with a `?` for half a surrogate pair of a provider's, which no UTF-8 can hold."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def text_of_bytes(body: bytes | None) -> str | None:
    """A stored answer as text: what is not UTF-8 in it is replaced."""
    return None if body is None else body.decode(errors="replace")
