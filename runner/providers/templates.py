"""Where a row's values go: `{name}` and `{name?}` in the leaf texts of an operation's path, query, form and json."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runner.providers.mistakes import KeyPath

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)(\?)?\}")
_HALF = re.compile(r"\{\s*([a-z][a-z0-9_]*)|([a-z][a-z0-9_]*)\??\s*\}")

TEMPLATE_KEYS = ("path", "query", "form", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """One `{name}` of an operation, and where it stands (from the operation's table on)."""

    name: str
    optional: bool
    place: KeyPath


def placeholders(operation: Mapping[str, Any]) -> list[Placeholder]:
    """Every placeholder in the tables of an operation, whatever else is wrong with them."""
    return [
        Placeholder(name=match[1], optional=match[2] is not None, place=place)
        for place, text in _leaves(operation)
        for match in _PLACEHOLDER.finditer(text)
    ]


def half_written(operation: Mapping[str, Any]) -> set[str]:
    """The names that stand beside a brace which is no placeholder's: `{email` means the input of that name."""
    rests = (_PLACEHOLDER.sub("", text) for _, text in _leaves(operation))
    return {match[1] or match[2] for rest in rests for match in _HALF.finditer(rest)}


def stray_braces(operation: Mapping[str, Any]) -> list[KeyPath]:
    """Texts with a brace that is no placeholder, and keys with any brace: a row never chooses a name."""
    stray = [place for place, text in _leaves(operation) if re.search(r"[{}]", _PLACEHOLDER.sub("", text))]
    return stray + [place for key in TEMPLATE_KEYS for place in _braced_keys(operation.get(key), (key,))]


def _leaves(operation: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    for key in TEMPLATE_KEYS:
        yield from _leaves_in(operation.get(key), (key,))


def _leaves_in(value: Any, place: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    match value:
        case str():
            yield place, value
        case dict():
            for key, item in value.items():
                yield from _leaves_in(item, (*place, key))
        case list():
            for index, item in enumerate(value):
                yield from _leaves_in(item, (*place, index))
        case _:
            return


def _braced_keys(value: Any, place: KeyPath) -> Iterator[KeyPath]:
    match value:
        case dict():
            for key, item in value.items():
                if "{" in key or "}" in key:
                    yield (*place, key)
                yield from _braced_keys(item, (*place, key))
        case list():
            for index, item in enumerate(value):
                yield from _braced_keys(item, (*place, index))
        case _:
            return
