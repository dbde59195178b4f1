"""How a CSV file is spelled: delimiter, line ends, quoting, and Excel's `sep=` line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Final, TextIO

from runner.domain.table import Dialect
from runner.errors import InputError

_DELIMITERS: Final = (",", ";", "\t", "|")
_RECORDS: Final = 50  # looked at to tell delimiters apart
_QUOTED: Final = 20  # looked at to tell whether everything is quoted
_SEP: Final = re.compile(r'("?)sep=([^\w"\r\n ])\1[\r\n]*', re.IGNORECASE)
_LINE_END: Final = re.compile(r"(?:\r?\n|\r)\Z")
_NAMES: Final = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}

Opener = Callable[[], AbstractContextManager[TextIO]]
"""Opens the file's text from the start, line ends kept."""


def delimiter_name(delimiter: str) -> str:
    """For people: `TAB` or the character in backticks."""
    return "TAB" if delimiter == "\t" else f"`{delimiter}`"


def sniff(open_text: Opener, *, delimiter: str | None, bom: bool) -> Dialect:
    """The file's dialect. `delimiter` is what the user gave, or None. Raises InputError if two delimiters fit."""
    given = None if delimiter is None else _given(delimiter)
    with open_text() as stream:
        first = stream.readline()
    sep = _SEP.fullmatch(first)
    found = given or (_usable(sep[2]) if sep else None)
    if found is None:
        found = _tell(open_text)
    line_end, quote_all = _shape(open_text, found, skip=sep is not None)
    return Dialect(delimiter=found, line_end=line_end, quote_all=quote_all, bom=bom, sep_line=sep is not None)


def _given(text: str) -> str:
    return _usable(_NAMES.get(text.lower(), text))


def _usable(delimiter: str) -> str:
    if len(delimiter) != 1 or delimiter in '"\r\n\0 ':
        raise InputError(
            f"{delimiter!r} cannot separate columns",
            why="a delimiter is one character, and no quote, space or line end",
            fix="--delimiter ';' (or tab)",
        )
    return delimiter


def _tell(open_text: Opener) -> str:
    """The one delimiter that gives every record as many fields as the header, more than one."""
    widths = {candidate: _widths(open_text, candidate) for candidate in _DELIMITERS}
    wide = {candidate: found for candidate, found in widths.items() if found and found[0] > 1}
    if not wide:
        return ","  # one column
    fitting = {candidate: found[0] for candidate, found in wide.items() if len(set(found)) == 1}
    # Where none fits, the header decides, and reading names the line that does not fit it.
    counts = fitting or {candidate: found[0] for candidate, found in wide.items()}
    most = max(counts.values())
    best = [candidate for candidate, count in counts.items() if count == most]
    if len(best) > 1:
        names = " and ".join(delimiter_name(candidate) for candidate in best)
        raise InputError(
            f"the columns could be separated by {names}",
            why=f"either gives {most} columns",
            fix="\n".join(f"--delimiter {'tab' if candidate == chr(9) else repr(candidate)}" for candidate in best),
        )
    return best[0]


def _widths(open_text: Opener, delimiter: str) -> list[int]:
    widths: list[int] = []
    with open_text() as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        try:
            widths.extend(len(record) for record in islice(reader, _RECORDS) if record)
        except csv.Error:
            widths.append(-1)  # broken with this one: fits nothing
    return widths


def _shape(open_text: Opener, delimiter: str, *, skip: bool) -> tuple[str, bool]:
    """The header's line end, and whether the first records are what a writer that quotes everything would write."""
    raw: list[str] = []
    header_end = ""
    again = io.StringIO()
    with open_text() as stream:
        lines = islice(stream, 1 if skip else 0, None)
        reader = csv.reader(_keep(lines, raw), delimiter=delimiter, strict=True)
        writer = csv.writer(again, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        try:
            for record in islice(reader, _QUOTED):
                header_end = header_end or raw[-1]  # the record's last line: others may end inside quotes
                writer.writerow(record)
        except csv.Error:
            raw.clear()  # reading will say what is wrong
    line_end = _LINE_END.search(header_end)
    all_quoted = bool(raw) and [line.rstrip("\r\n") for line in raw] == _lines(again.getvalue())
    return line_end[0] if line_end else "\n", all_quoted


def _lines(text: str) -> list[str]:
    return [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]


def _keep(lines: Iterable[str], kept: list[str]) -> Iterator[str]:
    for line in lines:
        kept.append(line)
        yield line
