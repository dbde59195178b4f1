"""Files whose names begin with `-`, on a command line that takes them for options: the command that means the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote
from typing import Final

from runner.domain.addresses import has_password
from runner.domain.personal import redact, shown_name
from runner.domain.typed import PLACE_FLAGS, as_file
from runner.errors import UsageError
from runner.work.named import is_file

_END: Final = "--"  # of the options
_OPTION: Final = re.compile(r"-[opqv]|--\w.*", re.DOTALL)  # no batch is called like that
_JOINED: Final = re.compile(rf"({'|'.join(PLACE_FLAGS)})=(.+)", re.DOTALL)


def refuse_dashes(words: Sequence[str]) -> None:
    """UsageError: a file that is here would be read as short options in one word, `-out.csv` as `-o ut.csv`; or options
    stand behind `--` and a file, where nothing is an option."""
    place = words.index(_END) if _END in words else len(words)
    for before, word in zip(["", *words], words[:place], strict=False):
        if before != "-o" and len(word) > 2 and not word.startswith(_END) and _is_dashed_file(word):
            raise _taken_for_options(word, words)
    behind = words[place + 1 :]
    option = next((word for word in behind if _OPTION.fullmatch(word) and not is_file(word)), None)
    if option is not None and any(map(is_file, behind)):
        raise UsageError(
            f"{redact(option)} stands behind {_END}",
            why="What stands there is a name, and never an option.",
            fix=_again([*words[:place], *behind]),
        )


def unknown_dash(token: str, words: Sequence[str]) -> UsageError | None:
    """The error of an option that nobody knows, where a file of that name is here; None: none is."""
    return _taken_for_options(token, words) if _is_dashed_file(token) else None


def _taken_for_options(name: str, words: Sequence[str]) -> UsageError:
    return UsageError(
        f"{redact(shown_name(name))} was taken for an option",
        why="A file of that name is here; it begins with -, and so is written with ./ before it.",
        fix=_again(words),
    )


def _again(words: Sequence[str]) -> str:
    """The same command, with its files as files. What may be a person's is not repeated."""
    told: list[str] = []
    for word in words:
        joined = _JOINED.fullmatch(word)  # two words, as every proposed command has them
        told += [joined[1], _told(as_file(joined[2]))] if joined else [_told(word)]
    return " ".join(["runner", *map(quote, told)])


def _told(word: str) -> str:
    if is_file(word):
        return as_file(word)
    if redact(word) == word and not has_password(word):
        return word
    name, equals, _ = word.partition("=")
    # Of an address nothing: the password may hold the first `=`.
    return f"{name}=VALUE" if equals and redact(name) == name and "://" not in name else "VALUE"


def _is_dashed_file(word: str) -> bool:
    return word.startswith("-") and is_file(word)
