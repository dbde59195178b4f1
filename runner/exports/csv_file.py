"""The enriched list as CSV: the user's cells character for character, then what the provider said, guarded."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO

from runner.domain.provider import Operation
from runner.domain.table import Dialect
from runner.exports.cells import Line, export_header, outcome_writer
from runner.exports.target import Written, write_whole

_CRLF = "\r\n"
_PIECE = 1000  # rows gathered before they are encoded and written


def write_csv(
    target: Path | BinaryIO,
    *,
    header: Sequence[str],
    operations: Sequence[Operation],
    lines: Iterable[Line],
    dialect: Dialect,
    guard: bool = True,
    finished: Callable[[Path], None] = lambda _: None,
) -> Written:
    """Write the enriched list, in constant memory and atomically; a stream is written as it goes and not closed.

    `guard` puts `'` before provider-made text that a spreadsheet would run as a formula. `finished` is told the whole
    file before it takes the target's place. Whether an existing target may be replaced is for the caller to know.
    Raises StorageFullError on a full disk and UsageError on any other trouble with the target; the old file is then
    untouched. Of a stream only `write` and `flush` are used.
    """

    def write(stream: BinaryIO) -> int:
        return _write(stream, export_header(header, operations), operations, lines, dialect, guard)

    if isinstance(target, Path):
        return write_whole(target, write, finished=finished)
    return Written(path=None, rows=write(target), replaced=True)


def _write(
    stream: BinaryIO,
    names: Sequence[str],
    operations: Sequence[Operation],
    lines: Iterable[Line],
    dialect: Dialect,
    guard: bool,
) -> int:
    if dialect.bom:
        stream.write(codecs.BOM_UTF8)
    text = io.StringIO(newline="")
    if dialect.sep_line:
        text.write(f"sep={dialect.delimiter}{dialect.line_end}")
    writer = _writer(text, dialect)
    writer.writerow(names)
    writers = [outcome_writer(operation, guard=guard) for operation in operations]
    rows = 0
    for cells, outcomes in lines:
        record = list(cells)
        for write, outcome in zip(writers, outcomes, strict=True):
            record += write(outcome)
        writer.writerow(record)
        rows += 1
        if rows % _PIECE == 0:
            _drain(text, stream)
    _drain(text, stream)
    stream.flush()
    return rows


def _drain(text: io.StringIO, stream: BinaryIO) -> None:
    # Own cells always encode; a provider's JSON may hold half a surrogate pair, which nothing can write down.
    stream.write(text.getvalue().encode(errors="replace"))
    text.seek(0)
    text.truncate()


class _Writer(Protocol):
    def writerow(self, row: Iterable[Any], /) -> Any: ...


class _LineEnd:
    """Turns the writer's CRLF at the end of each record into another line end."""

    def __init__(self, text: TextIO, line_end: str) -> None:
        self._text = text
        self._line_end = line_end

    def write(self, record: str) -> int:
        """Take one record: the csv module writes each with one call."""
        return self._text.write(record[: -len(_CRLF)] + self._line_end)


def _writer(text: TextIO, dialect: Dialect) -> _Writer:
    # The csv module quotes a field with CR or LF only if that is in its own line end, so it always gets both.
    sink = text if dialect.line_end == _CRLF else _LineEnd(text, dialect.line_end)
    return csv.writer(
        sink,
        delimiter=dialect.delimiter,
        lineterminator=_CRLF,
        quoting=csv.QUOTE_ALL if dialect.quote_all else csv.QUOTE_MINIMAL,
    )
