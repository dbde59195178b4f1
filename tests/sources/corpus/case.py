"""What one file of the corpus is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file; either `header` and `rows` are what it holds, or `says` is what is wrong with it."""

    name: str  # the file's; says the accident
    data: bytes
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    says: str = ""  # a part of what the error says
    line: int | None = None  # the physical line that it names
    fix: str = ""  # a part of its fix
    notes: tuple[str, ...] = ()  # a part of each sentence about what was guessed
    options: dict[str, Any] = field(default_factory=dict)  # encoding, delimiter, has_header
    codec: str = "utf-8"  # what the file is really written in, and between its columns: for whoever counts by itself
    delimiter: str = ","


def whole(
    name: str,
    data: str | bytes,
    table: Sequence[Sequence[str]],
    *,
    codec: str = "utf-8",
    delimiter: str = ",",
    notes: Sequence[str] = (),
    header: Sequence[str] | None = None,
    **options: Any,
) -> Case:
    """A file that can be read: `table` are its records, the first the header unless that is given."""
    names, rows = (table[0], table[1:]) if header is None else (header, table)
    return Case(
        name=name,
        data=data.encode(codec) if isinstance(data, str) else data,
        header=tuple(names),
        rows=tuple(tuple(row) for row in rows),
        codec=codec,
        delimiter=delimiter,
        notes=tuple(notes),
        options=options,
    )


def refused(
    name: str,
    data: str | bytes,
    says: str,
    *,
    line: int | None = None,
    fix: str = "",
    codec: str = "utf-8",
    **options: Any,
) -> Case:
    """A file that cannot: what is said of it, of which physical line, and what mends it."""
    content = data.encode(codec) if isinstance(data, str) else data
    return Case(name=name, data=content, says=says, line=line, fix=fix, options=options)


def joined(table: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> str:
    """The plainest spelling of a table: nothing in it needs quotes."""
    return "".join(delimiter.join(row) + end for row in table)
