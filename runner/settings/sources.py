"""What is proposed for a `--source` that names neither a URL nor one of `[sources]`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import Final

from runner.domain.typed import toml_key
from runner.in_use import is_in_use
from runner.settings.home import at_home

_MAGIC: Final = b"SQLite format 3\0"
_ENDINGS: Final = frozenset({".db", ".db3", ".sqlite", ".sqlite3"})


def new_source(name: str, known: Iterable[str]) -> str:
    """The fix: the URL of a database file that is there; a name that is like one of the `known`; the URL of a file that
    may come to be; else the lines for runner.toml."""
    file = Path(at_home(name))
    begin = _beginning(file)
    as_database = file.suffix.lower() in _ENDINGS and not begin  # SQLite's own file is empty at first
    if begin == _MAGIC or (begin is not None and as_database):
        return _as_url(file)
    if near := difflib.get_close_matches(name, known, 1):
        return f"--source {quote(near[0])}"
    if as_database:
        return _as_url(file)
    return f'put this into runner.toml:\n[sources.{toml_key(name)}]\nurl = {{ env = "CRM_URL" }}'


def _beginning(file: Path) -> bytes | None:
    """The first bytes of a file; None: it is none, is not there, or cannot be read."""
    try:
        if is_in_use(file):
            return _MAGIC
        if not file.is_file():  # to open a pipe would be to wait for its other end
            return None
        with file.open("rb") as stream:
            return stream.read(len(_MAGIC))
    except OSError:
        return None


def _as_url(file: Path) -> str:
    path = str(file).replace("%", "%25").replace("?", "%3F")  # what begins an escape, and the options
    return f"--source {quote(f'sqlite:///{path}')}"
