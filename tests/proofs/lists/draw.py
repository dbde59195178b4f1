"""A file drawn from a seed: the table, how it is spelled, and what befell it. Nothing of the project takes part."""

from __future__ import annotations

import codecs
import gzip
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Table = list[list[str]]

_PIECES = [
    *("a", "Zoë", "Müller", "007", "+14155550100", "3.36E+10", "1,50", " ", "  x ", "ada@example.com", "b@example.org"),
    *("=1+1", "@SUM(A1)", "'0170", "\u00a0", "\u200b", "東京", "😀", "Łódź", "x\ty", "O'Neil", "NULL", "-", "€", "é"),
    *('"', '""', "'", ",", ";", "\t", "|", "\n", "\r", "\r\n", "\u2028", "\x0b", "\x1b[31m", "\\", "sep=", "#", "{}"),
]
_WESTERN = [piece for piece in _PIECES if piece.isascii() or piece in "ZoëMülleré€"]
_NAMES = [
    "id",
    "email",
    "E-Mail",
    "name",
    "Prénom",
    "phone",
    "note",
    "a b",
    'say "x"',
    "x,y",
    "p;q",
    "two\nlines",
    "2024",
]
_DELIMITERS = ",;\t|"
_ENDS = ("\n", "\r\n", "\r")
_TOLD = ("latin-1", "cp1250", "cp1251", "shift_jis", "gb18030", "iso-8859-15", "mac_roman")


@dataclass(slots=True, kw_only=True)
class Drawn:
    """One file."""

    name: str
    data: bytes
    table: Table  # header first
    accident: str = ""  # what befell it; empty: nothing, so it must come out
    options: dict[str, Any] = field(default_factory=dict)  # what the reader is told


def draw(number: int, seed: int) -> Drawn:
    """File `number` of a seed."""
    rng = random.Random(f"{seed}-{number}")
    table = _table(rng)
    drawn = _lines(rng, table) if rng.random() < 0.1 else _delimited(rng, table)
    if rng.random() < 0.3:
        accident = rng.choice(_ACCIDENTS)
        accident(rng, drawn)
    if rng.random() < 0.1:
        drawn.data, drawn.name = gzip.compress(drawn.data, 1), f"{drawn.name}.gz"
        if rng.random() < 0.2:
            drawn.data = drawn.data[: rng.randrange(2, len(drawn.data))]
            drawn.accident += " cut off packed"
    return drawn


def _table(rng: random.Random) -> Table:
    width = rng.choice([1, 1, 2, 2, 3, 4, 5, 8, 40])
    names = rng.sample(_NAMES, min(width, len(_NAMES)))
    header = [*names, *(f"c{number}" for number in range(width - len(names)))]
    rng.shuffle(header)
    pieces = _WESTERN if rng.random() < 0.4 else _PIECES
    rows = [[_cell(rng, pieces) for _ in header] for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 60]))]
    return [header, *rows]


def _cell(rng: random.Random, pieces: list[str]) -> str:
    return "".join(rng.choice(pieces) for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 6])))


def _delimited(rng: random.Random, table: Table) -> Drawn:
    delimiter = rng.choice(_DELIMITERS)
    end = rng.choice(_ENDS)
    mixed, always = rng.random() < 0.1, rng.choice([0.0, 0.0, 0.2, 1.0])
    parts = []
    for row in table:
        line = delimiter.join(_spelled(rng, cell, delimiter, always, alone=len(row) == 1) for cell in row)
        parts.append(line + (rng.choice(_ENDS[:2]) if mixed else end))
        if len(row) > 1 and rng.random() < 0.02:
            parts.append(end)  # a blank line
    if rng.random() < 0.1:
        parts[-1] = parts[-1].rstrip("\r\n") if not parts[-1].endswith(('"\n', '"\r', '"\r\n')) else parts[-1]
    told = rng.random() < 0.6
    if rng.random() < 0.05:
        parts.insert(0, f"sep={delimiter}{end}")
    drawn = Drawn(name="list.csv", data=b"", table=table, options={"delimiter": delimiter} if told else {})
    _encode(rng, "".join(parts), drawn)
    return drawn


def _spelled(rng: random.Random, cell: str, delimiter: str, always: float, *, alone: bool) -> str:
    must = any(sign in cell for sign in (delimiter, '"', "\n", "\r")) or (alone and not cell)
    if must or rng.random() < always:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _encode(rng: random.Random, text: str, drawn: Drawn) -> None:
    choice = rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "cp1252", "told"])
    if choice in ("cp1252", "told"):
        codec = "cp1252" if choice == "cp1252" else rng.choice(_TOLD)
        try:
            drawn.data = text.encode(codec)
        except UnicodeEncodeError:
            choice = "utf-8"
        else:
            # Such bytes may be UTF-8 too, by accident: who knows better says so.
            if choice == "told" or not _broken(drawn.data):
                drawn.options["encoding"] = codec
            if drawn.data.decode(codec) == text:
                return
            choice = "utf-8"
            drawn.options.pop("encoding", None)
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    drawn.data = marks.get(choice, b"") + text.encode(choice)


def _broken(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def _lines(rng: random.Random, table: Table) -> Drawn:
    header, *rows = table
    text = "".join(
        json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=rng.random() < 0.5) + rng.choice(["\n", "\r\n"])
        for row in rows or [[""] * len(header)]
    )
    return Drawn(name="list.jsonl", data=text.encode(), table=[header, *(rows or [[""] * len(header)])])


def _cut(rng: random.Random, drawn: Drawn) -> None:
    drawn.data = drawn.data[: rng.randrange(len(drawn.data) + 1)]
    drawn.accident = "cut off"


def _flip(rng: random.Random, drawn: Drawn) -> None:
    at = rng.randrange(len(drawn.data))
    drawn.data = drawn.data[:at] + bytes([rng.choice([0, 10, 13, 34, 44, 59, 0x81, 0xE9, 0xFF])]) + drawn.data[at + 1 :]
    drawn.accident = "a byte changed"


def _insert(rng: random.Random, drawn: Drawn) -> None:
    at = rng.randrange(len(drawn.data) + 1)
    drawn.data = drawn.data[:at] + rng.choice([b'"', b",", b";", b"\n", b"\0", b"\x1a", b"\xc3"]) + drawn.data[at:]
    drawn.accident = "a byte inserted"


def _remove(rng: random.Random, drawn: Drawn) -> None:
    at, size = rng.randrange(len(drawn.data)), rng.choice([1, 1, 2, 7])
    drawn.data = drawn.data[:at] + drawn.data[at + size :]
    drawn.accident = "bytes lost"


def _twice(rng: random.Random, drawn: Drawn) -> None:
    drawn.data += drawn.data[rng.randrange(len(drawn.data)) :]
    drawn.accident = "the end written twice"


_ACCIDENTS: tuple[Callable[[random.Random, Drawn], None], ...] = (_cut, _flip, _insert, _remove, _twice)
