"""One person as they may be written: an e-mail address or a phone number in every spelling that means the same.

Spellings: letters of either case, percent-encoded (also twice), in the escapes of JSON and HTML, a phone's digits with
what people put between them. What is packed or encrypted is not seen through.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

ERASED: Final = "[erased]"
"""What stands where a person stood."""

_ESCAPED_BEFORE: Final = r"(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})"
_BETWEEN: Final = r"(?:[\s().\-/~\u2010-\u2015\u2212]|%(?:25)*2[089DEF]|%(?:25)*C2%A0){0,4}"
_PLUS: Final = r"(?:\+|%(?:25)*2B|\\+u002b|&\#(?:43|x2b);)"
_NAMED: Final = {"&": ("&amp;",), "'": ("&apos;",)}
_SHORTEST_NATIONAL: Final = 7
_NO_DIGITS: Final = bytes(byte for byte in range(256) if not 48 <= byte <= 57)
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is looked for. `key` is what jobs are told apart by. Never shown."""

    key: str = field(repr=False)
    whole: re.Pattern[str] = field(repr=False)  # a cell that is theirs
    inside: re.Pattern[str] = field(repr=False)  # a piece of a text
    loose: re.Pattern[str] = field(repr=False)  # the same, whatever stands beside it
    hint: str = field(repr=False)  # what each spelling without escapes has: small letters, or of a phone its digits

    def owns(self, cell: str) -> bool:
        """Whether a cell is this address or number, and nothing else."""
        return self.whole.fullmatch(_plain(cell).strip()) is not None

    def stands_in(self, text: str) -> bool:
        """Whether a text names them anywhere."""
        plain = _plain(text)
        if not self._may_stand_in(plain):  # a list has millions of cells that are others'
            return False
        return self.inside.search(text) is not None or (plain != text and self.inside.search(plain) is not None)

    def _may_stand_in(self, plain: str) -> bool:
        if "%" in plain or "\\" in plain or "&" in plain:
            return True
        if self.hint.isdigit():
            return self.hint in plain.encode("ascii", "replace").translate(None, _NO_DIGITS).decode()
        return self.hint in plain.lower()

    def without(self, text: str) -> str:
        """The text with `ERASED` in their place."""
        left = self.inside.sub(ERASED, text)
        return ERASED if self.stands_in(left) else left  # in full-width digits, say: then none of it stays

    def without_json(self, value: Any) -> Any:
        """The same for every text of a JSON value, names among them; a number that is theirs becomes null."""
        match value:
            case str():
                return self.without(value)
            case bool() | None:
                return value
            case int() | float():
                return None if self.stands_in(str(value)) else value
            case list():
                return [self.without_json(item) for item in value]
            case dict():
                return {self.without(str(name)): self.without_json(item) for name, item in value.items()}
            case _:
                return None


def by_email(key: str, *, domains: Iterable[str]) -> Person:
    """`key`: the address in small letters; `domains`: its domain as it may be written (A-labels, U-labels)."""
    local, _, domain = key.rpartition("@")
    names = "|".join(_spelled(name) for name in sorted({domain, *domains}, key=len, reverse=True))
    loose = f"{_spelled(local)}{_char('@')}(?:{names})"
    before = rf"(?:(?<!\w)(?<!\w[.+\-'])|{_ESCAPED_BEFORE})"
    return Person(
        key=key,
        whole=_compiled(loose),
        inside=_compiled(rf"{before}{loose}(?!\w)(?![.\-]\w)"),
        loose=_compiled(loose),
        hint=max(re.findall(r"[a-z0-9]+", local), key=len, default=""),
    )


def by_phone(key: str, *, code: str) -> Person:
    """`key`: the number in E.164; `code`: the digits of its country."""
    national = key[1 + len(code) :]
    number = _BETWEEN.join(map(_char, national))
    zero = _char("0")
    abroad = rf"(?:{_PLUS}{_BETWEEN})?(?:{zero}{zero}{_BETWEEN})?{_spelled(code)}{_BETWEEN}(?:{zero}{_BETWEEN})?"
    home = f"(?:{abroad}|{zero}{_BETWEEN})?"  # too short a number may be any figure
    prefix = home if len(national) >= _SHORTEST_NATIONAL else f"(?:{abroad})"
    inside = rf"(?:(?<!\d)|{_ESCAPED_BEFORE}){prefix}{number}(?!\d)"
    return Person(
        key=key,
        whole=_compiled(rf"'?{abroad}{number}(?:\.0)?"),
        inside=_compiled(inside),
        loose=_compiled(f"{abroad}{number}"),
        hint=national,
    )


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _plain(text: str) -> str:
    """Without full-width digits and marks that have no glyph."""
    return text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def _spelled(text: str) -> str:
    return "".join(map(_char, text))


def _char(char: str) -> str:
    """One character in every way it may be written; case is ignored by the whole pattern, but not in its codes."""
    ways = dict.fromkeys([re.escape(char), *map(re.escape, _NAMED.get(char, ()))])
    for one in dict.fromkeys([char, char.lower(), char.upper()]):
        if len(one) != 1:
            continue
        encoded = "".join(rf"%(?:25)*{byte:02x}" for byte in one.encode())
        units = one.encode("utf-16-be")
        escaped = "".join(rf"\\+u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
        ways |= dict.fromkeys([encoded, escaped, rf"&\#0*{ord(one)};", rf"&\#x0*{ord(one):x};"])
    return f"(?:{'|'.join(ways)})"
