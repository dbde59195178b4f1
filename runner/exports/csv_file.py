"""The enriched list as CSV: the user's cells character for character, then what the provider said, guarded."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable
from typing import Any, BinaryIO, Protocol, TextIO

from runner.domain.table import Dialect
from runner.exports.cells import Line
from runner.exports.layout import Layout

_CRLF = "\r\n"
_PIECE = 1000  # rows gathered before they are encoded and written


def write_csv(stream: BinaryIO, lines: Iterable[Line], layout: Layout, dialect: Dialect, *, guard: bool = True) -> int:
    """Write the enriched list in constant memory; returns the rows. Only `write` and `flush` of the stream are used.

    `guard` puts `'` before provider-made text that a spreadsheet would run as a formula.
    """
    if dialect.bom:
        stream.write(codecs.BOM_UTF8)
    text = io.StringIO(newline="")
    if dialect.sep_line:
        text.write(f"sep={dialect.delimiter}{dialect.line_end}")
    writer = _writer(text, dialect)
    writer.writerow(layout.names())
    record = layout.texts(guard=guard)
    rows = 0
    for line in lines:
        writer.writerow(record(line))
        rows += 1
        if rows % _PIECE == 0:
            _drain(text, stream)
    _drain(text, stream)
    stream.flush()
    return rows


def _drain(text: io.StringIO, stream: BinaryIO) -> None:
    # Own cells always encode. A provider's JSON may hold a NUL, which no CSV reader takes, and half a surrogate pair,
    # which nothing can write down.
    stream.write(text.getvalue().replace("\0", "\ufffd").encode(errors="replace"))
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
