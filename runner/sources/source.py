"""What a source of rows is: a header, rows that can be read again from the start, and how an export shall look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from runner.domain.table import Dialect


class Row(NamedTuple):
    """One input record, as read. A tuple and not a dataclass: millions are made, and this is four times cheaper."""

    number: int  # 1-based, in order
    line: int | None  # physical line on which it starts, 1-based; None where there are no lines
    cells: tuple[str, ...]  # as many as the header has names; nothing trimmed
    key: str | None = None  # its name in a keyed source: reading again adds only unknown keys

    def label(self) -> str:
        """For people: `row 17 (line 18)`."""
        return f"row {self.number}" if self.line is None else f"row {self.number} (line {self.line})"


class Source(Protocol):
    """A list that can be read again. Opening reads what is needed to know its shape; InputError if it has none."""

    @property
    def name(self) -> str:
        """For people and for the name of a batch: the file's stem, or the table's name, or "query"."""
        ...

    @property
    def header(self) -> tuple[str, ...]:
        """The columns' names: not empty, all different."""
        ...

    @property
    def dialect(self) -> Dialect:
        """How an export of this list is to be written."""
        ...

    @property
    def description(self) -> Mapping[str, Any]:
        """JSON values that say where the list came from and how it was read; kept with the batch. No secrets."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed, one sentence each, to be shown: `not UTF-8: read as cp1252, line 3 has "Müller"`."""
        ...

    @property
    def keyed(self) -> bool:
        """Whether rows have a `key`: then the list may grow, and reading it again adds the unknown keys."""
        ...

    def content_hash(self) -> str:
        """Hexadecimal SHA-256 of what the list is: a file's bytes and how they are read; of a keyed source only
        where it is read from, because its rows are told apart by their keys."""
        ...

    def rows(self) -> Iterator[Row]:
        """Every row in order, from the start, in constant memory.

        Raises InputError at the first row that cannot be read, naming its line; whoever imports drops what came before.
        """
        ...
