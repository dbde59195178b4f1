"""An answer's bytes as a JSON value, or why they cannot be read. Total: nothing a provider sends raises here.

Lenient where a paid answer would be lost for nothing (byte order mark, duplicate keys, raw control characters), strict
where reading on would invent or endanger something (NaN, numbers and nesting beyond every use, bytes that are no text).
"""

from __future__ import annotations

import codecs
import json
import math
from typing import Any, Final, NamedTuple, Never

from runner.domain.model import Answer

MAX_DEPTH: Final = 128
"""Arrays and objects inside one another. Deeper values would exhaust the stack of whoever walks them later."""

MAX_DIGITS: Final = 600
"""Of one number. Python refuses to print integers beyond a limit that may be set as low as 640."""

_POSITION_DIGITS: Final = 6

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# What a Content-Type may name beside UTF-8. A closed list: some of Python's codecs are slow or do not decode text.
_CHARSETS: Final = frozenset({"iso-8859-1", "latin-1", "iso-8859-15", "windows-1252", "cp1252", "utf-16"})


class ParsedBody(NamedTuple):
    """A JSON value (`readable`), or the reason in words why there is none. The reason never quotes the body."""

    readable: bool
    value: Any = None
    why: str = ""


class _Unreadable(ValueError):
    """Raised by the decoder's hooks; its text is the reason."""


def parse_body(answer: Answer) -> ParsedBody:
    """The body of an answer as a JSON value: dict, list, str, int, float, bool or None."""
    if answer.fault is not None:
        return _unreadable("there was no answer")
    if answer.truncated:
        return _unreadable("it was cut short, or packed in a way that cannot be read")
    text = _decode(answer.body, answer.header("content-type") or "")
    if text is None:
        return _unreadable("its bytes are not UTF-8 text")
    text = text.strip()
    if not text:
        return _unreadable("it is empty")
    if text.startswith("<"):
        return _unreadable("it is a web page or XML, not JSON")
    return _parse(text)


def lookup(value: Any, path: str, default: Any = None) -> Any:
    """What lies at a dotted path of object keys (`error.code`) and positions in arrays from 0 (`errors.0.id`), or
    `default` where a step is missing.
    """
    for key in path.split("."):
        if isinstance(value, dict):
            if key not in value:
                return default
            value = value[key]
        elif isinstance(value, list) and is_position(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            return default
    return value


def is_position(step: str) -> bool:
    """Whether a step of a path can be a position in an array; in an object it is a key like any other."""
    return step.isascii() and step.isdigit() and len(step) <= _POSITION_DIGITS


def _unreadable(why: str) -> ParsedBody:
    return ParsedBody(readable=False, why=why)


def _decode(body: bytes, content_type: str) -> str | None:
    for mark, charset in _BOMS:
        if body.startswith(mark):
            return _decode_as(body[len(mark) :], charset)
    text = _decode_as(body, "utf-8")
    if text is None:
        charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \t\"'")
        if charset in _CHARSETS:
            return _decode_as(body, charset)
    return text


def _decode_as(body: bytes, charset: str) -> str | None:
    try:
        return body.decode(charset)
    except UnicodeDecodeError:
        return None


def _parse(text: str) -> ParsedBody:
    try:
        value = _DECODER.decode(text)
    except _Unreadable as error:
        return _unreadable(str(error))
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
            return _unreadable("it ends in the middle of the JSON")
        return _unreadable(f"it is not JSON (line {error.lineno}, column {error.colno})")
    except RecursionError:
        return _unreadable("it is nested too deeply")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        return _unreadable("it is nested too deeply")
    return ParsedBody(readable=True, value=value)


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return False
    return True


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Unreadable("it holds a number too long to keep")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _Unreadable("it holds a number too large to keep")
    return number


def _constant(_name: str) -> Never:
    raise _Unreadable("it holds NaN or Infinity, which JSON does not have")


_DECODER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_fraction, parse_constant=_constant, strict=False)
