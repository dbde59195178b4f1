"""Which format a target has: by its name's ending. A new one is one module and one line here."""

from __future__ import annotations

import gzip
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, assert_never, cast

from runner.domain.table import Dialect
from runner.errors import UsageError
from runner.exports.cells import Line
from runner.exports.csv_file import write_csv
from runner.exports.jsonl import write_jsonl
from runner.exports.layout import Layout
from runner.exports.parquet import check_parquet, write_parquet
from runner.exports.target import Written, nobody, write_whole


class Format(StrEnum):
    """How an export is written down."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


_BY_SUFFIX: Final = {".jsonl": Format.JSONL, ".ndjson": Format.JSONL, ".parquet": Format.PARQUET}
# A CSV under one of these names opens nowhere, and looks like a mistake of the program that is to open it.
_OTHERS: Final = frozenset({".xlsx", ".xls", ".ods", ".json", ".zip", ".db", ".sqlite", ".feather", ".bz2", ".xz"})
_TABS: Final = ".tsv"
_READ_AS_TOO: Final = frozenset(",;|")  # what a reader may take for the delimiter in place of a tab
_GZIP: Final = ".gz"
_LEVEL: Final = 6  # gzip's own default; Python's takes twice as long for a few percent


def format_of(target: Path) -> Format:
    """The format of a file. UsageError: it cannot be written, or not here.

    What has no ending of ours is CSV: a pipe, `out.txt`; with tabs `out.tsv`.
    """
    name = _unpacked(target)
    suffix = name.suffix.lower()
    if suffix in _OTHERS:
        raise _other(target, f"{name.stem}.csv")
    found = _BY_SUFFIX.get(suffix, Format.CSV)
    if found is Format.PARQUET:
        if name is not target:
            raise _other(target, f"{name.stem}.parquet")  # it is compressed inside
        check_parquet()
    return found


def _unpacked(target: Path) -> Path:
    """The name of what is inside."""
    return Path(target.stem) if target.suffix.lower() == _GZIP else target


def _as_promised(dialect: Dialect, target: Path, layout: Layout) -> Dialect:
    """`.tsv` has tabs, whatever the list has; all is quoted where a column's name could be read as several. A single
    column has no delimiter, and is quoted for whoever takes a comma for one."""
    names = layout.names()
    if dialect.delimiter == "\t" or len(names) < 2 or _unpacked(target).suffix.lower() != _TABS:
        return dialect
    several = not _READ_AS_TOO.isdisjoint("".join(names))
    return replace(dialect, delimiter="\t", quote_all=dialect.quote_all or several)


def _other(target: Path, better: str) -> UsageError:
    return UsageError(
        f"{target.name} would not be what its name says",
        why="An export is CSV, JSON lines (.jsonl), one of these compressed (.csv.gz), or Parquet (.parquet).",
        fix=f"-o {shlex.quote(better)}",
    )


def write(
    target: Path | BinaryIO,
    lines: Callable[[], Iterable[Line]],
    *,
    layout: Layout,
    dialect: Dialect,
    guard: bool = True,
    finished: Callable[[Path], None] = nobody,
) -> Written:
    """Write the enriched list, in constant memory and atomically; a stream takes CSV as it goes and is not closed.

    `lines` gives the rows from the first on, each time it is called. `dialect` and `guard` are those of CSV; a target
    that is called `.tsv` has tabs all the same. `finished` is told the whole file before it takes the target's place.
    Whether an existing target may be replaced is for the caller to know. Raises StorageFullError on a full disk and
    UsageError on any other trouble with the target; the old file is then untouched. Of a stream only `write` and
    `flush` are used.
    """
    if not isinstance(target, Path):
        rows = write_csv(target, lines(), layout, dialect, guard=guard)
        return Written(path=None, rows=rows, replaced=True)
    kind = format_of(target)
    dialect = _as_promised(dialect, target, layout)

    def fill(stream: BinaryIO) -> int:
        if target.suffix.lower() != _GZIP:
            return _fill(stream, kind, lines, layout=layout, dialect=dialect, guard=guard)
        # No name and no time inside: the same rows make the same file.
        with gzip.GzipFile("", "wb", _LEVEL, stream, mtime=0) as packed:
            return _fill(cast("BinaryIO", packed), kind, lines, layout=layout, dialect=dialect, guard=guard)

    return write_whole(target, fill, finished=finished)


def _fill(
    stream: BinaryIO,
    kind: Format,
    lines: Callable[[], Iterable[Line]],
    *,
    layout: Layout,
    dialect: Dialect,
    guard: bool,
) -> int:
    match kind:
        case Format.CSV:
            return write_csv(stream, lines(), layout, dialect, guard=guard)
        case Format.JSONL:
            return write_jsonl(stream, lines(), layout)
        case Format.PARQUET:
            return write_parquet(stream, lines, layout)
        case _:
            assert_never(kind)
