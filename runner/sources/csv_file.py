"""A CSV file as a source: strict, streamed, every value text. What does not fit is an error with its physical line."""

from __future__ import annotations

import csv
import hashlib
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from runner.domain.personal import shown_name
from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources.scan import Scan, Stamp, scan
from runner.sources.sniff import delimiter_name, sniff
from runner.sources.source import Row

_MOST_COLUMNS: Final = 16_384  # Excel's own limit


def open_csv(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, has_header: bool = True
) -> CsvFile:
    """See `runner.sources.open_file`."""
    scanned = scan(path, encoding=encoding)
    dialect = sniff(lambda: _open_text(path, scanned), delimiter=delimiter, bom=scanned.marked)
    source = CsvFile(path=path, scanned=scanned, dialect=dialect, has_header=has_header, header=())
    first = source.first_record()
    if has_header:
        _check_header(path, first)
        header = tuple(first)
    else:
        header = tuple(f"column_{number}" for number in range(1, len(first) + 1))
    return CsvFile(path=path, scanned=scanned, dialect=dialect, has_header=has_header, header=header)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """A `Source`. The file may not change between opening and the end of reading."""

    path: Path
    scanned: Scan
    dialect: Dialect
    has_header: bool
    header: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's stem."""
        return self.path.stem

    @property
    def description(self) -> dict[str, Any]:
        """`kind`, `path`, `encoding`, `has_header` and `dialect`."""
        return {
            "kind": "csv",
            "path": str(self.path.absolute()),
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
        with _open_text(self.path, self.scanned) as stream:
            for number, (line, cells) in enumerate(self._records(stream, skip=self.has_header), start=1):
                yield Row(number, line, cells)
            # Rows of two versions of a file would make a list that never was.
            if Stamp.of(stream.fileno()) != self.scanned.stamp:
                raise _changed(self.path)

    def first_record(self) -> list[str]:
        """The header, or the first row of a file without one."""
        with _open_text(self.path, self.scanned) as stream:
            for _line, record in self._raw_records(stream):
                if record:
                    return record
        raise InputError(
            f"{self.path.name} is empty",
            why="it has no header and no row",
            fix="Put a line of column names into it, and a row below.",
        )

    def _records(self, stream: TextIO, *, skip: bool) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Line and cells of each record, as wide as the header; `skip` leaves out the first, which is the header.

        Blank lines are no records; but in a list of one column a blank line is an empty cell, unless only blank lines
        follow: rows keep their place beside another list.
        """
        width = len(self.header)
        blank_from = blanks = 0
        started = False
        for line, record in self._raw_records(stream):
            if len(record) == width:
                if not started:
                    started = True
                    if skip:
                        continue
                if blanks:
                    yield from ((blank_from + index, ("",)) for index in range(blanks))
                    blanks = 0
                yield line, tuple(record)
            elif record:
                raise self._ragged(line, len(record), width)
            elif width == 1 and started:
                blank_from = blank_from if blanks else line
                blanks += 1

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
        except UnicodeError as error:  # the scan has read every byte: these are others
            raise _changed(self.path) from error

    def _ragged(self, line: int, found: int, width: int) -> InputError:
        return InputError(
            f"{self.path.name}: line {line} has {found} fields, the {'header' if self.has_header else 'first row'} "
            f"has {width}",
            why=f"columns are separated by {delimiter_name(self.dialect.delimiter)}",
            fix=f"Quote the field on line {line} that contains the delimiter, or --delimiter CHARACTER",
        )

    def _broken(self, message: str, start: int, end: int) -> InputError:
        if "unexpected end of data" in message or ("field larger" in message and end > start):
            return InputError(
                f"{self.path.name}: a quote that opens in the row on line {start} is never closed",
                why="everything after it would be one value",
                fix=f'Close the quote on line {start}, or write a quote inside quotes twice ("").',
            )
        if "field larger" in message:
            return InputError(
                f"{self.path.name}: line {start} has a value of more than {csv.field_size_limit():,} characters",
                why="no e-mail, phone or note is that long",
                fix=f"Shorten the value on line {start}.",
            )
        where = f"line {start}" if start == end else f"the row on lines {start} to {end}"
        return InputError(
            f"{self.path.name}: {where} is not CSV",
            why=f"after a closing quote comes something else than the delimiter ({message})",
            fix='Write a quote inside quotes twice ("").',
        )


@contextmanager
def _open_text(path: Path, scanned: Scan) -> Iterator[TextIO]:
    try:
        stream = path.open(encoding=scanned.encoding, newline="")
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read",
            why=error.strerror or type(error).__name__,
            fix=f"ls -l {shlex.quote(str(path.parent))}",
        ) from error
    with stream:
        if Stamp.of(stream.fileno()) != scanned.stamp:
            raise _changed(path)
        yield stream


def _changed(path: Path) -> InputError:
    return InputError(
        f"{path.name} changed while it was read",
        why="another program wrote to it; nothing was imported",
        fix="Run the same command again when the file is complete.",
    )


def _check_header(path: Path, header: list[str]) -> None:
    fix = "Give the columns different names in the first line, or --no-header if it is already a row."
    if len(header) > _MOST_COLUMNS:
        raise InputError(
            f"{path.name} has {len(header):,} columns",
            why=f"{_MOST_COLUMNS:,} is the most",
            fix="--delimiter CHARACTER",
        )
    for number, name in enumerate(header, start=1):
        if not name.strip():
            raise InputError(f"{path.name}: column {number} has no name", why="the first line names columns", fix=fix)
    seen: dict[str, int] = {}
    for number, name in enumerate(header, start=1):
        if name in seen:
            raise InputError(
                f"{path.name}: columns {seen[name]} and {number} are both called {shown_name(name)!r}",
                why="a result could not say which one it belongs to",
                fix=fix,
            )
        seen[name] = number
