"""A CSV file as a source: strict, streamed, every value text. What does not fit is an error with its physical line."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TextIO

from runner.domain.quick import quick
from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources.content import Content
from runner.sources.records import check_header, fitted, marked, numbered
from runner.sources.scan import Scan, scan, text_of
from runner.sources.sniff import delimiter_name, sniff
from runner.sources.source import Row

_PREAMBLE: Final = 50  # lines above a header that programs put there


def open_csv(
    content: Content,
    *,
    stem: str,
    encoding: str | None = None,
    delimiter: str | None = None,
    has_header: bool = True,
) -> CsvFile:
    """See `runner.sources.open_file`. `stem` names the list."""
    scanned = scan(content, encoding=encoding)
    dialect = sniff(lambda: text_of(content, scanned), delimiter=delimiter, bom=scanned.marked)
    source = CsvFile(
        content=content, name=stem, scanned=scanned, dialect=dialect, has_header=has_header, header=(), header_line=1
    )
    line, first = source.first_record()
    if has_header:
        unnamed = f", or delete the delimiter at the end of line {line} and of every other"
        check_header(content.name, first, where=f"line {line}", too_many="--delimiter CHARACTER", unnamed=unnamed)
        header = tuple(first)
    else:
        header = numbered(len(first))
    return CsvFile(
        content=content,
        name=stem,
        scanned=scanned,
        dialect=marked(dialect, header),
        has_header=has_header,
        header=header,
        header_line=line,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """A `Source`. The file may not change between opening and the end of reading."""

    content: Content
    name: str
    scanned: Scan
    dialect: Dialect
    has_header: bool
    header: tuple[str, ...]
    header_line: int  # of the header, or of the first row

    @property
    def description(self) -> dict[str, Any]:
        """`kind`, `path` where there is one, `encoding`, `has_header` and `dialect`."""
        return {
            "kind": "csv",
            **self.content.place,
            "encoding": self.scanned.encoding,
            "has_header": self.has_header,
            "dialect": self.dialect.to_json(),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed: an encoding that is not UTF-8, a delimiter that is not a comma."""
        if self.dialect.delimiter == ",":
            return self.scanned.notes
        return (*self.scanned.notes, f"columns are separated by {delimiter_name(self.dialect.delimiter)}")

    @property
    def keyed(self) -> bool:
        """Rows of a file have no keys."""
        return False

    def content_hash(self) -> str:
        """SHA-256 over the hash of the bytes, and the encoding, delimiter and header they are read with."""
        reading = [self.scanned.sha256, self.scanned.encoding, self.dialect.delimiter, self.has_header]
        return hashlib.sha256(json.dumps(reading).encode()).hexdigest()

    def rows(self) -> Iterator[Row]:
        """Every row in order. Raises InputError at the first that does not fit, naming its line."""
        with text_of(self.content, self.scanned) as stream:
            records = self._raw_records(stream)
            found = fitted(records, width=len(self.header), skip=self.has_header, ragged=self._ragged)
            for number, (line, cells) in enumerate(found, start=1):
                yield quick(Row, (number, line, cells, None))

    def first_record(self) -> tuple[int, list[str]]:
        """The header, or the first row of a file without one, and its line."""
        with text_of(self.content, self.scanned) as stream:
            for line, record in self._raw_records(stream):
                if record:
                    return line, record
        raise InputError(
            f"{self.content.name} is empty",
            why="it has no header and no row",
            fix="Put a line of column names into it, and a row below.",
        )

    def _raw_records(self, stream: TextIO) -> Iterator[tuple[int, list[str]]]:
        """The line on which each record starts, and its fields; none for a blank line."""
        above = 1 if self.dialect.sep_line else 0
        lines = islice(stream, above, None)
        reader = csv.reader(lines, delimiter=self.dialect.delimiter, strict=True)
        line = above + 1
        try:
            for record in reader:
                yield line, record
                line = above + reader.line_num + 1
        except csv.Error as error:
            raise self._broken(str(error), line, above + reader.line_num) from error

    def _ragged(self, line: int, record: Sequence[str]) -> InputError:
        width, found = len(self.header), len(record)
        if found < width:
            fix = f"Fill line {line} up to {width} fields, or delete it if it is no row."
        elif not any(record[width:]):
            fix = f"Delete the delimiters at the end of line {line}, or name their columns on line {self.header_line}."
        else:
            fix = f"Quote the field on line {line} that contains the delimiter, or --delimiter CHARACTER"
            if width == 1 and line <= _PREAMBLE:
                fix = f"Delete what stands above line {line} if the columns are named there; else: {fix}"
        return InputError(
            f"{self.content.name}: line {line} has {found} fields, the {'header' if self.has_header else 'first row'} "
            f"has {width}",
            why=f"columns are separated by {delimiter_name(self.dialect.delimiter)}",
            fix=fix,
        )

    def _broken(self, message: str, start: int, end: int) -> InputError:
        name, close = self.content.name, f'Close the quote on line {start}, or write a quote inside quotes twice ("").'
        if "unexpected end of data" in message:
            return InputError(
                f"{name}: a quote that opens in the row on line {start} is never closed",
                why="everything after it would be one value",
                fix=close,
            )
        if "field larger" in message and end > start:
            return InputError(
                f"{name}: a quote that opens in the row on line {start} is not closed after "
                f"{csv.field_size_limit():,} characters",
                why="everything after it would be one value, and no note is that long",
                fix=close,
            )
        if "field larger" in message:
            return InputError(
                f"{name}: line {start} has a value of more than {csv.field_size_limit():,} characters",
                why="no e-mail, phone or note is that long",
                fix=f"Shorten the value on line {start}.",
            )
        where = f"line {start}" if start == end else f"the row on lines {start} to {end}"
        return InputError(
            f"{name}: {where} is not CSV",
            why=f"after a closing quote comes something else than the delimiter ({message})",
            fix='Write a quote inside quotes twice ("").',
        )
