"""Commands that are proposed to people, aimed at the database and the settings that theirs was given.

Whoever makes a sentence aims it: what the library returns is aimed, and the command line aims what it says of its own
and the errors that end it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote
from typing import Final

COMMANDS: Final = (
    "doctor|check|run|load|status|explain|log|spend|report|pause|resume|cancel|tune|retry|export|sandbox"
    "|doubt (?:list|resolve)|providers (?:list|show|test|new)|config (?:show|path)"
    "|db (?:status|upgrade|backup|verify|purge|erase)"
)
"""Those that take --db, --config and --env-file. No other command takes them: demo, init, completion, config schema."""

_PROPOSED: Final = re.compile(
    # From the command to where it ends: a quoted word may hold anything.
    rf"(?<!no )(?<![\w/-])runner (?P<command>{COMMANDS})(?![\w-])(?P<rest>(?:'[^']*'|[^\n;,`'()|&])*)"
)


def aimed(text: str, flags: Sequence[str]) -> str:
    """`text` with `flags` ("--db", "other.db", ...) in each `runner ...` command that it proposes and that lacks them.

    They stand right behind the command's name: what follows it may end in prose.
    """
    if not flags:
        return text

    def with_flags(found: re.Match[str]) -> str:
        command, rest = found["command"], found["rest"]
        if "--help" in rest.split():
            return found[0]
        pairs = zip(flags[::2], flags[1::2], strict=True)
        lacking = [f" {flag} {quote(value)}" for flag, value in pairs if flag not in rest.split()]
        return f"runner {command}{''.join(lacking)}{rest}"

    return _PROPOSED.sub(with_flags, text)
