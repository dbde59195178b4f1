"""Where something may be sent: https, or plain http to this machine itself; and what may be shown or kept of an
address, of a database too. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_SQLITE: Final = re.compile(r"sqlite(?:\+\w+)?://[^/?]*/([^?]+)")
_FILE_URI: Final = re.compile(r"file:(?://[^/?]*)?([^?#]*)")  # SQLite's own
_PASSWORD: Final = re.compile(  # @, / and ? in it should be encoded, and may not be
    r"""
    (?<=://)
    (?!(?:[^:/]*@)?\[[\da-f.]*:[\da-f:.]*(?:%\w+)?\])  # no user, or one without a password, and an IPv6 host
    ([^:/]*):
    (?!\d{1,5}/[^?@]*\?[^=&@]+=)                        # a port, a database, and an option that holds an @
    (?:@|[^@]++)(?:[^?]|\?(?![^=&@]+=))*@               # to the last @, but never over ?name= behind the first
    """,
    re.IGNORECASE | re.VERBOSE,
)
_OPTION: Final = re.compile(r"(?<=[?&])([^=&]*)=[^&]*")
_SECRET: Final = re.compile(r"pass(?!file)|pwd|secret|token|(?<!ssl)(?<!ssl_)key|cred|odbc_connect", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: 127.0.0.0/8, ::1, localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parsed_url(text: str) -> SplitResult | None:
    """The parts of an http or https URL with a host; None: it is none, or holds spaces or control characters."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if known and text.isprintable() and " " not in text else None


def hook_mistake(text: str) -> str | None:
    """Why nothing is told to this URL; None: it may be. Its path and query may hold a token."""
    parts = parsed_url(text)
    if parts is None:
        return 'must be a URL like "https://hooks.example.com/..."'
    if parts.username is not None or parts.fragment:
        return "must have no user, password or fragment"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "must be https: it would travel in the clear (http is for loopback alone)"
    return None


def shown_url(url: str) -> str:
    """`https://api.example.com/…`: scheme, host and port. User, path, query and fragment may hold values or a key."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "…"
    if not parts.scheme or not host:
        return "…"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}/…"


def sqlite_file(url: str) -> str | None:
    """The path of a SQLite database, in whatever way its URL says it; None: it is another database, or none."""
    found = _SQLITE.match(url)
    if found is None:
        return None
    path = unquote(found[1])
    as_uri = _FILE_URI.match(path)
    return unquote(as_uri[1]) if as_uri else path


def without_password(url: str) -> str:
    """A database's URL as it may be shown and kept: `postgresql://me:***@host/crm?sslpassword=***`."""

    def hidden(option: re.Match[str]) -> str:
        return f"{option[1]}=***" if _SECRET.search(unquote(option[1])) else option[0]

    return _OPTION.sub(hidden, _PASSWORD.sub(r"\1:***@", url, count=1))


def has_password(url: str) -> bool:
    """Whether a URL holds something that is neither kept nor taken from a command line, where others can read it."""
    return without_password(url) != url
