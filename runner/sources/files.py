"""Which reader a file needs, told by its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import assert_never

from runner.errors import InputError
from runner.sources.content import Content, UnpackedContent
from runner.sources.kinds import Kind, kind_of, start_of
from runner.sources.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the user said about how a file is to be read; see `runner.sources.open_file`."""

    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool = True


def open_content(content: Content, reading: Reading) -> Source:
    """The list in these bytes. Raises InputError."""
    kind = _kind(content, reading)
    if kind is Kind.GZIP:
        content = UnpackedContent(packed=content)
        kind = _kind(content, reading)
    match kind:
        case Kind.DELIMITED:
            from runner.sources.csv_file import open_csv

            return open_csv(
                content,
                stem=_stem(content.name),
                encoding=reading.encoding,
                delimiter=reading.delimiter,
                has_header=reading.has_header,
            )
        case Kind.GZIP:
            raise InputError(
                f"{content.name} is compressed twice",
                why="what it unpacks to is compressed again",
                fix="gunzip it once, then give the file that comes out.",
            )
        case _:
            assert_never(kind)


def _kind(content: Content, reading: Reading) -> Kind:
    return kind_of(content, start_of(content), delimited=reading.delimiter is not None)


def _stem(name: str) -> str:
    """The list's own name: `leads` for `leads.csv.gz`."""
    path = PurePath(name)
    while path.suffix.lower() == ".gz":
        path = path.with_suffix("")
    return path.stem
