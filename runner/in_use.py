"""Databases that this process has open through SQLite: no other code of it may open their files.

SQLite's locks are locks of the process, not of a descriptor: whoever opens such a file in another way and closes it
again gives all of them up (https://sqlite.org/howtocorrupt.html, 2.2). The next process to close the database then
takes itself for the last one, and deletes the log that is being written here: what is paid for from then on is lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from weakref import WeakSet

_ENDINGS: Final = ("", "-wal", "-shm", "-journal")
_HOLDS: Final[WeakSet[Hold]] = WeakSet()
_MUTEX: Final = threading.Lock()  # a library may run in one thread and look in another


class Hold:
    """As long as it is kept, the file counts as open."""

    def __init__(self, path: str | Path) -> None:
        self.path = os.path.realpath(path)
        with _MUTEX:
            _HOLDS.add(self)


@contextmanager
def holding(path: str | Path | None) -> Iterator[None]:
    """While inside, the file counts as open; None: it is none of SQLite's."""
    hold = Hold(path) if path is not None else None
    try:
        yield
    finally:
        del hold


def is_in_use(path: str | Path) -> bool:
    """Whether a path leads, by whatever name, to such a file or to what SQLite keeps beside it. It is not opened."""
    with _MUTEX:
        held = {hold.path for hold in _HOLDS}
    known = identity(path) if held else None
    if known is None:
        return False
    return any(
        there is not None and os.path.samestat(known, there)
        for one in held
        for there in (identity(f"{one}{ending}") for ending in _ENDINGS)
    )


def identity(path: str | Path) -> os.stat_result | None:
    """Which file a path leads to, for `os.path.samestat`; None: to none. It is not opened."""
    try:
        return os.stat(path)  # noqa: PTH116 - one call for each file of a list, and three after each commit
    except (OSError, ValueError):  # not there, or no name of a file
        return None
