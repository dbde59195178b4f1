"""The content of a file that a job names: read when it is sent, and only if it is still what the list was read with."""

from __future__ import annotations

import hashlib
import os
import stat

from runner.domain.file_value import FileValue
from runner.engine.ports import UnsendableError
from runner.in_use import is_in_use

MISSING, CHANGED, UNREADABLE = "file-missing", "file-changed", "file-unreadable"
"""The reasons under which a row fails. None is final: put the file back, and the same command sends it."""


def read_content(name: str, text: str, *, most_bytes: int) -> str:
    """The file of a `FileValue`'s text: as UTF-8, else as latin-1, which has a character for every byte.

    `name` is the parameter. Raises `UnsendableError` with a reason: the file is gone, cannot be read, or has another
    content; and without one where `text` names no file at all.
    """
    try:
        value = FileValue.parse(text)
    except ValueError:
        raise UnsendableError(f"the parameter {name} names no file") from None
    content = _read(name, value.path, most_bytes)
    if content is None or hashlib.sha256(content).hexdigest() != value.sha256:
        raise UnsendableError(f"the file of {name} changed since the list was loaded", reason=CHANGED)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _read(name: str, path: str, most_bytes: int) -> bytes | None:
    """The bytes; None if the path leads to something else than a file of that size at most."""
    if is_in_use(path):
        raise UnsendableError(f"the file of {name} is a database, and open here", reason=UNREADABLE)
    # Without waiting: a pipe in the file's place would wait for a writer, and the whole run with it.
    waits_not = getattr(os, "O_NONBLOCK", 0)
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | waits_not)) as stream:
            known = os.fstat(stream.fileno())
            if not stat.S_ISREG(known.st_mode) or known.st_size > most_bytes:
                return None
            return stream.read(most_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise UnsendableError(f"the file of {name} is gone", reason=MISSING) from None
    except IsADirectoryError:
        return None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UnsendableError(f"the file of {name} cannot be read: {why}", reason=UNREADABLE) from None
