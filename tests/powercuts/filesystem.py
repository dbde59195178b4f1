"""SQLite's file system for one life of a program: everything goes through to real files, and into a `Disk`'s record.

It stands on SQLite's own for Unix, so locks and the shared memory of the write-ahead log are the real ones, and several
connections see each other as they do in a run. Only a sync does not reach the disk: its place in the record is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import apsw

from tests.powercuts.disk import Disk, Kind, Step

BASE: Final = "unix"
_FOLDER_TOO: Final = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
"""The first sync of such a file covers its folder too: SQLite's file system for Unix does that."""
_numbers = count(1)

Refuse = Callable[[str], bool]
"""Whether the next sync of the file with this name fails (EIO)."""


def never(_: str) -> bool:
    """Every sync succeeds."""
    return False


class RecordedFile(apsw.VFSFile):
    """One open file."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename, flags: list[int], refuse: Refuse) -> None:
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        is_new = not path.exists()
        super().__init__(BASE, name, flags)
        known = disk.number(path.name)
        self._number = disk.make(path.name) if is_new or known is None else known
        self._name = path.name
        self._disk = disk
        self._refuse = refuse
        self._folder = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _FOLDER_TOO)

    def _record(self, kind: Kind, **what: Any) -> None:
        self._disk.steps.append(Step(kind=kind, file=self._number, name=self._name, **what))

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802  # SQLite's name
        """Through, and recorded."""
        super().xWrite(data, offset)
        self._record(Kind.WRITE, offset=offset, data=bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802  # SQLite's name
        """Through, and recorded."""
        super().xTruncate(newsize)
        self._record(Kind.TRUNCATE, offset=newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802  # SQLite's name
        """Recorded."""
        failed = self._refuse(self._name)
        self._record(Kind.SYNC, folder=self._folder, failed=failed)
        if failed:
            raise apsw.exception_for(apsw.SQLITE_IOERR_FSYNC)
        self._folder = False


class _FileSystem(apsw.VFS):
    def __init__(self, name: str, disk: Disk, refuse: Refuse) -> None:
        super().__init__(name, BASE)
        self._disk = disk
        self._refuse = refuse

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # SQLite's name
        """A recorded file; a nameless one is SQLite's own affair."""
        if name is None:
            return apsw.VFSFile(BASE, name, flags)
        return RecordedFile(self._disk, name, flags, self._refuse)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802  # SQLite's name
        """Through, and recorded. No sync of the folder is asked for where a write-ahead log is used."""
        super().xDelete(filename, syncdir)
        self._disk.remove(Path(filename).name)


@contextmanager
def recording(disk: Disk, *, refuse: Refuse = never) -> Generator[str]:
    """The name under which SQLite knows a file system that records into `disk`, as long as we are inside."""
    name = f"recorded-{next(_numbers)}"
    system = _FileSystem(name, disk, refuse)
    try:
        yield name
    finally:
        system.unregister()
