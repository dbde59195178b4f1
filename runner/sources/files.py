"""Which reader a file needs, told by its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, assert_never

from runner.errors import InputError
from runner.sources.content import Content, UnpackedContent
from runner.sources.kinds import Kind, kind_of, start_of
from runner.sources.source import Source

_LINES: Final = (".jsonl", ".ndjson")
_ENDINGS: Final = {
    Kind.DELIMITED: (".csv", ".tsv", ".txt"),
    Kind.JSON_LINES: (*_LINES, ".json"),
    Kind.WORKBOOK: (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    Kind.PARQUET: (".parquet", ".pq"),
}
_TITLES: Final = {Kind.JSON_LINES: "JSON lines", Kind.WORKBOOK: "a workbook", Kind.PARQUET: "Parquet"}


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
    stem, notes = _stem(content.name), _unlike_its_name(content.name, kind)
    match kind:
        case Kind.DELIMITED:
            from runner.sources.csv_file import open_csv

            return open_csv(
                content,
                stem=stem,
                encoding=reading.encoding,
                delimiter=reading.delimiter,
                has_header=reading.has_header,
            )
        case Kind.JSON_LINES:
            from runner.sources.json_lines import open_json_lines

            return open_json_lines(content, stem=stem, encoding=reading.encoding, notes=notes)
        case Kind.WORKBOOK:
            from runner.sources.workbook import open_workbook

            return open_workbook(content, stem=stem, has_header=reading.has_header, notes=notes)
        case Kind.PARQUET:
            from runner.sources.parquet import open_parquet

            return open_parquet(content, stem=stem, notes=notes)
        case Kind.GZIP:
            raise InputError(
                f"{content.name} is compressed twice",
                why="what it unpacks to is compressed again",
                fix="gunzip it once, then give the file that comes out.",
            )
        case _:
            assert_never(kind)


def _kind(content: Content, reading: Reading) -> Kind:
    called_lines = PurePath(content.name.removesuffix(".gz")).suffix.lower() in _LINES
    delimited = reading.delimiter is not None and not called_lines  # the settings may name one for other lists
    kind = kind_of(content, start_of(content), delimited=delimited)
    return Kind.JSON_LINES if kind is Kind.DELIMITED and called_lines else kind


def _unlike_its_name(name: str, kind: Kind) -> tuple[str, ...]:
    """What is said of a workbook that is called `.csv`."""
    ending = PurePath(name.removesuffix(".gz")).suffix.lower()
    expected = next((one for one, endings in _ENDINGS.items() if ending in endings), kind)
    return () if kind is expected or kind not in _TITLES else (f"{name} is {_TITLES[kind]}, and read as such",)


def _stem(name: str) -> str:
    """The list's own name: `leads` for `leads.csv.gz`."""
    path = PurePath(name)
    return PurePath(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
