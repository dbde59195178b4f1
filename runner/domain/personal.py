"""Texts fit to be shown: personal values shortened so that their owner still recognises them, keys not at all."""

from __future__ import annotations

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote

KEY_SHOWN: Final = "[key]"

SHORTEST: Final = 4
"""Characters of a value, or of an address before the @, that is looked for: shorter ones are in any text."""

_EMAIL: Final = re.compile(r"([^\s@,;<>\"']{1,254})@([^\s@,;<>\"']{1,254})")
_ENCODED: Final = re.compile(r"([^\s@,;<>\"'=&?/]+)%40([^\s@,;<>\"'=&?/]+)", re.IGNORECASE)
_PHONE: Final = re.compile(r"\+\d[\d ().-]{6,}\d|\b\d{8,}\b")
_VOCABULARY: Final = re.compile(r"[a-z]+([_-][a-z]+)*")
_BETWEEN_DIGITS: Final = r"[\s().\-/]{0,2}"
_COUNTRY_DIGITS: Final = 3
_CREDENTIALS: Final = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


def clean(text: str) -> str:
    """Text from outside with control and direction marks escaped, so that it cannot move the cursor or lie."""
    return "".join(
        char if char == " " or unicodedata.category(char)[0] != "C" else f"\\u{ord(char):04x}" for char in text
    )


def shorten(value: str) -> str:
    """A personal value that its owner still recognises: `j…@example.com`, `+3…12`, `A…`."""
    text = clean(value.strip())
    local, at, domain = text.rpartition("@")
    if at:
        return f"{local[:1]}…@{domain}"
    digits = sum(char.isdigit() for char in text)
    if digits >= 6:
        return f"{text[:2]}…{text[-2:]}"
    return f"{text[:1]}…" if len(text) > 1 else text


def shown_name(name: str) -> str:
    """The name of a file or a column; one with an @ is taken for somebody's address in the wrong place."""
    return shorten(name) if "@" in name else name


def redact(text: str) -> str:
    """Free text from outside with the e-mails and phones in it shortened."""
    return _by_shape(clean(text))


def _by_shape(text: str) -> str:
    """E-mails, plain or percent-encoded, and phones shortened wherever something looks like one."""
    shown = _EMAIL.sub(lambda found: shorten(found[0]), text)
    shown = _ENCODED.sub(lambda found: shorten(unquote(found[0])), shown)
    return _PHONE.sub(lambda found: shorten(found[0]), shown)


def conceal(text: str, values: Iterable[str], *, words: Iterable[str] = ()) -> str:
    """Text with these values shortened wherever they stand: as they are, percent-encoded, in the escapes of JSON or
    HTML, an address's part before the @ alone, a phone's digits however they are grouped. Case is ignored. Other
    e-mails and phones too are shortened; control characters stay, for whoever shows the text.

    `words` are hidden where they stand by themselves; one of small letters alone is vocabulary, and stays.
    """
    for value in sorted({value.strip() for value in values}, key=len, reverse=True):
        if len(value) >= SHORTEST:
            short = shorten(value).replace("\\", "\\\\")  # a backslash would mean a group
            text = re.sub("|".join(_spellings(value)), short, text, flags=re.IGNORECASE)
    for word in sorted({word.strip() for word in words}, key=len, reverse=True):
        if len(word) >= SHORTEST and not _VOCABULARY.fullmatch(word):
            pattern = rf"(?<![^\W_])(?:{'|'.join(_spellings(word))})(?![^\W_])"
            text = re.sub(pattern, shorten(word).replace("\\", "\\\\"), text, flags=re.IGNORECASE)
    return _by_shape(text)


def _spellings(value: str) -> Iterator[str]:
    """Patterns of the ways in which a value may be written, the longest first."""
    written = {
        value,
        quote(value, safe="", errors="replace"),  # a file's name may hold what is no text
        quote(value, safe="@", errors="replace"),
        quote_plus(value, errors="replace"),
        json.dumps(value)[1:-1],
        html.escape(value),
    }
    yield from sorted(map(re.escape, written), key=len, reverse=True)
    local, at, _ = value.rpartition("@")
    if at and len(local) >= SHORTEST:
        yield rf"(?<![^\W_]){re.escape(local)}(?![^\W_])"
    digits = [char for char in value if char.isdigit()]
    if not at and len(digits) >= 8 and len(digits) >= len(value) // 2:
        # As a national number it may lack the digits of its country.
        country, rest = digits[:_COUNTRY_DIGITS], digits[_COUNTRY_DIGITS:]
        begin = "".join(f"(?:{digit}{_BETWEEN_DIGITS})?" for digit in country)
        yield r"\+?" + begin + _BETWEEN_DIGITS.join(rest)


def without_keys(text: str, keys: Iterable[str]) -> str:
    """Text without these keys, however they are encoded, and without anything that follows `Bearer` or `Basic`."""
    for key in filter(None, keys):
        for written in {key, quote(key, safe=""), json.dumps(key)[1:-1], base64.b64encode(key.encode()).decode()}:
            text = text.replace(written, KEY_SHOWN)
    return _CREDENTIALS.sub(rf"\1 {KEY_SHOWN}", text)
