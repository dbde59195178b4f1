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


def typed_file(name: str) -> str:
    """A file of this folder likewise; `-x.csv` is written `./-x.csv`, or it would be taken for an option."""
    return quote(f"./{name}" if name.startswith("-") else name)
