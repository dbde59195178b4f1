"""A table or a SELECT of any database as a source: in the order of its key, every value as faithful text; and looked at
again and again while others fill it, first the keys alone, then the rows that are new."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import URL

from runner.domain.addresses import without_password
from runner.domain.table import Dialect
from runner.domain.typed import typed_file
from runner.errors import InputError
from runner.in_use import holding
from runner.sources.source import Row
from runner.sources.values import as_text, check_cells

_QUERY: Final = re.compile(r"\s*(select|with)\s", re.IGNORECASE)
_PIECE: Final = 1000  # rows fetched at once
_STREAMED: Final[Mapping[str, Any]] = {"stream_results": True, "yield_per": _PIECE, "no_parameters": True}

PAGE: Final = 10_000
"""Keys of one question: whoever writes into a SQLite table waits for no more than that."""

_ROWS_AT_ONCE: Final = 500


def open_table(url: str, *, table: str, key: str) -> DatabaseTable:
    """See `runner.sources.open_database`."""
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:  # a port that is no number, perhaps a password
        raise InputError(
            "the source's address is not a database URL",
            why="that is DRIVER://USER@HOST:PORT/DATABASE, with a number for PORT",
            fix="--source sqlite:///crm.db",
        ) from error
    _check_file(parsed)
    source = DatabaseTable(url=parsed, table=table, key=key, statement="", header=())
    with source.connect() as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        statement = f"SELECT * FROM {_relation(connection, table)} ORDER BY {quote(key)}"  # noqa: S608 - quoted names
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
            "source": self._shown,
            "table": self.table,
            "key": self.key,
        }

    @property
    def _shown(self) -> str:
        return without_password(self.url.render_as_string(hide_password=False))

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

    def check_file(self) -> None:
        """InputError: it is a SQLite file that is not there."""
        _check_file(self.url)

    @contextmanager
    def connect(self, **options: Any) -> Iterator[sa.Connection]:
        """A connection that writes nothing and, unless it has `options` of its own, streams texts of SQL as they are.
        Any trouble is an InputError without values."""
        try:
            engine = sa.create_engine(_read_only(self.url), poolclass=sa.NullPool, hide_parameters=True)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise self._unreadable("no driver for it is installed") from error
        try:
            file = self.url.database if _is_sqlite_file(self.url) else None
            with holding(file), engine.connect() as connection:
                # Without parameters, so that a percent sign or a colon in the user's own SELECT stays what it is.
                yield connection.execution_options(**(options or _STREAMED))
        except sa.exc.SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise self._unreadable(str(cause).partition("\n")[0]) from error
        finally:
            engine.dispose()

    def _unreadable(self, why: str) -> InputError:
        return InputError(
            f"{self.name} cannot be read from {self._shown}",
            why=why,
            fix="--from TABLE --source NAME --key COLUMN, each as it is called in the database",
        )


class Key(NamedTuple):
    """What names a row: as a cell, and as its database knows it."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRows:
    """What became of the keys that were asked for. A row that is gone by then is in neither."""

    rows: tuple[Row, ...]
    refused: tuple[InputError, ...]  # one for each row that cannot be taken as it is


class Growing:
    """Looks at a table again and again. Nothing is read before `looking`."""

    def __init__(self, url: str, *, table: str, key: str, header: Sequence[str]) -> None:
        """`header`: the columns that are read; those that the table gets later are left alone. See `open_database`."""
        self._source = DatabaseTable(url=sa.make_url(url), table=table, key=key, statement="", header=tuple(header))
        self._from: str | None = None

    @contextmanager
    def looking(self) -> Iterator[Look]:
        """One look, on a connection of its own. InputError: the database cannot be read, at any moment of it."""
        self._source.check_file()
        with self._source.connect(stream_results=False) as connection:
            if self._from is None:
                self._from = _relation(connection, self._source.table)
            yield Look(connection, self._source, self._from)


class Look:
    """An open look at a table."""

    def __init__(self, connection: sa.Connection, source: DatabaseTable, selected: str) -> None:
        self._connection = connection
        self._source = source
        self._selected = sa.text(selected.replace(":", r"\:"))  # the user's own colons are no parameters
        self._key = _column(source.key)
        self._place = source.header.index(source.key)

    def nameless(self) -> InputError | None:
        """What to say of rows whose key is NULL; None where there are none."""
        asked = sa.select(sa.literal(1)).select_from(self._selected).where(self._key.is_(None)).limit(1)
        if self._connection.execute(asked).first() is None:
            return None
        return InputError(
            f"{self._source.name}: a row has no {self._source.key}",
            why="the key names a row when the list is read again",
            fix="--key COLUMN with a column that is never NULL",
        )

    def page(self, *, after: Any = None) -> list[Key]:
        """The next keys in their order, at most `PAGE` of them; from the first one unless `after` names a value."""
        asked = sa.select(self._key).select_from(self._selected).where(self._key.is_not(None))
        if after is not None:
            asked = asked.where(self._key > after)
        found = self._connection.execute(asked.order_by(self._key).limit(PAGE)).scalars().all()
        return [Key(as_text(value), value) for value in found]

    def rows(self, keys: Sequence[Key]) -> NewRows:
        """The rows of these keys, in the order of the key. One that cannot be taken keeps no other back."""
        rows: dict[str, Row] = {}
        refused: dict[str, InputError] = {}
        for start in range(0, len(keys), _ROWS_AT_ONCE):
            for values in self._selected_rows([key.value for key in keys[start : start + _ROWS_AT_ONCE]]):
                cells = tuple([as_text(value) for value in values])
                key = cells[self._place]
                try:
                    self._check(cells, twice=key in rows or key in refused)
                    rows[key] = Row(len(rows) + 1, None, cells, key)
                except InputError as error:
                    rows.pop(key, None)  # of two rows with one key neither is taken, whatever it is in the database
                    refused[key] = error
        return NewRows(rows=tuple(rows.values()), refused=tuple(refused.values()))

    def _selected_rows(self, values: list[Any]) -> Sequence[sa.Row[Any]]:
        columns = [_column(name) for name in self._source.header]
        asked = sa.select(*columns).select_from(self._selected).where(self._key.in_(values)).order_by(self._key)
        return self._connection.execute(asked).all()

    def _check(self, cells: tuple[str, ...], *, twice: bool) -> None:
        source = self._source
        check_cells(source.name, "a new row", source.header, cells)
        if twice:
            raise InputError(
                f"{source.name}: two rows have the same {source.key}",
                why="the key names a row when the list is read again",
                fix="--key COLUMN with a column that is unique",
            )


def _column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(sa.quoted_name(name, quote=True))


def _relation(connection: sa.Connection, table: str) -> str:
    """What rows are selected from. Names are quoted by the database's own rules; the user's SELECT stays as it is."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    if _QUERY.match(table):
        # The line end closes a comment at the query's end.
        return f"({table.strip().rstrip(';')}\n) AS source"
    inspector = sa.inspect(connection)
    schema, dot, name = table.rpartition(".")
    whole = sa.quoted_name(table, quote=True)
    if inspector.has_table(whole):
        return quote(table)
    if dot and inspector.has_table(sa.quoted_name(name, quote=True), schema=sa.quoted_name(schema, quote=True)):
        return f"{quote(schema)}.{quote(name)}"
    known = ", ".join(sorted([*inspector.get_table_names(), *inspector.get_view_names()])) or "none"
    raise InputError(f"there is no table {table!r}", why=f"the tables are: {known}", fix="--from TABLE or 'SELECT ...'")


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
            fix=f"--source sqlite:///FILE, with one of: ls {typed_file(str(Path(url.database or '').parent))}",
        )


def _read_only(url: URL) -> URL:
    if not _is_sqlite_file(url):
        return url
    uri = Path(url.database or "").absolute().as_uri()
    return url.set(database=uri).update_query_dict({"mode": "ro", "uri": "true"})


def _is_sqlite_file(url: URL) -> bool:
    name = url.database or ""
    return url.get_backend_name() == "sqlite" and name not in ("", ":memory:") and not name.startswith("file:")
