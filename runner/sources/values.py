"""Values that are not text, as the text of a cell."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Sequence
from typing import Any, Final

from runner.errors import InputError

MOST_CHARACTERS: Final = 131_072
"""Of one cell: the most that the csv module reads by itself, so that an export of it can be read again."""


def as_text(value: Any) -> str:
    """A value as a cell: nothing, or a float that is no number, is empty; whole numbers have no `.0`, dates are
    ISO 8601, JSON is compact."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return _float_as_text(value)
        case decimal.Decimal():
            return format(value, "f")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return _span(value)
        case bytes() | memoryview():
            return _bytes_as_text(bytes(value))
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=as_text)
        case _:
            return str(value)


def _float_as_text(value: float) -> str:
    if math.isnan(value):  # what many programs put where nothing is
        return ""
    return str(int(value)) if value.is_integer() else repr(value)


def check_cells(name: str, where: str, header: Sequence[str], cells: Sequence[str]) -> None:
    """InputError for what no CSV file can hold: a NUL, half a surrogate pair, a value without measure.

    `name` is the file's, `where` tells the row: `line 7`.
    """
    text = "".join(cells)
    if len(text) <= MOST_CHARACTERS and "\0" not in text and _encodes(text):
        return
    for column, cell in zip(header, cells, strict=True):
        found = flaw(cell)
        if found is not None:
            what, why = found
            raise InputError(
                f"{name}: {where} has {what} in {column!r}", why=why, fix=f"Mend the value of {column!r} on {where}."
            )


def flaw(text: str) -> tuple[str, str] | None:
    """What no CSV file can hold of a text, and why; None: nothing."""
    if len(text) > MOST_CHARACTERS:
        return f"more than {MOST_CHARACTERS:,} characters", "no e-mail, phone or note is that long"
    if "\0" in text:
        return "a NUL character", "no text has one, and no spreadsheet reads it"
    if not _encodes(text):
        return "half a surrogate pair", "it is no letter, and nothing can write it down"
    return None


def _encodes(text: str) -> bool:
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _span(value: datetime.timedelta) -> str:
    """Hours, minutes and seconds, as a spreadsheet shows a length of time."""
    seconds, part = divmod(value / datetime.timedelta(microseconds=1), 1_000_000)
    minutes, rest = divmod(int(seconds), 60)
    fraction = f".{int(part):06d}".rstrip("0") if part else ""
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}{fraction}"


def _bytes_as_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
