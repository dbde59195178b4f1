"""Notices that a run's database is no longer what its name leads to: moved, replaced, or its log deleted.

SQLite writes on in such files without an error, and what it writes is gone or nowhere to be found when they are closed.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from runner.errors import StoreError
from runner.in_use import identity

_SAME: Final = "then run the same command again: it recovers what was open"
_ENDINGS: Final = ("", "-wal", "-shm")


class AstrayError(Exception):
    """What was committed last may be in no file that anybody finds."""

    def __init__(self, failure: StoreError) -> None:
        super().__init__(failure.what)
        self.failure = failure


class LogGoneError(AstrayError):
    """All that was committed since the last checkpoint is in a log without a name: `rescue` it."""


class Whereabouts:
    """The file, its write-ahead log and that one's index, as they are while a run writes: none of them changes as long
    as it has them open."""

    def __init__(self, path: Path) -> None:
        real = Path(os.path.realpath(path))  # a symbolic link is the same database
        self._path = path
        self._files = [str(real.with_name(f"{real.name}{ending}")) for ending in _ENDINGS]
        # Known from the first commit on: until then the log is not there, and a layered file system may copy the file.
        self._known: list[os.stat_result | None] = [None for _ in _ENDINGS]

    def check(self) -> None:
        """AstrayError. After a commit: what lies between the last one and this has touched no file of that name."""
        now = [identity(file) for file in self._files]
        astray = [_differs(before, after) for before, after in zip(self._known, now, strict=True)]
        file, log, index = astray
        if file or now[0] is None:
            raise AstrayError(self._moved(now[0]))
        if log:
            raise LogGoneError(self._without("write-ahead log"))
        if index:  # other programs write by another one, and would not see what is written by this one
            raise AstrayError(self._without("index of the log"))
        self._known = now

    def _moved(self, now: os.stat_result | None) -> StoreError:
        what = "was moved away or deleted" if now is None else "was replaced by another file"
        return StoreError(
            f"{self._path.name} {what} while a run wrote to it",
            why="what it would write from now on nobody would find, so nothing more is sent",
            fix=f"put the file that it was back as {shlex.quote(str(self._path))}, {_SAME}",
        )

    def _without(self, part: str) -> StoreError:
        return StoreError(
            f"the {part} of {self._path.name} was deleted while a run wrote to it",
            why="a program has opened the file without SQLite, or removed what lies beside it; nothing more is sent",
            fix=f"end that program, {_SAME}",
        )


def _differs(before: os.stat_result | None, now: os.stat_result | None) -> bool:
    """None before: not known yet."""
    return before is not None and (now is None or not os.path.samestat(before, now))
