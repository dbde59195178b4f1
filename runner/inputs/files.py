"""Files that a list names: looked for inside its folder alone, told apart by their content, never held whole.

A list may come from anybody. Whatever it says, nothing outside its folder is opened, no hidden file (the `.env` beside
it holds keys), and nothing but a regular file: a device could block for ever, and with `/etc/passwd` in a cell a
stranger would have it sent to a provider.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from runner.domain.file_value import FileValue
from runner.in_use import is_in_use
from runner.inputs.cell import EMPTY, Accepted, Checker, Refused, trim

_PIECE: Final = 256 * 1024
_NO_SUCH_FILE: Final = Refused("no-such-file")
_NOT_A_FILE: Final = Refused("not-a-file")
_TOO_LARGE: Final = Refused("too-large")
_EMPTY_FILE: Final = Refused("empty-file")
_UNREADABLE: Final = Refused("unreadable")
_OUTSIDE: Final = Refused("outside-folder")
_HIDDEN: Final = Refused("hidden-file")
_IN_USE: Final = Refused("database-in-use")
_NO_FILE_CAN_BE_CALLED_SO: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


class _Found(NamedTuple):
    """A regular file, by its real path, and how large it says it is."""

    path: Path
    bytes: int


_Find = Callable[[str], _Found | Refused]


def file_checker(*, folder: Path, most_bytes: int, anywhere: bool = False) -> Checker:
    """The key is the SHA-256 of the content, sent is a `FileValue`'s text; shown is the path as it was written.

    A relative path starts at `folder`; unless `anywhere`, what is really outside of it is refused, and hidden files.
    Refuses with `no-such-file`, `not-a-file`, `outside-folder`, `hidden-file`, `database-in-use`, `unreadable`,
    `empty-file` or `too-large` (over `most_bytes`).
    """
    find = _finder(folder, anywhere=anywhere)

    def check(cell: str, _region: str | None) -> Accepted | Refused:
        found = find(cell)
        if isinstance(found, Refused):
            return found
        if found.bytes > most_bytes:
            return _TOO_LARGE
        digest = _digest(found.path, most_bytes)
        if isinstance(digest, Refused):
            return digest
        return Accepted(digest, FileValue(digest, str(found.path)).text, shown=trim(cell))

    return check


def file_glance(*, folder: Path, most_bytes: int) -> Checker:
    """As `file_checker`, but nothing is read: for judging a column, which a thousand files of 5 MB would hold up."""
    find = _finder(folder, anywhere=False)

    def check(cell: str, _region: str | None) -> Accepted | Refused:
        found = find(cell)
        if isinstance(found, Refused):
            return found
        return _TOO_LARGE if found.bytes > most_bytes else Accepted(str(found.path), str(found.path))

    return check


def _finder(folder: Path, *, anywhere: bool) -> _Find:
    home = Path(os.path.normpath(folder.absolute()))
    real_home = folder.resolve()

    def find(cell: str) -> _Found | Refused:
        name = trim(cell)
        if not name:
            return EMPTY
        place = home / name
        # Before anything asks the file system: on Windows a look at \\server\share is a login there.
        written = Path(os.path.normpath(place))
        if not (anywhere or written.is_relative_to(home) or written.is_relative_to(real_home)):
            return _OUTSIDE
        try:
            real = Path(os.path.realpath(place, strict=True))
            if not (anywhere or real.is_relative_to(real_home)):
                return _OUTSIDE
            # A folder that is hidden hides what is in it: keys lie in `.ssh` and `.aws` as they do in `.env`.
            if not anywhere and any(part.startswith(".") for part in real.relative_to(real_home).parts):
                return _HIDDEN
            known = real.stat()
        except (OSError, ValueError) as error:  # ValueError: a NUL, or what no file system can spell
            return _refusal(error)
        if is_in_use(real):
            return _IN_USE
        return _Found(real, known.st_size) if stat.S_ISREG(known.st_mode) else _NOT_A_FILE

    return find


def _digest(path: Path, most_bytes: int) -> str | Refused:
    """The SHA-256 of a regular file, read in pieces and never further than one byte over the most."""
    try:
        with _open(path) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):  # it was one a moment ago
                return _NOT_A_FILE
            digest, size = hashlib.sha256(), 0
            while piece := stream.read(min(_PIECE, most_bytes + 1 - size)):
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        return _refusal(error)
    if size > most_bytes:
        return _TOO_LARGE
    return digest.hexdigest() if size else _EMPTY_FILE


def _open(path: Path) -> BinaryIO:
    # Without waiting: what turned into a pipe since it was looked at would wait for a writer.
    waits_not = getattr(os, "O_NONBLOCK", 0)
    return open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | waits_not))


def _refusal(error: OSError | ValueError) -> Refused:
    if isinstance(error, ValueError) or error.errno in _NO_FILE_CAN_BE_CALLED_SO:
        return _NO_SUCH_FILE
    return _UNREADABLE
