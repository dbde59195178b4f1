"""Headers that are keys, by their names and by what issuers let a key begin with. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_NAMES: Final = frozenset(
    {"authorization", "proxy-authorization", "authentication-info", "cookie", "set-cookie", "set-cookie2", "x-api-key"}
)
_PARTS: Final = ("token", "secret", "api-key", "apikey", "password")

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # "XAuthKey" has three, as "X-AUTH-KEY"
_SECRET_WORDS: Final = frozenset(
    (
        "auth",
        "authentication",
        "credential",
        "credentials",
        "jwt",
        "key",
        "passphrase",
        "passwd",
        "session",
        "signature",
    )
)
"""Whole words beside those parts: `X-Author`, `X-Keyboard` and `X-Sessions` are nobody's key."""

_ABOUT: Final = frozenset({"type", "version", "mode", "method", "scheme", "format", "algorithm"})
"""The last word of a header that says something of a key, and is none."""

_BEGINNING: Final = re.compile(
    r"""
    (?i:bearer)\s+\S | (?i:basic)\s+[A-Za-z0-9+/=]{8} | (?i:token|api-?key)\s+(?=\S*\d)\S{8}
    | [spr]k[_-](?:live|test|prod|proj)[_-]\S | sk[_-][\w-]{8} | pk_\d+_\w  # not the languages "sk-SK,sk"
    | eyJ[\w-]{8}  # the beginning of a JSON object in base64: a JWT
    | gh[opsur]_\w{8} | github_pat_\w | glpat-\S | xox[a-z]-\S | whsec_\S
    | AKIA[A-Z0-9]{12} | AIza[\w-]{20} | SG\.[\w-]{8} | hf_[A-Za-z0-9]{16}
    """,
    re.VERBOSE,
)


@lru_cache(maxsize=256)
def holds_a_secret(name: str) -> bool:
    """Whether a header of this name, in small letters, carries a cookie or credentials: an answer's is not kept."""
    return name in _NAMES or any(part in name for part in _PARTS)


def names_a_key(name: str) -> bool:
    """Whether a request's header of this name is there to carry a key: it is not written into a file. More are than
    `holds_a_secret` knows: what an answer sends back under such a name (`X-Session-Id`) may be what support asks for.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if holds_a_secret(name.lower()):
        return True
    return not _SECRET_WORDS.isdisjoint(words) and words[-1] not in _ABOUT


def begins_as_a_key(value: str) -> bool:
    """Whether a text has the signs at its beginning that issuers give to keys, so that these are recognised."""
    return _BEGINNING.match(value) is not None
