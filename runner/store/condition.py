"""The condition of a database file and of the folder it lies in. Looks, and changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from runner.engine.ports import Clock
from runner.store.database import Database

NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|lustre|davfs\d?|fuse\.(sshfs|rclone|s3fs|glusterfs|.*ceph)"
)
"""File systems that are shared between machines. SQLite's write-ahead log is for one machine alone."""

_MOUNTS = Path("/proc/self/mountinfo")
_STEPS = 100_000  # of SQLite's virtual machine, between two looks at the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where a database lies, or is to lie."""

    write_ahead_log: str  # empty: it works; else why not, for people
    file_system: str  # its type, such as "ext4"; empty where it cannot be told
    is_network: bool
    free_bytes: int | None  # None: cannot be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrity:
    """What SQLite's quick check says."""

    faults: tuple[str, ...]  # in SQLite's words; empty: none found
    complete: bool  # False: the time was up before the end


def sqlite_version() -> str:
    """Of the library that this Python is linked to."""
    return sqlite3.sqlite_version


def look_at_folder(folder: Path) -> Folder:
    """A folder as a home for databases. What is tried in it is removed again."""
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    kind = _file_system(nearest)
    try:
        free: int | None = shutil.disk_usage(nearest).free
    except OSError:
        free = None
    return Folder(
        write_ahead_log=_try_write_ahead_log(nearest),
        file_system=kind,
        is_network=NETWORK.fullmatch(kind) is not None,
        free_bytes=free,
    )


def check_integrity(path: Path, *, clock: Clock, seconds: float) -> Integrity:
    """SQLite's quick check, given up after `seconds`. SchemaError, StoreError: the file cannot be read at all."""
    deadline = clock.monotonic() + seconds
    with Database(path).reading() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError("the store's driver is sqlite3")
        driver.set_progress_handler(lambda: clock.monotonic() > deadline, _STEPS)
        try:
            found = connection.exec_driver_sql("PRAGMA quick_check(5)").scalars().all()
        except sa.exc.OperationalError:
            if clock.monotonic() <= deadline:
                raise
            return Integrity(faults=(), complete=False)
        finally:
            driver.set_progress_handler(None, 0)
    return Integrity(faults=tuple(str(one) for one in found if one != "ok"), complete=True)


def _try_write_ahead_log(folder: Path) -> str:
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".runner-doctor-", dir=folder) as place,
            closing(sqlite3.connect(Path(place) / "try.db")) as connection,
        ):
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            connection.execute("CREATE TABLE tried (at INTEGER)")
    except OSError as error:
        return error.strerror or type(error).__name__
    except sqlite3.Error as error:
        return str(error)
    return "" if mode == "wal" else f"SQLite keeps its journal as {mode!r} there"


def _file_system(path: Path) -> str:
    """The type of the file system that holds a path, where the system tells it in Linux's way."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    real = Path(os.path.realpath(path))
    found: tuple[int, str] = (-1, "")
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = Path(before.split(" ")[4].replace(r"\040", " "))
        if real.is_relative_to(mount) and len(mount.parts) >= found[0]:  # the last of equal ones lies on top
            found = (len(mount.parts), after.split(" ")[0])
    return found[1]
