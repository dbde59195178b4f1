"""Notices that a run's database is no longer what its name leads to: moved, replaced, or its log deleted.

SQLite writes on in such files without an error, and what it writes is gone or nowhere to be found when they are closed.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Final

from runner.errors import StoreError

_SAME: Final = "then run the same command again: it recovers what was open"


class AstrayError(Exception):
    """What was committed last may be in no file that anybody finds."""

    def __init__(self, failure: StoreError) -> None:
        super().__init__(failure.what)
        self.failure = failure


class Whereabouts:
    """The file and its write-ahead log, as they are while a run writes: neither changes as long as it has them open."""

    def __init__(self, path: Path) -> None:
        real = Path(os.path.realpath(path))  # a symbolic link is the same database
        self._path = path
        self._file, self._log = str(real), str(real.with_name(f"{real.name}-wal"))
        # Known from the first commit on: until then the log is not there, and a layered file system may copy the file.
        self._known_file: os.stat_result | None = None
        self._known_log: os.stat_result | None = None

    def check(self) -> None:
        """AstrayError. After a commit: what lies between the last one and this has touched no file of that name."""
        file, log = _stat(self._file), _stat(self._log)
        if self._known_file is not None and not _same(self._known_file, file):
            raise AstrayError(self._moved(file))
        if self._known_log is not None and not _same(self._known_log, log):
            raise AstrayError(self._without_log())
        self._known_file, self._known_log = file, log

    def _moved(self, now: os.stat_result | None) -> StoreError:
        what = "was moved away or deleted" if now is None else "was replaced by another file"
        return StoreError(
            f"{self._path.name} {what} while a run wrote to it",
            why="what it would write from now on nobody would find, so nothing more is sent",
            fix=f"put the file that it was back as {shlex.quote(str(self._path))}, {_SAME}",
        )

    def _without_log(self) -> StoreError:
        return StoreError(
            f"the write-ahead log of {self._path.name} was deleted while a run wrote to it",
            why="a program has opened the file without SQLite, or removed the log; nothing more is sent",
            fix=f"end that program, {_SAME}",
        )


def _same(one: os.stat_result, other: os.stat_result | None) -> bool:
    return other is not None and os.path.samestat(one, other)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - twice in each commit
    except OSError:  # not there, or not to be seen
        return None
