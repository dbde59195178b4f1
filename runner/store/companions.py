"""Which files are a database, or belong to one: nothing that is written for somebody to read may take their place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from runner.in_use import is_in_use
from runner.store.spill import answers_path, aside

_BESIDE: Final = ("-wal", "-shm", "-journal", ".lock", ".reserve")
MAGIC: Final = b"SQLite format 3\0"
_MAGICS: Final = (
    MAGIC,
    b"\x37\x7f\x06\x82",  # a write-ahead log, by the order of its checksums' bytes
    b"\x37\x7f\x06\x83",
)


def companions(database: Path) -> tuple[Path, ...]:
    """The file itself and all that may stand beside it: SQLite's own, the lock, the reserve, kept answers."""
    real = Path(os.path.realpath(database))  # a symbolic link is the same database
    answers = answers_path(database)
    return (real, *(real.with_name(f"{real.name}{end}") for end in _BESIDE), answers, aside(answers))


def belongs_to(database: Path, path: Path) -> bool:
    """Whether a path leads to the database or what stands beside it, by whatever name. It is not opened: to close it
    would give up this process's locks on it, SQLite's too."""
    for file in companions(database):
        with suppress(OSError, ValueError):  # one of them is not there, or can be no file
            if path.samefile(file):
                return True
    return False


def is_database(path: Path) -> bool:
    """Whether a file holds an SQLite database, or the log of one: this one, another one, a backup."""
    if is_in_use(path):
        return True
    try:
        if not path.is_file():  # to open a pipe would be to wait for its other end
            return False
        with path.open("rb") as file:
            return file.read(16).startswith(_MAGICS)
    except OSError:  # not ours to read, or no name at all
        return False
