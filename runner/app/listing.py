"""How a list is named and read: the keyword arguments that `load` and `check` have in common, as a type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypedDict

from runner.settings import Settings, parse_share
from runner.work.lists import Given, Origin

if TYPE_CHECKING:
    from runner.work.plan import LoadRequest

Pairs = str | Sequence[str] | Mapping[str, str]
"""NAME=VALUE texts, one or several, or a mapping."""


class ListKeywords(TypedDict, total=False):
    """What each of them means is told at `Runner.load`."""

    batch: str | None
    mapping: Pairs
    params: Pairs
    region: str | None
    query: str | None
    database: str | None
    key: str | None
    encoding: str | None
    delimiter: str | None
    header: bool
    add: bool
    new: bool
    max_invalid: float | str | None


def several(given: str | Sequence[str]) -> Sequence[str]:
    """One text is one of them, not its letters."""
    return [given] if isinstance(given, str) else given


def list_request(
    settings: Settings,
    source: str | Path | Given | BinaryIO | None,
    operations: str | Sequence[str],
    keywords: ListKeywords,
) -> LoadRequest:
    """From what people write. UsageError, InputError."""
    from runner.work.plan import LoadRequest, parse_mapping, parse_params  # only who loads pays for it

    max_invalid = keywords.get("max_invalid")
    origin = Origin.of(
        source,
        directory=settings.directory,
        query=keywords.get("query"),
        database=keywords.get("database"),
        key=keywords.get("key"),
        encoding=keywords.get("encoding"),
        delimiter=keywords.get("delimiter"),
        has_header=keywords.get("header", True),
    )
    return LoadRequest(
        origin=origin,
        operations=several(operations),
        name=keywords.get("batch"),
        mapping=parse_mapping(_pairs(keywords.get("mapping", ()))),
        params=parse_params(_pairs(keywords.get("params", ()))),
        region=keywords.get("region"),
        max_invalid=settings.run.max_invalid if max_invalid is None else parse_share(max_invalid, name="--max-invalid"),
        add=keywords.get("add", False),
        new=keywords.get("new", False),
    )


def _pairs(given: Pairs) -> Sequence[str] | Mapping[str, str]:
    return given if isinstance(given, Mapping) else several(given)
