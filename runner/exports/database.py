"""The enriched list as a table of a database: each row once by its key, whatever was written before."""

from __future__ import annotations

import datetime
import decimal
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import URL

from runner.domain.addresses import sqlite_file, without_password
from runner.errors import UsageError
from runner.exports.cells import Line, plain_text, writable
from runner.exports.kinds import LARGEST, Kind, kinds_of
from runner.exports.layout import Layout, Origin, free_name
from runner.in_use import holding

PIECE: Final = 1_000
"""Rows of a transaction."""

ROW: Final = "row"
"""The key of a row that has none of its own: its number, from 1."""

_KEY_LENGTH: Final = 255  # MySQL has no unique texts without a length
_DIALECTS: Final = ("sqlite", "postgresql", "mysql", "mariadb")
_TYPES: Final[Mapping[Kind, type[sa.types.TypeEngine[Any]]]] = {
    Kind.TEXT: sa.Text,
    Kind.TEXTS: sa.Text,
    Kind.FLAG: sa.Boolean,
    Kind.WHOLE: sa.BigInteger,
    Kind.REAL: sa.Double,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    kind: Kind
    own: bool


Same = Callable[[str], str]
"""What a database compares the names of columns by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTarget:
    """A table by its name in a database. `url` may hold a password, and is never shown."""

    url: str
    table: str

    def holds_rows(self) -> bool:
        """Whether it is there, with anything in it. UsageError: the database cannot be reached."""
        with self._connected() as connection, self._told():
            found = _find(connection, self.table)
            if found is None:
                return False
            name, schema = found
            there = sa.table(name, schema=schema)
            return connection.execute(sa.select(sa.literal(1)).select_from(there).limit(1)).first() is not None

    def check(self, layout: Layout, key: str | None) -> None:
        """UsageError: the database cannot be reached, or the table is there and cannot take such rows."""
        with self._connected() as connection:
            columns = _columns(layout, tuple, key, same=_same(connection))
            with self._told():
                if found := _find(connection, self.table):
                    _fitting(connection, *found, columns)

    def write(self, lines: Callable[[], Iterable[Line]], *, layout: Layout, key: str | None, some: bool = False) -> int:
        """Insert or update every row, 1,000 in a transaction; returns how many. Done again it changes nothing.

        `key`: the user's column that names a row; a row that is there keeps the user's columns as they are in the
        table. None: rows are named by their number, and wholly written. A row whose key was erased is left out. The
        table is made if it is not there, with the types that all values have; it is never altered. `some`: more rows
        will follow, with values of whatever type: results are texts in a table that is made. UsageError: it lacks
        columns or a unique key, a value is of another type than its column, or the database fails.
        """
        with self._connected() as connection:
            columns = _columns(layout, tuple if some else lines, key, same=_same(connection))
            with self._told():
                found = _find(connection, self.table)
                table = _fitting(connection, *found, columns) if found else _make(connection, self.table, columns)
                connection.commit()
                upsert = _upsert(connection, table, columns, key)
            rows = 0
            for piece in _pieces(lines(), layout, key):
                with self._told(), connection.begin():
                    connection.execute(upsert, [_values(table, columns, one) for one in piece])
                rows += len(piece)
            return rows

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            url = sa.make_url(self.url)
            if url.get_backend_name() not in _DIALECTS:
                raise UsageError(
                    f"rows cannot be written to a database of {url.get_backend_name()}",
                    why=f"known are {', '.join(_DIALECTS)}",
                    fix="-o FILE.csv, and import that there",
                )
            _make_private(url)
            engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise UsageError(
                "the database to write to cannot be opened",
                why="its address names no driver that is installed",
                fix="--source sqlite:///crm.db, or --source NAME of [sources] in runner.toml",
            ) from error
        try:
            with self._told():
                connection = engine.connect()
            with holding(sqlite_file(self.url)), connection:
                yield connection
        finally:
            engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the target's database says is told as its own; not what goes wrong where the rows come from."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise UsageError(
                f"the table {self.table} could not be written",
                why=f"{without_password(self.url)} says: {cause}",
                fix="mend what it says, then run the same command again: rows that are there are not written twice",
            ) from error


def _make_private(url: URL) -> None:
    """A SQLite file that is not there yet is made for its owner alone."""
    name = url.database or ""
    if url.get_backend_name() == "sqlite" and name not in ("", ":memory:") and not name.startswith("file:"):
        with suppress(OSError):  # it is there; or cannot be made, which SQLite tells
            os.close(os.open(Path(name), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _same(connection: sa.Connection) -> Same:
    """To PostgreSQL `email` and `Email` are two columns where they are quoted, as here; to the others they are one."""
    return str if connection.dialect.name == "postgresql" else str.casefold


def _columns(
    layout: Layout, lines: Callable[[], Iterable[Line]], key: str | None, *, same: Same = str
) -> list[_Column]:
    """The key first, then the others in their order; a name that the database takes for an earlier one gets `_2`."""
    names, origins = layout.names(), layout.origins()
    taken = {same(name) for name in names}
    first = _Column(name=key or free_name(ROW, taken, same=same), kind=Kind.TEXT if key else Kind.WHOLE, own=True)
    columns, made = [first], {same(first.name)}
    for name, origin, kind in zip(names, origins, kinds_of(layout, lines()), strict=True):
        if name != key:
            free = free_name(name, made | taken, same=same) if same(name) in made else name
            made.add(same(free))
            columns.append(_Column(name=free, kind=kind, own=origin is Origin.OWN))
    return columns


def _find(connection: sa.Connection, table: str) -> tuple[str, str | None] | None:
    """Name and schema of a table that is there: the whole name first, then SCHEMA.TABLE."""
    inspector = sa.inspect(connection)
    schema, dot, name = table.rpartition(".")
    if inspector.has_table(table):
        return table, None
    return (name, schema) if dot and inspector.has_table(name, schema=schema) else None


def _make(connection: sa.Connection, name: str, columns: Sequence[_Column]) -> sa.Table:
    schema, _, last = name.rpartition(".")
    made = [
        sa.Column(one.name, _type(one, is_key=place == 0), key=f"c{place}", primary_key=place == 0, autoincrement=False)
        for place, one in enumerate(columns)
    ]
    table = sa.Table(last, sa.MetaData(), *made, schema=schema or None)
    table.create(connection)
    return table


def _type(column: _Column, *, is_key: bool) -> sa.types.TypeEngine[Any]:
    return sa.String(_KEY_LENGTH) if is_key and column.kind is Kind.TEXT else _TYPES[column.kind]()


def _fitting(connection: sa.Connection, name: str, schema: str | None, columns: Sequence[_Column]) -> sa.Table:
    """The table that is there. UsageError: it lacks columns, or nothing keeps its key unique."""
    inspector = sa.inspect(connection)
    same = _same(connection)
    there = {same(one["name"]): (one["name"], one["type"]) for one in inspector.get_columns(name, schema=schema)}
    quote = connection.dialect.identifier_preparer
    shown = f"{quote.quote(schema)}.{quote.quote(name)}" if schema else quote.quote(name)
    missing = [(place, one) for place, one in enumerate(columns) if same(one.name) not in there]
    if missing:
        statements = [
            f"ALTER TABLE {shown} ADD COLUMN {quote.quote(one.name)}"
            f" {_type(one, is_key=place == 0).compile(connection.dialect)};"
            for place, one in missing
        ]
        raise UsageError(
            f"the table {name} lacks {len(missing)} of the columns",
            why=f"it was not made for {', '.join(one.name for _, one in missing)}, and is never altered by runner",
            fix="in the database: " + " ".join(statements),
        )
    found = [there[same(one.name)] for one in columns]
    key = found[0][0]
    unique = [
        inspector.get_pk_constraint(name, schema=schema)["constrained_columns"],
        *(one["column_names"] for one in inspector.get_unique_constraints(name, schema=schema)),
        *(one["column_names"] for one in inspector.get_indexes(name, schema=schema) if one["unique"]),
    ]
    if [key] not in unique:
        raise UsageError(
            f"nothing keeps {key} unique in the table {name}",
            why="each row is to be there once",
            fix=f"in the database: CREATE UNIQUE INDEX {quote.quote(f'{name}_key')} ON {shown} ({quote.quote(key)});",
        )
    known = [sa.Column(called, kind, key=f"c{place}") for place, (called, kind) in enumerate(found)]
    return sa.Table(name, sa.MetaData(), *known, schema=schema)


def _upsert(connection: sa.Connection, table: sa.Table, columns: Sequence[_Column], key: str | None) -> sa.Insert:
    """What belongs to the user is written once where the rows have a key: the table may be their own."""
    changed = [table.c[f"c{place}"] for place, one in enumerate(columns) if place and not (key and one.own)]
    name = connection.dialect.name
    if name in ("mysql", "mariadb"):
        into = mysql.insert(table)
        same = {"c0": table.c.c0}
        return into.on_duplicate_key_update({one.key: into.inserted[one.key] for one in changed} or same)
    insert = postgresql.insert(table) if name == "postgresql" else sqlite.insert(table)
    if not changed:
        return insert.on_conflict_do_nothing(index_elements=[table.c.c0])
    excluded = {one: insert.excluded[one.key] for one in changed}
    return insert.on_conflict_do_update(index_elements=[table.c.c0], set_=excluded)


def _pieces(lines: Iterable[Line], layout: Layout, key: str | None) -> Iterator[list[list[Any]]]:
    """Rows as values in the order of the columns, so many at a time."""
    record, names = layout.values(), layout.names()
    skipped = names.index(key) if key in names else None

    def row(line: Line) -> list[Any]:
        values = record(line)
        if skipped is not None:
            del values[skipped]
        return [line.number if key is None else line.key, *values]

    rows = (row(line) for line in lines if key is None or line.key is not None)
    while piece := list(islice(rows, PIECE)):
        yield piece


def _values(table: sa.Table, columns: Sequence[_Column], row: Sequence[Any]) -> dict[str, Any]:
    values = {}
    for place, (column, value) in enumerate(zip(columns, row, strict=True)):
        there = table.c[f"c{place}"]
        try:
            values[there.key] = _fit(value, there.type)
        except (ValueError, TypeError, LookupError, ArithmeticError):
            raise UsageError(
                f"the column {column.name} of the table {table.name} is {there.type!r}",
                why=f"row {row[0]} has another kind of value for it",
                fix="make it a text column in the database, or name the others with --columns",
            ) from None
    return values


def _fit(value: Any, kind: sa.types.TypeEngine[Any]) -> Any:
    """A JSON value as what a column takes; an empty cell is nothing where the column is not of texts."""
    if value is None or (value == "" and not isinstance(kind, sa.String)):
        return None
    match kind:
        case sa.JSON():
            return value
        case sa.Boolean():
            return {True: True, False: False, "true": True, "false": False}[value]
        case sa.Integer():
            return _whole(value)
        case sa.Numeric():  # floats among them
            return decimal.Decimal(str(value)) if kind.asdecimal else float(value)
        case sa.DateTime():
            return datetime.datetime.fromisoformat(value)
        case sa.Date():
            return datetime.date.fromisoformat(value)
        case _:
            return writable(plain_text(value))


def _whole(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("not whole")
    whole = int(value)
    if abs(whole) > LARGEST:
        raise OverflowError("no database has so large a whole number")
    return whole
