"""A file that is replaced whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.errors import RunnerError, StorageFullError, UsageError

_DEAD_SECONDS = 3600.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PART_BYTES = len("..12345678.part")  # that a part's name is longer than its target's
_NAME_BYTES = 255  # of any name, where nothing else is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an export came to."""

    path: Path | None  # the file that now holds it; None: the stream
    rows: int
    replaced: bool  # False: the target could not be replaced (open elsewhere), and `path` is `<name>.new.csv`


def nobody(_: Path) -> None:
    """Nobody is to be told of a finished file."""


def longest_name(folder: Path) -> int:
    """How many bytes the name of a target may have in that folder."""
    try:
        most = os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):  # Windows; a file system that does not say
        most = _NAME_BYTES
    return most - _PART_BYTES


def write_whole(
    target: Path, write: Callable[[BinaryIO], int], *, finished: Callable[[Path], None] = nobody
) -> Written:
    """Have `write` fill a temporary file beside the target (0600) and rename it. `write` returns the rows written.

    A target that exists keeps its permissions; a link stays a link. `finished` is called with the temporary file when
    it is whole, before it takes the target's place; what it raises leaves the target as it was. So do StorageFullError
    and UsageError.
    """
    real = target.resolve()
    if target.is_dir():
        raise UsageError(f"{target.name} is a directory", why="an export is one file", fix="-o DIRECTORY/NAME.csv")
    try:
        # A pipe or a device is written to, never renamed over; and by its own name: a shell's >(...) resolves to none.
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                return Written(path=target, rows=write(stream), replaced=True)
        return _replace(target, real, write, finished)
    except OSError as error:
        raise _trouble(target, error) from error


def _replace(target: Path, real: Path, write: Callable[[BinaryIO], int], finished: Callable[[Path], None]) -> Written:
    descriptor, name = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            rows = write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        _sweep(part, real)
        if real.exists():
            part.chmod(real.stat().st_mode & 0o777)
        finished(part)
        try:
            part.replace(real)
        except PermissionError:  # open in a program that locks it
            beside = _beside(target)
            part.replace(beside.resolve())
            return Written(path=beside, rows=rows, replaced=False)
        return Written(path=target, rows=rows, replaced=True)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _beside(target: Path) -> Path:
    """`leads.csv` -> `leads.new.csv`, `leads.csv.gz` -> `leads.new.csv.gz`: it keeps its format."""
    suffix = target.suffix
    if suffix == ".gz":
        suffix = Path(target.stem).suffix + suffix
    return target.with_name(f"{target.name.removesuffix(suffix)}.new{suffix}")


def _sweep(part: Path, real: Path) -> None:
    """Remove the parts of earlier exports that were killed. One that is still written to is younger than an hour."""
    now = part.stat().st_mtime
    for other in real.parent.glob(f".{glob.escape(real.name)}.????????.part"):
        with suppress(OSError):  # another export sweeps too
            if now - other.stat().st_mtime > _DEAD_SECONDS:
                other.unlink()


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
