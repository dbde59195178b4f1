"""Room on the disk that a run sets aside for the answers that are on the way when it fills up."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

RESERVE_BYTES: Final = 4 * 1024 * 1024
"""Fifty answers of the largest lanes, with the pages of the database that they touch, take a fraction of it."""


class Reserve:
    """`<database>.reserve`: real bytes, there while a run is at work."""

    def __init__(self, database: Path) -> None:
        real = Path(os.path.realpath(database))
        self.path = real.with_name(f"{real.name}.reserve")

    def make(self) -> bool:
        """Take the room; False: there is none. One that a killed run left is used again."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                _fill(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            self.release()  # half of it would only take what the database needs
            return False
        return True

    def release(self) -> None:
        """Give the room back; safe to call twice."""
        with suppress(OSError):  # what cannot be removed is no loss: it is made again at the next start
            self.path.unlink(missing_ok=True)


def _fill(descriptor: int) -> None:
    if os.fstat(descriptor).st_size == RESERVE_BYTES:
        return
    os.ftruncate(descriptor, 0)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        return
    written = 0
    while written < RESERVE_BYTES:  # a file that is only made long takes no room
        written += os.write(descriptor, bytes(min(65_536, RESERVE_BYTES - written)))
    os.fsync(descriptor)
