"""`export`: a batch's rows with their answers, into a file that was not somebody else's."""

from __future__ import annotations

import codecs
import hashlib
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from runner.domain.table import Dialect
from runner.errors import BatchError
from runner.exports import Written, format_of, write
from runner.exports.target import write_whole
from runner.store.marks import Marks
from runner.store.store import Store
from runner.store.values import BatchInfo
from runner.work.profiles import Profiles
from runner.work.results import Exported
from runner.work.shape import Shape, lines
from runner.work.tools import Tools

CSV = ".csv"


def export(info: BatchInfo, target: str | Path | TextIO, *, shape: Shape, overwrite: bool, tools: Tools) -> Exported:
    """The library's `export`: a path relative to its directory, or an open text stream."""
    if isinstance(target, str | Path):
        place: Path | BinaryIO = tools.settings.directory / Path(target).expanduser()
    else:
        place = binary(target)
    written = deliver(info, place, shape=shape, overwrite=overwrite, store=tools.store, profiles=tools.profiles)
    return Exported(batch=info.name, path=written.path, rows=written.rows, diverted=not written.replaced)


def binary(stream: TextIO) -> BinaryIO:
    """The bytes under a text stream: an export chooses its own encoding and line ends."""
    stream.flush()
    below = getattr(stream, "buffer", None)
    return below if below is not None else cast("BinaryIO", _Decoded(stream))


class _Decoded:
    """Bytes written into a text stream that has none under it (io.StringIO)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def write(self, data: bytes) -> int:
        self._stream.write(self._decoder.decode(data))
        return len(data)

    def flush(self) -> None:
        self._stream.flush()


def deliver(
    info: BatchInfo, target: Path | BinaryIO, *, shape: Shape, overwrite: bool, store: Store, profiles: Profiles
) -> Written:
    """Write the export and remember what was written. BatchError: the target is not this batch's to replace."""
    if isinstance(target, Path):
        check_target(info, target, overwrite=overwrite)
    operations = list(profiles.of_batch(info.operations, info.source).values())
    layout = shape.layout(info.header, operations)
    layout.names()  # a column that is not there is refused before anything is read
    files = _Files(info, target, store)
    chosen = replace(shape.chosen(), results=layout.shows_results())
    with store.reports.outcomes(info.id, chosen) as outcomes:
        written = write(
            target,
            lambda: lines(outcomes.read(), own_only=not layout.operations),
            layout=layout,
            dialect=Dialect.from_json(info.source.get("dialect", {})),
            guard=shape.guard,
            finished=files.announce,
        )
    files.settle(written)
    return written


class _Files:
    """What the batch's files are known by, kept so that a crash at any moment leaves none of them a stranger's."""

    def __init__(self, info: BatchInfo, target: Path | BinaryIO, store: Store) -> None:
        self._batch = info.id
        self._target = str(target.absolute()) if isinstance(target, Path) else ""
        self._steering = store.steering
        self._mark: dict[str, Any] | None = None

    def announce(self, part: Path) -> None:
        """The file that is about to take the target's place: until it is known to have, both are this batch's."""
        self._mark = mark(part)
        self._steering.mark(self._batch, {"files": {self._target: self._mark}}, coming=True)

    def settle(self, written: Written) -> None:
        """Record the export."""
        if written.path is None:
            self._steering.delivered(self._batch, rows=written.rows)
            return
        self._steering.delivered(self._batch, rows=written.rows, file=written.path.name, mark=self._of(written.path))

    def keep(self, path: Path) -> None:
        """Know a file that is no export: nothing is recorded as delivered."""
        self._steering.mark(self._batch, self._of(path))

    def _of(self, path: Path) -> Marks:
        return {"files": {str(path.absolute()): self._mark or mark(path)}}


def put(
    info: BatchInfo, target: Path, write: Callable[[BinaryIO], int], *, overwrite: bool, suffix: str, store: Store
) -> Written:
    """Write a file that is no export, and know it as this batch's. BatchError as `check_target`."""
    check_target(info, target, overwrite=overwrite, suffix=suffix)
    files = _Files(info, target, store)
    written = write_whole(target, write, finished=files.announce)
    files.keep(written.path or target)
    return written


def check_target(info: BatchInfo, target: Path, *, overwrite: bool, suffix: str = "") -> None:
    """BatchError when the target is the list itself, a folder, out of reach, or a file this batch did not write;
    UsageError when its name promises a format that cannot be written. `suffix`: of a file that is no export, and may
    have any name.
    """
    source = info.source.get("path")
    if source and target.absolute() == Path(source).absolute():
        raise BatchError(
            "the export would replace the list itself",
            why=f"{target} is what the batch was read from.",
            fix=f"-o {shlex.quote(f'{target.stem}.out{target.suffix}')}",
        )
    if target.is_dir():
        raise BatchError(
            f"{target} is a folder",
            why="An export is one file.",
            fix=f"-o {shlex.quote(str(target / f'{info.name}{suffix or CSV}'))}",
        )
    if not suffix:
        format_of(target)
    if not target.exists() or target.is_file():  # a pipe or a device is written to where it is
        _check_folder(target.resolve().parent)
    if overwrite or not target.exists():
        return
    known: Mapping[str, Any] = (info.delivered or {}).get("files", {})
    if not _is_ours(target, known.get(str(target.absolute()))):
        raise BatchError(
            f"{target} exists and was not written by {info.name}",
            why="It may hold somebody's work, or was changed since.",
            fix=f"--overwrite, or -o {shlex.quote(f'{target.stem}-2{target.suffix}')}",
        )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise BatchError(
            f"there is no folder {folder}",
            why="An export makes a file only.",
            fix=f"mkdir -p {shlex.quote(str(folder))}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BatchError(
            f"nothing can be written in {folder}",
            why="You may not make files there.",
            fix="-o FILE in another folder; or -o none, and runner export later",
        )


def mark(path: Path) -> dict[str, Any]:
    """What a written file is known by: size, time of change, SHA-256."""
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": _digest(path)}


def _is_ours(path: Path, known: Mapping[str, Any] | None) -> bool:
    """Unchanged since we wrote it: the same time says so without reading, else the content decides."""
    if known is None:
        return False
    stat = path.stat()
    if stat.st_size == known["size"] and (stat.st_mtime_ns == known["mtime_ns"] or _digest(path) == known["sha256"]):
        return True
    return _is_ours(path, known.get("before"))  # an export was cut off before, or after, it replaced the file


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
