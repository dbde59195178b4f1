"""A table or a SELECT of any database as a source: streamed in the order of its key, every value as faithful text."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL

from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources.source import Row
from runner.sources.values import as_text, check_cells

_QUERY: Final = re.compile(r"\s*(select|with)\s", re.IGNORECASE)
_PIECE: Final = 1000  # rows fetched at once


def open_table(url: str, *, table: str, key: str) -> DatabaseTable:
    """See `runner.sources.open_database`."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise InputError(
            "the source's address is not a database URL", why="it names a driver first", fix="--source sqlite:///crm.db"
        ) from error
    _check_file(parsed)
    source = DatabaseTable(url=parsed, table=table, key=key, statement="", header=())
    with source.connect() as connection:
        statement = _statement(connection, table, key)
        with connection.exec_driver_sql(statement) as found:
            header = tuple(found.keys())
    _check_header(header, key)
    return DatabaseTable(url=parsed, table=table, key=key, statement=statement, header=header)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTable:
    """A `Source` whose rows are named by `key`, so that reading again finds the new ones."""

    url: URL
    table: str
    key: str
    statement: str
    header: tuple[str, ...]

    @property
    def name(self) -> str:
        """The table's name, or `query`."""
        return "query" if _QUERY.match(self.table) else self.table

    @property
    def dialect(self) -> Dialect:
        """Plain CSV: commas, UTF-8."""
        return Dialect()

    @property
    def description(self) -> dict[str, Any]:
        """`kind`, `source` (the URL without its password), `table` and `key`."""
        return {
            "kind": "database",
            "source": self.url.render_as_string(hide_password=True),
            "table": self.table,
            "key": self.key,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing is guessed."""
        return ()

    @property
    def keyed(self) -> bool:
        """Rows have keys."""
        return True

    def content_hash(self) -> str:
        """SHA-256 of where the rows are read from and of their columns; the rows themselves are told apart by key."""
        return hashlib.sha256(json.dumps([self.description, self.header]).encode()).hexdigest()

    def rows(self) -> Iterator[Row]:
        """Every row in the order of the key. Raises InputError if a key is NULL or comes twice."""
        at = self.header.index(self.key)
        previous = None
        with self.connect() as connection, connection.exec_driver_sql(self.statement) as found:
            for number, values in enumerate(found, start=1):
                cells = tuple([as_text(value) for value in values])
                check_cells(self.name, f"row {number}", self.header, cells)
                key = cells[at]
                if values[at] is None:
                    raise InputError(
                        f"row {number} has no {self.key}",
                        why="the key names a row when the list is read again",
                        fix="--key COLUMN with a column that is never NULL",
                    )
                if key == previous:
                    raise InputError(
                        f"rows {number - 1} and {number} have the same {self.key}",
                        why="the key names a row when the list is read again",
                        fix="--key COLUMN with a column that is unique",
                    )
                previous = key
                yield Row(number, None, cells, key)

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """A connection that streams and writes nothing. Any trouble is an InputError without values."""
        try:
            engine = sa.create_engine(_read_only(self.url), poolclass=sa.NullPool, hide_parameters=True)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise self._unreadable("no driver for it is installed") from error
        try:
            with engine.connect() as connection:
                # Without parameters, so that a percent sign or a colon in the user's own SELECT stays what it is.
                yield connection.execution_options(stream_results=True, yield_per=_PIECE, no_parameters=True)
        except sa.exc.SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise self._unreadable(str(cause).partition("\n")[0]) from error
        finally:
            engine.dispose()

    def _unreadable(self, why: str) -> InputError:
        return InputError(
            f"{self.name} cannot be read from {self.url.render_as_string(hide_password=True)}",
            why=why,
            fix="--from TABLE --source NAME --key COLUMN, each as it is called in the database",
        )


def _statement(connection: sa.Connection, table: str, key: str) -> str:
    """The SELECT with its order. Names are quoted by the database's own rules; the user's SELECT stays as it is."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    if _QUERY.match(table):
        # The line end closes a comment at the query's end.
        query = table.strip().rstrip(";")
        return f"SELECT * FROM ({query}\n) AS source ORDER BY source.{quote(key)}"  # noqa: S608 - the user's own SELECT
    inspector = sa.inspect(connection)
    schema, dot, name = table.rpartition(".")
    whole = sa.quoted_name(table, quote=True)
    if inspector.has_table(whole):
        target = quote(table)
    elif dot and inspector.has_table(sa.quoted_name(name, quote=True), schema=sa.quoted_name(schema, quote=True)):
        target = f"{quote(schema)}.{quote(name)}"
    else:
        known = ", ".join(sorted([*inspector.get_table_names(), *inspector.get_view_names()])) or "none"
        raise InputError(
            f"there is no table {table!r}", why=f"the tables are: {known}", fix="--from TABLE or 'SELECT ...'"
        )
    return f"SELECT * FROM {target} ORDER BY {quote(key)}"  # noqa: S608 - both are quoted identifiers


def _check_header(header: tuple[str, ...], key: str) -> None:
    if key not in header:
        raise InputError(f"there is no column {key!r}", why=f"the columns are {', '.join(header)}", fix="--key COLUMN")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(
            f"two columns are called {twice[0]!r}",
            why="a result could not say which one it belongs to",
            fix="Name them in the SELECT: SELECT a.id AS id, b.id AS other_id ...",
        )


def _check_file(url: URL) -> None:
    """SQLite would make a new, empty database of a name that is misspelt."""
    if _is_sqlite_file(url) and not Path(url.database or "").is_file():
        raise InputError(
            f"there is no database {Path(url.database or '').name}",
            why="the file does not exist",
            fix=f"--source sqlite:///FILE, with one of: ls {shlex.quote(str(Path(url.database or '').parent))}",
        )


def _read_only(url: URL) -> URL:
    if not _is_sqlite_file(url):
        return url
    uri = Path(url.database or "").absolute().as_uri()
    return url.set(database=uri).update_query_dict({"mode": "ro", "uri": "true"})


def _is_sqlite_file(url: URL) -> bool:
    name = url.database or ""
    return url.get_backend_name() == "sqlite" and name not in ("", ":memory:") and not name.startswith("file:")
