"""Names of batches and files as one types them behind a command, and any text as TOML has it. Pure."""

from __future__ import annotations

import json
import re
from shlex import quote
from typing import Final

PLACE_FLAGS: Final = ("--db", "--config", "--env-file")
"""Those that say where a command works; each has one value, a file."""

_ONE_WORD: Final = re.compile(r"[\w.@+-]+")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def typed_name(name: str) -> str:
    """A batch's name as one word of a shell, for every command that is proposed: a name of one's own may hold spaces.

    `leads-defastra-email` and `müller-2` stay as they are, `my leads` becomes `'my leads'`.
    """
    return name if _ONE_WORD.fullmatch(name) else quote(name)


def as_file(path: str) -> str:
    """A file or folder that no command takes for an option: `-x.csv` becomes `./-x.csv`, `-d/x.csv` `./-d/x.csv`."""
    return f"./{path}" if path.startswith("-") else path


def typed_file(path: str) -> str:
    """`as_file` as one word of a shell, for every command that is proposed."""
    return quote(as_file(path))


def toml_key(name: str) -> str:
    """A name as one key of TOML, for every setting that is proposed: `crm` stays, `x.db` becomes `"x.db"`, which would
    be two keys."""
    return name if _BARE_KEY.fullmatch(name) else toml_text(name)


def toml_text(value: str) -> str:
    """A text as TOML has it, in double quotes, for every setting that is proposed or written."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML's escapes are JSON's, and DEL
