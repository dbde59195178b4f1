"""What `[http]` must be to the requests: the key travels alone, nowhere written out, and a constant header is nobody
else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from runner.domain.personal import without_keys
from runner.domain.secret_headers import begins_as_a_key, names_a_key
from runner.providers.draft import table_at
from runner.providers.mistakes import Mistakes
from runner.providers.schema import BODY_KINDS, LITERAL_KEY

_CLIENTS: Final = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""What the connection and the body decide."""


def check_http(mistakes: Mistakes) -> None:
    """As written, whether or not all of it could be read. Neither names nor values below `auth` are quoted."""
    http = table_at(mistakes.tables, "http") or {}
    auth = table_at(http, "auth") or {}
    _check_query(auth, mistakes)
    _check_constants(auth, mistakes)
    own = http.get("client_request_id")
    if isinstance(own, str) and own.lower() == _key_header(auth):
        mistakes.add(("http", "client_request_id"), "the key travels in this header: our id needs another")
    seen: set[str] = set()
    for name, value in (table_at(http, "headers") or {}).items():
        taken = "is there twice: case does not matter" if name.lower() in seen else _taken(name.lower(), http, auth)
        if taken or _is_key(name, value, auth):
            mistakes.add(("http", "headers", name), taken or LITERAL_KEY)
        seen.add(name.lower())


def _check_query(auth: Mapping[str, Any], mistakes: Mistakes) -> None:
    """Sent twice, the key would be read as the row's value, or a value as the key."""
    for name, raw in (table_at(mistakes.tables, "operations") or {}).items():
        query = table_at(raw, "query") if isinstance(raw, dict) else None
        if auth.get("query") in list(query or ()):
            text = (
                f"is a parameter in operations.{name}.query too: take it out there, or name the one that takes the key"
            )
            mistakes.add(("http", "auth", "query"), text)


def _check_constants(auth: Mapping[str, Any], mistakes: Mistakes) -> None:
    """A text that is sent with each request and looks like a key is one, whatever its parameter is called."""
    for name, raw in (table_at(mistakes.tables, "operations") or {}).items():
        for kind in ("query", *BODY_KINDS):
            constants = table_at(raw, kind) if isinstance(raw, dict) else None
            for place, value in _texts(constants or {}):
                if _looks_like_a_key(value, auth):
                    mistakes.add(("operations", name, kind, *place), LITERAL_KEY)


def _texts(value: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each text in a table or list, with the way to it."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(member, (*place, str(name)))
    elif isinstance(value, list):
        for position, member in enumerate(value):
            yield from _texts(member, (*place, position))


def _taken(name: str, http: Mapping[str, Any], auth: Mapping[str, Any]) -> str:
    """Whose a header is already; empty: nobody's."""
    if name == _key_header(auth):
        return "the key travels in this header: auth sets it"
    if name == str(http.get("client_request_id", "")).lower():
        return "carries our id: client_request_id names it"
    return "is set by the connection and the body of each request" if name in _CLIENTS else ""


def _is_key(name: str, value: object, auth: Mapping[str, Any]) -> bool:
    """Whether a constant header would be a key, by its name or its value."""
    return isinstance(value, str) and (names_a_key(name) or _looks_like_a_key(value, auth))


def _looks_like_a_key(value: str, auth: Mapping[str, Any]) -> bool:
    """By what it begins with, or by the shape that `auth` says a key has."""
    if begins_as_a_key(value) or without_keys(value, ()) != value:
        return True
    pattern = auth.get("pattern")
    try:
        return isinstance(pattern, str) and re.search(pattern, value) is not None
    except re.error:  # told already
        return False


def _key_header(auth: Mapping[str, Any]) -> str | None:
    """The header that carries the key, in small letters; None: it travels elsewhere."""
    own = auth.get("header")
    if isinstance(own, str):
        return own.lower()
    return "authorization" if "bearer" in auth or "basic" in auth else None
