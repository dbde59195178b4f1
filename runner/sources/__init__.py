"""Lists in: files and database tables as rows that can be read again from the start, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from runner.sources.source import Row, Source

if TYPE_CHECKING:
    from runner.sources.database import Growing

__all__ = ["Row", "Source", "follow_database", "open_database", "open_file", "open_stream"]


def open_file(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, has_header: bool = True
) -> Source:
    """A list in a file: CSV in any spelling, JSON lines, a workbook or Parquet, told by its bytes; gzip is unpacked.

    Reads it once for its encoding, shape and hash. `encoding` is a codec's name and `delimiter` one character (or
    `tab`), both of text; None: found out, and said in `notes`. Without a header the columns are called `column_1`,
    `column_2`, ... Raises InputError if it cannot be read.
    """
    from runner.sources.content import FileContent
    from runner.sources.files import Reading, open_content

    return open_content(FileContent(path=path), Reading(encoding=encoding, delimiter=delimiter, has_header=has_header))


def open_stream(
    stream: BinaryIO, *, encoding: str | None = None, delimiter: str | None = None, has_header: bool = True
) -> Source:
    """As `open_file`, of bytes that can be read only once: they are spooled to a private temporary file."""
    from runner.sources.content import SpooledContent
    from runner.sources.files import Reading, open_content

    return open_content(SpooledContent(stream), Reading(encoding=encoding, delimiter=delimiter, has_header=has_header))


def open_database(url: str, *, table: str, key: str) -> Source:
    """A list in a database: `table` is a table's name or a SELECT, `key` the column that names a row.

    `url` is SQLAlchemy's (`sqlite:///crm.db`). Rows come in the order of `key`, which must be unique and never NULL.
    Raises InputError.
    """
    from runner.sources.database import open_table  # SQLAlchemy is loaded only here

    return open_table(url, table=table, key=key)


def follow_database(url: str, *, table: str, key: str, header: Sequence[str]) -> Growing:
    """The same list, known by its header already, to be looked at again and again for what is new in it. Reads nothing
    yet."""
    from runner.sources.database import Growing  # SQLAlchemy is loaded only here

    return Growing(url, table=table, key=key, header=header)
