"""JSON lines as a source: one flat object a line, streamed; numbers keep the digits they are written with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

from runner.domain.table import Dialect
from runner.errors import InputError
from runner.sources.content import Content
from runner.sources.records import MOST_COLUMNS, check_header, marked
from runner.sources.scan import Scan, scan, text_of
from runner.sources.source import Row
from runner.sources.values import check_cells


def open_json_lines(
    content: Content, *, stem: str, encoding: str | None = None, notes: tuple[str, ...] = ()
) -> JsonLines:
    """See `runner.sources.open_file`. Reads every line once more for its keys: any line may have a new one."""
    scanned = scan(content, encoding=encoding)
    header: dict[str, None] = {}
    with text_of(content, scanned) as stream:
        for line, record in _objects(stream, content.name):
            if not record.keys() <= header.keys():
                header |= dict.fromkeys(record)
                if len(header) > MOST_COLUMNS:
                    raise InputError(
                        f"{content.name}: line {line} makes it {len(header):,} different keys",
                        why=f"every key is a column, and {MOST_COLUMNS:,} is the most",
                        fix="Write what varies from line to line as values, not as keys.",
                    )
    if not header:
        raise InputError(
            f"{content.name} is empty",
            why="no line has an object with a key",
            fix='Write one object a line into it: {"email": "ada@example.com"}',
        )
    names = tuple(header)
    check_header(content.name, names, where="a key of its objects", of_first_line=False)
    return JsonLines(
        content=content,
        name=stem,
        scanned=scanned,
        header=names,
        notes=(*notes, *scanned.notes),
        dialect=marked(Dialect(), names),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines:
    """A `Source`. The columns are the keys of all lines, as they come up; a key that a line has not is empty."""

    content: Content
    name: str
    scanned: Scan
    header: tuple[str, ...]
    notes: tuple[str, ...]
    dialect: Dialect

    @property
    def description(self) -> dict[str, Any]:
        """`kind`, `path` where there is one, `encoding` and `dialect`."""
        return {
            "kind": "jsonl",
            **self.content.place,
            "encoding": self.scanned.encoding,
            "dialect": self.dialect.to_json(),
        }

    @property
    def keyed(self) -> bool:
        """Rows of a file have no keys."""
        return False

    def content_hash(self) -> str:
        """SHA-256 over the hash of the bytes, and that they are read as JSON lines."""
        reading = [self.scanned.sha256, self.scanned.encoding, "jsonl"]
        return hashlib.sha256(json.dumps(reading).encode()).hexdigest()

    def rows(self) -> Iterator[Row]:
        """Every object in order. Raises InputError at the first line that is none."""
        header = self.header
        with text_of(self.content, self.scanned) as stream:
            for number, (line, record) in enumerate(_objects(stream, self.content.name), start=1):
                cells = tuple([_cell(record[key]) if key in record else "" for key in header])
                check_cells(self.content.name, f"line {line}", header, cells)
                yield Row(number, line, cells)


class _Digits(str):
    """A number as it is written: read as one, 33600000000000000000001 and 1.10 would not come out again."""

    __slots__ = ()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("one object has two keys of the same name")
    return made


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_int=_Digits, parse_float=_Digits, parse_constant=_no_number, object_pairs_hook=_pairs)


def _objects(stream: TextIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every line that is not blank, with its number."""
    for line, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            found = _DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, ValueError) else "it is nested too deep"
            raise _no_object(name, line, why) from error
        if not isinstance(found, dict):
            raise _no_object(name, line, f"it is {'an array' if isinstance(found, list) else 'a single value'}")
        yield line, found


def _no_object(name: str, line: int, why: str) -> InputError:
    return InputError(
        f"{name}: line {line} is not a JSON object",
        why=why,
        fix=f'Write line {line} as one object: {{"email": "ada@example.com"}}',
    )


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():  # digits too
            return str(value)
        case bool():
            return "true" if value else "false"
        case _:
            return _compact(value)


def _compact(value: Any) -> str:
    """What is nested, as JSON on one line: numbers with the digits they had, which `json.dumps` would quote."""
    match value:
        case _Digits():
            return str(value)
        case dict():
            return "{" + ",".join(f"{_compact(key)}:{_compact(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_compact, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
