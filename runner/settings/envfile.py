"""A named env file: `KEY=VALUE` lines, comments, quotes. Read only when named; a stray `.env` is not looked at.

Writing one touches the line of one name alone, and leaves a file that its owner alone can read.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from runner.errors import ConfigError

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


def read_env_file(path: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables of a file, and sentences for people about it. No interpolation, no commands.

    ConfigError: the file cannot be read, or a line is not `KEY=VALUE` (named by its number, never shown).
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "It is not UTF-8 text."
        raise ConfigError(
            f"the env file {path} cannot be read",
            why=why or type(error).__name__,
            fix=f"--env-file FILE, with one of: ls -a {path.parent}",
        ) from error
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        value = None if match is None else _value(match[2])
        if match is None or value is None:
            raise ConfigError(
                f"the env file {path} cannot be read", why=f"Line {number} is not KEY=VALUE.", fix='KEY="value"'
            )
        values[match[1]] = value
    # Windows reports 0o666 for every writable file: nothing can be said there.
    open_to_others = os.name == "posix" and bool(mode & 0o077)
    return values, ((f"{path} can be read by other users: chmod 600 {path}",) if open_to_others else ())


def _value(text: str) -> str | None:
    """The value of one line; None when a quote is not closed or something follows it."""
    if text[:1] == "'":
        inside, closed, rest = text[1:].partition("'")
        return inside if closed and _nothing_but_comment(rest) else None
    if text[:1] == '"':
        match = re.match(r'"((?:[^"\\]|\\.)*)"(.*)', text)
        if match is None or not _nothing_but_comment(match[2]):
            return None
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), match[1])
    return re.split(r"\s#", text, maxsplit=1)[0].strip()


def _nothing_but_comment(rest: str) -> bool:
    return not rest.strip() or rest.lstrip().startswith("#")


def write_env_file(path: Path, name: str, value: str) -> bool:
    """Set one variable in the file, which is made with mode 0600 if it is missing; True if `name` was there before.

    Other lines stay as they are. The file is replaced as a whole, so that nobody ever sees half of it. ConfigError: it
    cannot be read as an env file, or not be written; then nothing is changed.
    """
    real = Path(os.path.realpath(path))  # a link to a file elsewhere stays a link
    before = ""
    if real.exists():
        read_env_file(real)
        before = real.read_text(encoding="utf-8-sig")
    after, known = with_variable(before, name, value)
    draft = real.with_name(f".{real.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(real)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise ConfigError(
            f"the env file {path} cannot be written",
            why=error.strerror or type(error).__name__,
            fix=f"make {path.parent} writable, or set the variable yourself: export {name}=...",
        ) from error
    return known


def with_variable(text: str, name: str, value: str) -> tuple[str, bool]:
    """The text of an env file with one variable set, and whether it was there. Its other lines are kept as they are."""
    line = f"{name}={_quoted(value)}"
    lines = text.splitlines()
    places = [
        number for number, one in enumerate(lines) if (found := _LINE.fullmatch(one.strip())) and found[1] == name
    ]
    if places:
        lines[places[0]] = line
        for number in reversed(places[1:]):  # the last of several wins when it is read: none may be left
            del lines[number]
    else:
        lines.append(line)
    return "\n".join([*lines, ""]), bool(places)


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w.:/+=@-]+", value, re.ASCII):
        return value
    if "'" not in value:
        return f"'{value}'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
