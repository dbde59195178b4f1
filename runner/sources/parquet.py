"""A Parquet file as a source: streamed batch by batch, every value as faithful text."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources.content import Content, Stamp, unchanged
from runner.sources.extras import reader
from runner.sources.records import check_header, marked
from runner.sources.source import Row
from runner.sources.values import as_text, check_cells

_BATCH: Final = 1000  # rows decoded at once
_BUFFER: Final = 1 << 18  # bytes read ahead of each column, in place of a whole row group
_CHUNK: Final = 1 << 20


def open_parquet(content: Content, *, stem: str, notes: tuple[str, ...] = ()) -> ParquetRows:
    """See `runner.sources.open_file`."""
    digest = hashlib.sha256()
    with content.open() as stream:
        stamp = Stamp.of(stream.fileno())
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    source = ParquetRows(
        content=content, name=stem, stamp=stamp, sha256=digest.hexdigest(), header=(), notes=notes, dialect=Dialect()
    )
    with source.file() as file:
        header = tuple(file.schema_arrow.names)
    if not header:
        raise InputError(f"{content.name} is empty", why="it has no column", fix="Write a column of values into it.")
    check_header(content.name, header, where="its schema", of_first_line=False)
    return replace(source, header=header, dialect=marked(source.dialect, header))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetRows:
    """A `Source`. What is missing (null, and NaN as data frames have it) is empty; what is nested is compact JSON."""

    content: Content
    name: str
    stamp: Stamp
    sha256: str
    header: tuple[str, ...]
    notes: tuple[str, ...]
    dialect: Dialect

    @property
    def description(self) -> dict[str, Any]:
        """`kind`, `path` where there is one, and `dialect`."""
        return {"kind": "parquet", **self.content.place, "dialect": self.dialect.to_json()}

    @property
    def keyed(self) -> bool:
        """Rows of a file have no keys."""
        return False

    def content_hash(self) -> str:
        """SHA-256 over the hash of the bytes, and that they are read as Parquet."""
        return hashlib.sha256(json.dumps([self.sha256, "parquet"]).encode()).hexdigest()

    def rows(self) -> Iterator[Row]:
        """Every row in order. Raises InputError for a value that no cell can hold."""
        number = 0
        with self.file() as file:
            for batch in file.iter_batches(batch_size=_BATCH, use_threads=False):
                columns = zip(self.header, batch.columns, strict=True)
                for cells in zip(*[self._cells(name, column, number) for name, column in columns], strict=True):
                    number += 1
                    check_cells(self.content.name, f"row {number}", self.header, cells)
                    yield Row(number, None, cells)

    def _cells(self, name: str, column: Any, before: int) -> list[str]:
        """A column of a batch, `before` which there are so many rows. InputError: a value has no text."""
        try:
            return _texts(column)
        except (ValueError, OverflowError) as error:
            place = next((place for place in range(len(column)) if not _readable(column.slice(place, 1))), 0)
            raise InputError(
                f"{self.content.name}: row {before + place + 1} has a value in {name!r} that cannot be read",
                why=_why(column.type, error),
                fix=f"Write the column {name!r} as text.",
            ) from error

    @contextmanager
    def file(self) -> Iterator[Any]:
        """The open file. Any trouble with what is in it is an InputError."""
        parquet = reader("pyarrow.parquet", extra="parquet", name=self.content.name, what="a Parquet file")
        arrow = reader("pyarrow", extra="parquet", name=self.content.name, what="a Parquet file")
        try:
            with unchanged(self.content, self.stamp) as stream:
                yield parquet.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
        except (arrow.ArrowException, OSError) as error:
            raise InputError(
                f"{self.content.name} is damaged: it cannot be read as Parquet",
                why=str(error).partition("\n")[0],
                fix="Copy or download it again, or write it again.",
            ) from error


def _readable(column: Any) -> bool:
    try:
        _texts(column)
    except (ValueError, OverflowError):
        return False
    return True


def _why(kind: Any, error: Exception) -> str:
    """What the library means, without the value."""
    match error:
        case UnicodeDecodeError():
            return "its bytes are no UTF-8, which texts have to be"
        case OverflowError():
            return f"as {kind} it lies outside the years 1 to 9999, or is longer than any time"
        case _ if getattr(kind, "tz", None):
            return f"its time zone is not known here: {kind.tz}"
        case _:
            return f"nothing holds all of what {kind} can be: finer than microseconds in a list, a name twice"


def _texts(column: Any) -> list[str]:
    """A column of a batch as cells."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        return _times(column, nanoseconds=kind.unit == "ns")
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        # Widened, 0.1 would be 0.10000000149011612.
        return [_short(text) for text in column.cast(pa.string()).to_pylist()]
    return ["" if isinstance(value, float) and math.isnan(value) else as_text(value) for value in column.to_pylist()]


def _times(column: Any, *, nanoseconds: bool) -> list[str]:
    import pyarrow as pa

    if nanoseconds:  # Python's times have microseconds
        kind = _in_microseconds(column.type)
        try:
            column = column.cast(kind)
        except pa.ArrowInvalid:  # something is finer: nothing beside it is to be written in another way for that
            exact = column.cast(pa.int64()).to_pylist()
            whole = pa.array([None if count is None else count // 1000 for count in exact], pa.int64()).cast(kind)
            return [_fine(value, (count or 0) % 1000) for value, count in zip(whole.to_pylist(), exact, strict=True)]
    return [as_text(value) for value in column.to_pylist()]


def _fine(value: Any, nanoseconds: int) -> str:
    """A time, or a length of time, and so many nanoseconds more."""
    if not nanoseconds:
        return as_text(value)
    if isinstance(value, datetime.timedelta):
        seconds, _, part = as_text(value).partition(".")
        return f"{seconds}.{part:0<6}{nanoseconds:03d}".rstrip("0")
    text = value.isoformat(timespec="microseconds")
    end = text.index(".") + 7  # what follows is the offset
    return f"{text[:end]}{nanoseconds:03d}{text[end:]}"


def _in_microseconds(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz)
    return pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")


def _short(text: str | None) -> str:
    if text is None or text == "nan":
        return ""
    return text.removesuffix(".0")
