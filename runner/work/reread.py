"""The command that looks at a batch's list again, as it was read, with what was missing then. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import join
from typing import Any

from runner.domain.personal import redact
from runner.domain.typed import typed_file
from runner.store.values import BatchInfo
from runner.work.naming import MAPPED, READING, REGION
from runner.work.next_step import Lacking

_NO_COUNTRY = "invalid:no-country"


def lacking(info: BatchInfo, *, beside: str) -> Lacking | None:
    """The phones that were refused without a country, and what would look at them with one; None: there are none, it
    was said already which they are from, or the list is no file. `beside`: its folder, as one types it before a name.
    """
    cells = info.settings.get("invalid", {}).get(_NO_COUNTRY, 0)
    path = info.source.get("path")
    # Where the list's own country was told no phone lacks one; its rows may name countries that nobody knows.
    told = any(REGION in columns for columns in _columns(info).values())
    if not cells or not path or told:
        return None
    file = typed_file(f"{beside}{Path(path).name}")
    return Lacking(cells=cells, command=f"runner check {file} {join(_options(info))}")


def _options(info: BatchInfo) -> Iterator[str]:
    """What was asked of the list, as one types it."""
    files = info.source.get("profiles", {})
    for key in info.operations:
        provider, _, operation = key.partition(".")
        yield from ("-p", f"{files[provider]}:{operation}" if provider in files else key)
    for name, column in _mapped(info):
        yield from ("--map", f"{name}={column}")
    set_once = {name: str(value) for values in info.params.values() for name, value in values.items()}
    for name, value in set_once.items():
        # The command is in messages too, and those say nothing of a person.
        yield from ("--set", f"{name}={value if redact(value) == value else 'VALUE'}")
    yield from _reading(info.source)


def _mapped(info: BatchInfo) -> Iterator[tuple[str, str]]:
    """The columns that were told, in those words, then those that are not found by their name."""
    told: dict[str, str] | None = info.source.get(MAPPED)
    yield from (told or {}).items()
    one = len(info.operations) == 1
    for key, columns in _columns(info).items():
        for param, column in columns.items():
            if told is not None and (param == column.casefold() or param in told or f"{key}:{param}" in told):
                continue
            yield param if one else f"{key}:{param}", column


def _reading(source: Mapping[str, Any]) -> Iterator[str]:
    """How its file is read, where it does not tell that itself."""
    if not source.get("has_header", True):
        yield "--no-header"
    for name, value in source.get(READING, {}).items():
        yield from (f"--{name}", "tab" if value == "\t" else value)  # a TAB is no key to be pasted


def _columns(info: BatchInfo) -> dict[str, dict[str, str]]:
    columns: dict[str, dict[str, str]] = info.mapping.get("columns", {})
    return columns
