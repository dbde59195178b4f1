"""A file that is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.errors import RunnerError, StorageFullError, UsageError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an export came to."""

    path: Path | None  # the file that now holds it; None: the stream
    rows: int
    replaced: bool  # False: the target could not be replaced (open elsewhere), and `path` is `<name>.new.csv`


def write_whole(target: Path, write: Callable[[BinaryIO], int]) -> Written:
    """Have `write` fill a temporary file beside the target (0600) and rename it. `write` returns the rows written.

    A target that exists keeps its permissions; a link stays a link. Raises StorageFullError or UsageError, and leaves
    the target as it was.
    """
    real = target.resolve()
    if real.is_dir():
        raise UsageError(f"{target.name} is a directory", why="an export is one file", fix="-o DIRECTORY/NAME.csv")
    try:
        if real.exists() and not real.is_file():  # a pipe or a device is written to, never renamed over
            with real.open("wb") as stream:
                return Written(path=target, rows=write(stream), replaced=True)
        return _replace(target, real, write)
    except OSError as error:
        raise _trouble(target, error) from error


def _replace(target: Path, real: Path, write: Callable[[BinaryIO], int]) -> Written:
    descriptor, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            rows = write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        if real.exists():
            part.chmod(real.stat().st_mode & 0o777)
        try:
            part.replace(real)
        except PermissionError:  # open in a program that locks it
            beside = target.with_name(f"{target.stem}.new{target.suffix}")
            part.replace(beside.resolve())
            return Written(path=beside, rows=rows, replaced=False)
        return Written(path=target, rows=rows, replaced=True)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _trouble(target: Path, error: OSError) -> RunnerError:
    if error.errno in _FULL:
        return StorageFullError(
            f"{target.name} could not be written: the disk is full",
            why="the file that was there is untouched",
            fix="Free some space, then run the same command again.",
        )
    return UsageError(
        f"{target.name} could not be written", why=error.strerror or str(error.errno), fix="-o FILE in another place"
    )
