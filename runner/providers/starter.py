"""The profile that `runner providers new` writes: complete, commented, and right as it is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from importlib import resources
from typing import Final

from runner.errors import UsageError

PORT: Final = 8765
"""Where a starter's provider is: on this machine, for `runner sandbox`, until somebody writes the real address."""

_ADDRESS: Final = f"http://127.0.0.1:{PORT}"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TEXT = r"\"[^\"\n]*\"|'[^'\n]*'"
_OWN_NAME = re.compile(rf"^name *= *(?:{_TEXT})", re.MULTILINE)
_BASE_URL = re.compile(rf"^base_url *= *({_TEXT}).*$", re.MULTILINE)
_FIRST_TABLE = re.compile(r"^\[", re.MULTILINE)


def starter_text(name: str) -> str:
    """A profile to fill in. UsageError: not a name."""
    check_name(name)
    template = (resources.files(__package__) / "starter.txt").read_text(encoding="utf-8")
    return template.replace("@name@", name).replace("@NAME@", name.upper()).replace("@address@", _ADDRESS)


def copied_text(text: str, name: str) -> str:
    """A profile's own text under another name, its address turned to this machine, the real one kept beside it.

    UsageError: not a name; or the profile is written in a way that a copy cannot be turned: nobody may believe that a
    copy asks the sandbox while it asks, and pays, the real provider.
    """
    check_name(name)
    told = f"# {name}: begun as a copy of another profile; its address is this machine's, for runner sandbox.\n\n"
    first = _FIRST_TABLE.search(text)
    top = len(text) if first is None else first.start()
    copied = _once(_OWN_NAME, lambda _found: f"name = {json.dumps(name)}", text[:top]) + text[top:]
    turned = told + _once(
        _BASE_URL, lambda found: f"base_url = {json.dumps(_ADDRESS)}    # in earnest: {found[1]}", copied
    )
    read = tomllib.loads(turned)
    if read.get("name") != name or (read.get("http") or {}).get("base_url") != _ADDRESS:
        raise UsageError(
            "this profile cannot be copied by the runner",
            why="Its name or base_url is not on a line of its own, so the copy would keep the real address.",
            fix=f"copy the file by hand, then change name to {name} and base_url to {_ADDRESS}",
        )
    return turned


def check_name(name: str) -> None:
    """UsageError unless a provider can be called so."""
    if not _NAME.fullmatch(name):
        suggestion = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_0123456789") or "acme"
        raise UsageError(
            f"a provider cannot be called {name!r}",
            why="Its name begins the names of columns: a-z, 0-9 and _, beginning with a letter.",
            fix=f"runner providers new {suggestion}",
        )


def _once(pattern: re.Pattern[str], made: Callable[[re.Match[str]], str], text: str) -> str:
    return pattern.sub(made, text, count=1)
