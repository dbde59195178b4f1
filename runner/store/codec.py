"""Between Python values and what SQLite keeps: JSON every reader accepts, plain text, headers without keys.

For every value that is not exactly an int, a float, a str or a bytearray, Python's sqlite3 looks for an adapter, which
costs about as much as storing it. So the hot path hands over plain numbers and texts, not booleans and enums.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Any, Final

from runner.domain.model import MILLION
from runner.domain.secret_headers import holds_a_secret

_PLAIN: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_ASCII: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode

_LONE: Final = re.compile("[\ud800-\udfff]")


def to_json(value: Any) -> str:
    """Compact JSON, readable where it can be, always valid UTF-8.

    A provider can send what JSON text or UTF-8 cannot hold (lone surrogates, NaN, integers of thousands of digits,
    endless nesting); the raw answer is kept beside, so here it may become an escape or null, never an exception.
    """
    try:
        text = _PLAIN(value)
        if text.isascii():
            return text
        text.encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return _ASCII(_tame(value, depth=50))
    return text


def texts_to_json(texts: Iterable[str]) -> str:
    """What `to_json` gives of a list of texts, in a quarter of its time: an encoder is made for each call of it."""
    return _checked(f"[{','.join(map(_quoted, texts))}]", texts)


def params_to_json(params: Mapping[str, str]) -> str:
    """The same of texts by name."""
    if len(params) == 1:
        ((name, text),) = params.items()
        return _checked(f"{{{_quoted(name)}:{_quoted(text)}}}", params)
    return _checked(f"{{{','.join([f'{_quoted(name)}:{_quoted(text)}' for name, text in params.items()])}}}", params)


def _checked(text: str, value: Any) -> str:
    return text if text.isascii() or not _LONE.search(text) else to_json(value)


def _tame(value: Any, *, depth: int) -> Any:
    if depth == 0:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if value.bit_length() < 4096 else None
    if isinstance(value, Mapping):
        return {str(key): _tame(item, depth=depth - 1) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_tame(item, depth=depth - 1) for item in value]
    return value


def iso(at_us: int | None) -> str | None:
    """An instant as ISO-8601 UTC with milliseconds: 2026-11-21T21:40:05.123Z."""
    if at_us is None:
        return None
    seconds, micros = divmod(at_us, MILLION)
    return f"{_iso_seconds(seconds)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=256)
def _iso_seconds(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}"


def readable(entries: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object for people: nothing empty, times as ISO text, amounts as decimals of their unit."""
    shown: dict[str, Any] = {}
    for name, value in entries.items():
        if value is None or value in ("", {}):
            continue
        if name.endswith("_us"):
            shown[name.removesuffix("_us")] = iso(value)
        elif name.endswith("_millionths"):
            shown[name.removesuffix("_millionths")] = _units(value)
        else:
            shown[name] = value
    return shown


def _units(millionths: Any) -> Any:
    if isinstance(millionths, Mapping):
        amounts = {name: _units(amount) for name, amount in millionths.items()}
        return amounts[""] if list(amounts) == [""] else amounts
    return millionths // MILLION if millionths % MILLION == 0 else millionths / MILLION


def plain(word: StrEnum | None) -> str | None:
    """The text of an enum's member."""
    return None if word is None else str(word)


def to_text(value: str | None) -> str | None:
    """Text as SQLite and every reader of it can hold: no NUL, no lone surrogates."""
    if value is None or (value.isascii() and "\0" not in value):
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def kept_headers(headers: Sequence[tuple[str, str]]) -> str:
    """An answer's headers as JSON pairs, in order, without those that carry cookies or credentials."""
    return to_json([[name, value] for name, value in headers if not holds_a_secret(name.lower())])
