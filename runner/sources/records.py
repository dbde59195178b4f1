"""What holds for the rows of every kind of file: names that tell columns apart, blank lines, one width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from runner.domain.personal import shown_name
from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources.values import flaw

MOST_COLUMNS: Final = 16_384
"""Excel's own limit."""

Ragged = Callable[[int, Sequence[str]], InputError]
"""The error about a record that is not as wide as the others, from its line and its fields."""


def check_header(
    name: str,
    header: Sequence[str],
    *,
    where: str,
    too_many: str = "Write it again with the columns that its requests need.",
    unnamed: str = "",
    of_first_line: bool = True,
) -> None:
    """InputError unless every column of the file called `name` has a name of its own, and one that can be written.

    `where` they stand: `line 1`, which may be a row (`of_first_line`). `too_many`: what to do about too many columns;
    `unnamed`: one more way out for one without a name.
    """
    if len(header) > MOST_COLUMNS:
        raise InputError(f"{name} has {len(header):,} columns", why=f"{MOST_COLUMNS:,} is the most", fix=too_many)
    already = ", or --no-header if that is a row already" if of_first_line else ""
    why = f"{where} names the columns"
    for number, column in enumerate(header, start=1):
        if not column.strip():
            trailing = not any(other.strip() for other in header[number:])
            fix = f"Name the column in {where}{unnamed if trailing else ''}{already}."
            raise InputError(f"{name}: column {number} has no name", why=why, fix=fix)
        found = flaw(column)
        if found is not None:
            raise InputError(
                f"{name}: the name of column {number} has {found[0]}",
                why=found[1],
                fix=f"Give the column another name in {where}.",
            )
    seen: dict[str, int] = {}
    for number, column in enumerate(header, start=1):
        if column in seen:
            raise InputError(
                f"{name}: columns {seen[column]} and {number} are both called {shown_name(column)!r}",
                why=f"{why}, and a result could not say which one it belongs to",
                fix=f"Give one of them another name in {where}{already}.",
            )
        seen[column] = number


def numbered(width: int) -> tuple[str, ...]:
    """The names of so many columns that have none: `column_1`, `column_2`, ..."""
    return tuple(f"column_{number}" for number in range(1, width + 1))


def marked(dialect: Dialect, header: Sequence[str]) -> Dialect:
    """The dialect of an export under this header: what begins with U+FEFF needs a mark before it, or it passes for one.

    Such a name comes of a mark that was written twice, or below a blank line.
    """
    return replace(dialect, bom=True) if header[0].startswith("\ufeff") else dialect


def fitted(
    records: Iterable[tuple[int, Sequence[str]]], *, width: int, skip: bool, ragged: Ragged
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and cells of each record of `width` fields; `skip` leaves out the first, which is the header.

    Blank lines (no fields) are no records; but in a list of one column a blank line is an empty cell, unless only blank
    lines follow: rows keep their place beside another list. Raises what `ragged` returns for any other width.
    """
    blank_from = blanks = 0
    started = False
    for line, record in records:
        if len(record) == width:
            if not started:
                started = True
                if skip:
                    continue
            if blanks:
                yield from ((blank_from + index, ("",)) for index in range(blanks))
                blanks = 0
            yield line, tuple(record)
        elif record:
            raise ragged(line, record)
        elif width == 1 and started:
            blank_from = blank_from if blanks else line
            blanks += 1
