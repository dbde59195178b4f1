"""A paid answer as the columns a person asked for. What is missing or odd becomes null; nothing here raises."""

from __future__ import annotations

import math
from typing import Any

from runner.domain.body import ParsedBody
from runner.domain.provider import Operation


def project(operation: Operation, parsed: ParsedBody) -> tuple[bool | None, dict[str, Any]]:
    """Whether it was a hit (None: the profile does not say, or the answer does not), and a JSON value for each column.

    Every column of the operation is present, in the profile's order, and can be stored as UTF-8 JSON.
    """
    if not parsed.readable:
        return None, dict.fromkeys(operation.columns)
    columns = {name: storable(expression(parsed.value)) for name, expression in operation.columns.items()}
    if operation.found is None:
        return None, columns
    return _truth(operation.found(parsed.value)), columns


def storable(value: Any) -> Any:
    """The same value as it can be stored: lone surrogates replaced, what JSON does not have left out (null)."""
    match value:
        case str():
            return _text(value)
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [storable(item) for item in value]
        case dict():
            return {_text(str(key)): storable(item) for key, item in value.items()}
        case _:
            return None


def _text(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half a character: some providers cut texts in the middle of an emoji's pair.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _truth(value: Any) -> bool | None:
    """JMESPath's truth: empty text, list and object are false, 0 is true. null says nothing."""
    if value is None or isinstance(value, bool):
        return value
    return not (isinstance(value, str | list | dict) and not value)
