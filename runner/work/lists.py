"""Where a batch's rows come from: a file, a table or query, or rows given as mappings."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from runner.domain.table import Dialect
from runner.errors import InputError, UsageError
from runner.settings import Settings, at_home
from runner.sources import Row, Source, open_database, open_file, open_stream
from runner.sources.records import check_header
from runner.sources.values import as_text, check_cells

Given = Iterable[Mapping[str, object]]
"""Rows as the library takes them: every mapping has the same keys; values become text as those of a table do, None and
NaN an empty cell. What has keys as a mapping has will do: a row of sqlite3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the user named as the list, before it is opened. Exactly one of the first four is set."""

    path: Path | None = None
    rows: Sequence[Mapping[str, object]] | None = None
    stream: BinaryIO | None = None  # read once
    query: str | None = None
    database: str | None = None  # with `query`: a URL, or the name of a `[sources.NAME]`
    key: str | None = None  # with `query`: the column that names a row
    encoding: str | None = None
    delimiter: str | None = None
    has_header: bool = True

    @classmethod
    def of(cls, source: object, *, directory: Path, **named: Any) -> Origin:
        """From what the library's `load` takes; `named` are the other fields. A relative path starts at `directory`.

        UsageError: it is no list.
        """
        if isinstance(source, str | Path):
            return cls(path=directory / at_home(source), **named)
        if getattr(source, "closed", False) is True:
            raise UsageError(
                "the list is a stream that is closed", why="Nothing can be read from it.", fix='open("leads.csv", "rb")'
            )
        if hasattr(source, "read") and not isinstance(source, io.TextIOBase):
            return cls(stream=cast("BinaryIO", source), **named)
        if source is None:
            return cls(**named)
        if not isinstance(source, Iterable) or isinstance(source, io.TextIOBase | bytes | Mapping):
            raise UsageError(
                f"a value of type {type(source).__name__} is no list",
                why="It is a file, a stream of bytes, or a mapping for each row.",
                fix='"leads.csv", open("leads.csv", "rb"), or [{"email": "ada@example.com"}]',
            )
        return cls(rows=list(source), **named)

    @property
    def kind(self) -> str:
        """For people: what a list without a file is read from."""
        if self.stream is not None:
            return "a stream, as stdin is"
        return "rows given in memory" if self.rows is not None else "a table or query"

    @property
    def reading(self) -> dict[str, str]:
        """How the user said that the list is to be read: `encoding` and `delimiter`, where it was said."""
        told = {"encoding": self.encoding, "delimiter": self.delimiter}
        return {name: value for name, value in told.items() if value}

    def open(self, settings: Settings) -> Source:
        """The list, ready to be read. InputError if it cannot be; UsageError if it is not fully named."""
        if self.query is not None:
            return self._open_query(settings)
        if self.database is not None or self.key is not None:
            raise UsageError(
                "--source and --key belong to --from",
                why="A file is read as it is, row by row.",
                fix="--from TABLE --source NAME --key COLUMN",
            )
        if self.rows is not None:
            return GivenRows(self.rows)
        encoding = self.encoding or settings.run.encoding
        delimiter = self.delimiter or settings.run.delimiter
        if self.stream is not None:
            return open_stream(self.stream, encoding=encoding, delimiter=delimiter, has_header=self.has_header)
        if self.path is None:
            raise UsageError(
                "no list is named",
                why="Neither a file nor --from was given.",
                fix="runner run leads.csv -p defastra.email",
            )
        return open_file(self.path, encoding=encoding, delimiter=delimiter, has_header=self.has_header)

    def folder(self, settings: Settings) -> Path:
        """Where the files that the list names are: its own folder; of others, the one that settings start in.

        Only what is really inside of it can be sent, whatever a cell says.
        """
        return settings.directory if self.path is None else self.path.parent

    def _open_query(self, settings: Settings) -> Source:
        if self.path is not None or self.stream is not None:
            raise UsageError(
                "a file and --from are both given",
                why="A batch has one list.",
                fix="FILE alone, or --from TABLE --source NAME --key COLUMN",
            )
        if self.database is None or self.key is None:
            missing = "--source" if self.database is None else "--key"
            why = "The rows are read from a database in the order of a key."
            raise UsageError(f"--from needs {missing}", why=why, fix="--from TABLE --source NAME --key COLUMN")
        url = settings.source_url(self.database).reveal()
        return open_database(url, table=self.query or "", key=self.key)


class GivenRows:
    """A Source over mappings in memory."""

    keyed = False
    notes: tuple[str, ...] = ()

    def __init__(self, rows: Sequence[Mapping[str, object]]) -> None:
        """InputError when there is no row, one is no mapping, they have different keys, or hold what no CSV file can
        hold."""
        if not rows:
            raise InputError(
                "there are no rows", why="The header is taken from the first one.", fix="give at least one mapping"
            )
        self.name = "rows"
        self.header = _names(1, rows[0])
        check_header(self.name, self.header, where="the first mapping", of_first_line=False)
        self.dialect = Dialect()
        self.description: Mapping[str, Any] = {"kind": "rows", "dialect": self.dialect.to_json()}
        for number, row in enumerate(rows, 1):
            if _names(number, row) != self.header:
                raise InputError(
                    f"row {number} has other keys than row 1",
                    why=f"Row 1 has {', '.join(self.header)}.",
                    fix="give all rows the same keys in the same order; a missing value is None",
                )
        self._cells = [tuple(map(as_text, _values(row))) for row in rows]
        for number, cells in enumerate(self._cells, 1):
            check_cells(self.name, f"row {number}", self.header, cells)

    def content_hash(self) -> str:
        """SHA-256 of header and cells."""
        text = json.dumps([self.header, self._cells], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def rows(self) -> Iterator[Row]:
        """Every row in order."""
        return (Row(number, None, cells) for number, cells in enumerate(self._cells, 1))


def _names(number: int, row: object) -> tuple[str, ...]:
    keys = getattr(row, "keys", None)
    if not callable(keys):
        raise InputError(
            f"row {number} is of type {type(row).__name__} and names no columns",
            why="The keys of a row are the names of its columns.",
            fix='give {"email": "ada@example.com"} for each row; of a DataFrame: frame.to_dict("records")',
        )
    return tuple(str(name) for name in keys())


def _values(row: Iterable[object]) -> Iterable[object]:
    """By position: of two columns with one name, a row of sqlite3 gives only the first by it."""
    return row.values() if isinstance(row, Mapping) else row
