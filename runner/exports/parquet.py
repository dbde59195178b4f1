"""The enriched list as Parquet: own columns as texts, the provider's as what they are; an extra, `parquet`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from runner.errors import UsageError
from runner.exports.cells import Line, writable
from runner.exports.kinds import Kind, as_kind, kinds_of
from runner.exports.layout import Layout

if TYPE_CHECKING:
    import pyarrow

_GROUP: Final = 10_000
"""Rows of a row group, which is what is in memory at a time."""

_GROUP_RAW: Final = 500
"""The same with stored answers, of up to a megabyte each."""


def check_parquet() -> None:
    """UsageError unless the extra is installed."""
    try:
        import pyarrow.parquet  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise UsageError(
            "Parquet needs an extra",
            why="pyarrow is not installed",
            fix="pip install 'bulk-runner[parquet]', or -o FILE.csv",
        ) from error


def write_parquet(stream: BinaryIO, lines: Callable[[], Iterable[Line]], layout: Layout) -> int:
    """Write the rows in row groups; returns how many. The rows are read twice: once for the types of the columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = kinds_of(layout, lines())
    types = {
        Kind.TEXT: pa.string(),
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.FLAG: pa.bool_(),
        Kind.WHOLE: pa.int64(),
        Kind.REAL: pa.float64(),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in zip(layout.names(), kinds, strict=True)])
    rows = 0
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in _groups(lines(), layout):
            writer.write_batch(_batch(group, kinds, schema))
            rows += len(group)
    return rows


def _groups(lines: Iterable[Line], layout: Layout) -> Iterator[list[list[Any]]]:
    record, rest = layout.values(), iter(lines)
    while group := [record(line) for line in islice(rest, _GROUP_RAW if layout.raw else _GROUP)]:
        yield group


def _batch(group: list[list[Any]], kinds: tuple[Kind, ...], schema: pyarrow.Schema) -> pyarrow.RecordBatch:
    import pyarrow as pa

    columns = [
        pa.array([_written(row[place], kind) for row in group], type=schema.field(place).type)
        for place, kind in enumerate(kinds)
    ]
    return pa.record_batch(columns, schema=schema)


def _written(value: Any, kind: Kind) -> Any:
    value = as_kind(value, kind)
    match kind:
        case Kind.TEXT if value is not None:
            return writable(value)
        case Kind.TEXTS if value is not None:
            return [writable(text) for text in value]
        case _:
            return value
