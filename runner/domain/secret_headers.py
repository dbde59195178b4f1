"""Headers whose values are keys, by their names. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

_NAMES: Final = frozenset(
    {"authorization", "proxy-authorization", "authentication-info", "cookie", "set-cookie", "set-cookie2", "x-api-key"}
)
_PARTS: Final = ("token", "secret", "api-key", "apikey", "password")


@lru_cache(maxsize=256)
def holds_a_secret(name: str) -> bool:
    """Whether a header of this name, in small letters, carries a cookie or credentials: it is neither kept nor written
    into a file."""
    return name in _NAMES or any(part in name for part in _PARTS)
