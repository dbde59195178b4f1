"""Where words go: data to stdout, everything else to stderr. A reader that went away never ends a run."""

from __future__ import annotations

import codecs
import getpass
import json
import os
import select
import sys
import warnings
from collections.abc import Mapping
from io import TextIOWrapper
from typing import Any, Final, TextIO

from runner.cli.text import clean
from runner.errors import RunnerError, UsageError


class Screen:
    """The two streams of a command. `quiet` keeps everything but errors and data to itself.

    Writing never raises: a closed pipe or terminal makes the stream deaf from then on.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._deaf: set[int] = set()

    def data(self, text: str) -> None:
        """A piece of what the command was asked for, on stdout, as it is, with a line end."""
        self._write(sys.stdout, text)

    def json(self, value: Mapping[str, Any]) -> None:
        """One object on one line of stdout."""
        self.data(json_text(value, sys.stdout))

    def is_deaf(self) -> bool:
        """Whether nobody reads stdout any more: writing failed, or its other end is shut."""
        return id(sys.stdout) in self._deaf or _is_left(sys.stdout)

    def say(self, text: str) -> None:
        """Something for the person at work, on stderr, unless quiet."""
        if not self.quiet:
            self._write(sys.stderr, text)

    def error(self, error: RunnerError) -> None:
        """What, why and fix on stderr; quiet or not."""
        parts = [("error: ", error.what, "bold red"), ("  why: ", error.why, "bold"), ("  fix: ", error.fix, "bold")]
        for label, text, style in parts:
            if text:
                lines = "\n       ".join(map(clean, text.splitlines()))
                self._write(sys.stderr, label + lines, label=label, style=style)

    def ask(self, question: str) -> bool:
        """A yes-or-no question on stderr; only `y` and `yes` say yes. Ask only if `can_ask()`."""
        try:
            sys.stderr.write(f"{question} [y/N] ")
            sys.stderr.flush()
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        except OSError:
            return False

    def ask_text(self, question: str) -> str:
        """A question on stderr and its answer, trimmed. KeyboardInterrupt at the end of input. Ask if `can_ask()`."""
        sys.stderr.write(question)
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise KeyboardInterrupt
        return answer.strip()

    def ask_hidden(self, question: str) -> str:
        """A question whose answer the terminal does not show. UsageError where it cannot be kept from showing it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", getpass.GetPassWarning)
                return getpass.getpass(question, stream=sys.stderr).strip()
        except EOFError:
            raise KeyboardInterrupt from None
        except getpass.GetPassWarning as error:
            raise UsageError(
                "the key would be shown on this terminal",
                why="it cannot be told not to show what is typed",
                fix="runner init --provider NAME --key-from-stdin < FILE-WITH-THE-KEY",
            ) from error

    def _write(self, stream: TextIO, text: str, *, label: str = "", style: str = "") -> None:
        if id(stream) in self._deaf:
            return
        try:
            if label and has_colour(stream):
                _print_styled(stream, label, text.removeprefix(label), style)
            else:
                stream.write(f"{text}\n")
                stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed under us
            self._deaf.add(id(stream))


def _print_styled(stream: TextIO, label: str, text: str, style: str) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(file=stream, soft_wrap=True).print(Text.assemble((label, style), text))


def _is_left(stream: TextIO) -> bool:
    """Asked of the system, as a command that has nothing new to write would never hear of it."""
    try:
        looker = select.poll()  # not everywhere
        looker.register(stream.fileno(), 0)
        return bool(looker.poll(0))
    except (AttributeError, OSError, ValueError):  # not a file, or closed
        return False


def last_words(text: str) -> None:
    """One line on stderr if it can be written without waiting: the process is about to end."""
    try:
        descriptor = sys.stderr.fileno()
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, f"\n{text}\n".encode())
    except (OSError, ValueError):
        return


def is_live(stream: TextIO) -> bool:
    """Whether motion makes sense: a terminal that can move its cursor."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:  # closed
        return False


def has_colour(stream: TextIO) -> bool:
    """Whether colour makes sense: a live terminal whose owner did not say NO_COLOR."""
    return is_live(stream) and not os.environ.get("NO_COLOR")


def has_letters(stream: TextIO) -> bool:
    """Whether it shows more than ASCII: its encoding can, and so can the terminal, as far as its owner says (LC_ALL,
    LC_CTYPE, LANG). The encoding alone would not do: Python writes UTF-8 in the locale `C` too."""
    if not (getattr(stream, "encoding", None) or "").lower().startswith("utf"):
        return False
    everything, kind, rest = (os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if kind == "C.UTF-8" and rest in ("", "C", "POSIX"):
        kind = ""  # Python's own doing (PEP 538), so that what is written can be more than ASCII: no word of the owner
    return os.name != "posix" or "utf" in (everything or kind or rest).lower()


def json_text(value: Mapping[str, Any], stream: TextIO, *, indent: int | None = None) -> str:
    """An object as JSON for a stream, on one line without `indent`. ASCII where its encoding has not every letter, as
    who reads it takes it for UTF-8."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    separators = (",", ":" if indent is None else ": ")
    return json.dumps(value, ensure_ascii=not encoding.startswith("utf"), indent=indent, separators=separators)


def can_ask() -> bool:
    """Whether somebody is there to answer: stdin and stderr are both a terminal."""
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # no stdin, or closed
        return False


def error_object(error: RunnerError) -> dict[str, Any]:
    """An error as the contract's JSON object."""
    return {"schema": 1, "error": {"code": error.code, "what": error.what, "why": error.why, "fix": error.fix}}


_ESCAPED: Final = "runner.escaped"
_LOSING: Final = ("strict", "surrogateescape", "backslashreplace")


def prepare_streams() -> None:
    """What an encoding has no letter for is written as `\\u00e9`, as JSON does it: else it would be an error. Somebody
    who chose another way (`PYTHONIOENCODING=ascii:replace`) keeps it."""
    codecs.register_error(_ESCAPED, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors in _LOSING:
            stream.reconfigure(errors=_ESCAPED)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def settle_streams() -> None:
    """Flush both streams; one whose reader went away is pointed at nothing, so that the interpreter stays silent."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _point_at_nothing(stream)


def _point_at_nothing(stream: TextIO) -> None:
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    except (OSError, ValueError):
        return
