"""What the tables of an operation must be to one another: placeholders and inputs, body and method, column names."""

from __future__ import annotations

from typing import Any, Final

from runner.domain.provider import InputKind
from runner.providers.compile import SAFE_METHODS
from runner.providers.draft import table_at
from runner.providers.mistakes import KeyPath, Mistakes, near, quoted
from runner.providers.schema import ATTEMPT, BODY_KINDS
from runner.providers.templates import Placeholder, half_written, placeholders, stray_braces

# Written beside the profile's own columns by every export.
RESERVED_COLUMNS: Final = frozenset({"found", "state", "reason", "debited", "attempts", "checked_at"})

_ATTEMPT_NAME: Final = ATTEMPT.strip("{}")


def check_operations(mistakes: Mistakes) -> None:
    """Every operation as written, whether or not all of its keys could be read."""
    for name, raw in (table_at(mistakes.tables, "operations") or {}).items():
        if isinstance(raw, dict):
            path: KeyPath = ("operations", name)
            _check_body(raw, path, mistakes)
            _check_placeholders(raw, path, mistakes)
            for column in RESERVED_COLUMNS & (table_at(raw, "columns") or {}).keys():
                mistakes.add((*path, "columns", column), "this name is taken by a column every export has")


def _check_body(raw: dict[str, Any], path: KeyPath, mistakes: Mistakes) -> None:
    kinds = [kind for kind in BODY_KINDS if kind in raw]
    if len(kinds) > 1:
        mistakes.add((*path, kinds[1]), "a request has one body: form or json")
    if kinds and raw.get("method") in SAFE_METHODS:
        mistakes.add((*path, kinds[0]), f"a {raw['method']} has no body: use query")


def _check_placeholders(raw: dict[str, Any], path: KeyPath, mistakes: Mistakes) -> None:
    for place in stray_braces(raw):
        mistakes.add((*path, *place), "braces stand only around an input's name, in a value: {name} or {name?}")
    inputs = table_at(raw, "input")
    if inputs is None:
        return
    found = placeholders(raw)
    for one in found:
        _check_placeholder(one, inputs, path, mistakes)
    half = half_written(raw)  # a brace too few is told already; what follows from it is no mistake of its own
    used = {one.name for one in found} | half
    required = {one.name for one in found if not one.optional}
    for name, table in inputs.items():
        if name == _ATTEMPT_NAME:
            mistakes.add((*path, "input", name), f"{ATTEMPT} stands for the attempt's own id already")
        elif name not in used:
            mistakes.add((*path, "input", name), f"is sent nowhere: write {{{name}}} into path, query, form or json")
        elif name in required and isinstance(table, dict) and "default" in table:
            text = f"belongs to an optional input: write {{{name}?}} where it is sent"
            mistakes.add((*path, "input", name, "default"), text)
    if inputs and not (required | half) & inputs.keys() and not used - inputs.keys():
        mistakes.add((*path, "input"), "one input at least must be required: {name} without the question mark")


def _check_placeholder(one: Placeholder, inputs: dict[str, Any], path: KeyPath, mistakes: Mistakes) -> None:
    place = (*path, *one.place)
    if one.name == _ATTEMPT_NAME:
        if one.optional:
            mistakes.add(place, f"{ATTEMPT} is always set: leave the question mark out")
    elif one.name not in inputs:
        mistakes.add(place, f"{{{one.name}}} has no input of that name{near(one.name, inputs)}")
    elif one.optional and one.place[0] == "path":
        mistakes.add(place, f"a path cannot leave out {quoted(one.name)}: write {{{one.name}}}")
    elif (table_at(inputs, one.name) or {}).get("kind") == InputKind.FILE and one.place[0] in ("path", "query"):
        mistakes.add(place, "a file's content travels in a body: form or json")
