"""Names of batches and files as one types them behind a command. Pure."""

from __future__ import annotations

import re
from shlex import quote
from typing import Final

_ONE_WORD: Final = re.compile(r"[\w.@+-]+")


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
