"""What stands in an exported line: names, values as text, and the guard against formulas."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
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


class Line(NamedTuple):
    """One row of the export."""

    cells: Sequence[str]  # the user's own
    outcomes: Sequence[OutcomeCells]  # one for each operation, in their order


# What a spreadsheet takes for the start of a formula, after spaces too; the full-width forms are read like the plain.
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]+)?")  # E.164 among them


def export_header(header: Sequence[str], operations: Sequence[Operation]) -> tuple[str, ...]:
    """The user's names, then each operation's; a name that is taken gets `_2`, `_3`, ..."""
    names = list(header)
    taken = set(header)
    for operation in operations:
        for name in _own_names(operation):
            wanted = operation.column_prefix + name
            free, number = wanted, 1
            while free in taken:
                number += 1
                free = f"{wanted}_{number}"
            taken.add(free)
            names.append(free)
    return tuple(names)


def _own_names(operation: Operation) -> list[str]:
    found = ["found"] if operation.found is not None else []
    return [*operation.columns, *found, "state", "reason", "debited", "attempts", "checked_at"]


def outcome_writer(operation: Operation, *, guard: bool) -> Callable[[OutcomeCells], list[str]]:
    """A function from one operation's outcome to its cells, in the order of `export_header`."""
    names = tuple(operation.columns)
    has_found = operation.found is not None
    text = guarded if guard else plain_text

    def write(outcome: OutcomeCells) -> list[str]:
        columns = outcome.columns
        cells = [text(columns.get(name)) for name in names]
        if has_found:
            cells.append(plain_text(outcome.found))
        cells += (
            outcome.state,
            outcome.reason or "",
            outcome.debited or "",
            plain_text(outcome.attempts),
            outcome.checked_at or "",
        )
        return cells

    return write


def plain_text(value: Any) -> str:
    """A JSON value as a cell: null is empty, lists of scalars are joined with ` | `, the rest is compact JSON."""
    match value:
        case None:
            return ""
        case str():
            return value.replace("\0", "\ufffd")  # no CSV reader takes a NUL
        case bool():
            return "true" if value else "false"
        case int() | float():
            return json.dumps(value)
        case list() if all(not isinstance(item, list | dict) for item in value):
            return " | ".join(map(plain_text, value))
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def guarded(value: Any) -> str:
    """`plain_text` with a `'` before what a spreadsheet would run. Numbers and E.164 stay as they are."""
    text = plain_text(value)
    if _FORMULA.match(value if isinstance(value, str) else text) and not _NUMBER.fullmatch(text):
        return text if isinstance(value, int | float) else "'" + text
    return text
