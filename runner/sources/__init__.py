"""Lists in: files and database tables as rows that can be read again from the start, in constant memory."""

from __future__ import annotations

from pathlib import Path

from runner.sources.source import Row, Source

__all__ = ["Row", "Source", "open_database", "open_file"]


def open_file(
    path: Path, *, encoding: str | None = None, delimiter: str | None = None, has_header: bool = True
) -> Source:
    """A list in a file. Reads it once for its encoding, shape and hash. Raises InputError if it cannot be read.

    `encoding` is a codec's name and `delimiter` one character (or `tab`); None: found out, and said in `notes`.
    Without a header the columns are called `column_1`, `column_2`, ...
    """
    from runner.sources.content import FileContent
    from runner.sources.files import Reading, open_content

    return open_content(FileContent(path=path), Reading(encoding=encoding, delimiter=delimiter, has_header=has_header))


def open_database(url: str, *, table: str, key: str) -> Source:
    """A list in a database: `table` is a table's name or a SELECT, `key` the column that names a row.

    `url` is SQLAlchemy's (`sqlite:///crm.db`). Rows come in the order of `key`, which must be unique and never NULL.
    Raises InputError.
    """
    from runner.sources.database import open_table  # SQLAlchemy is loaded only here

    return open_table(url, table=table, key=key)
