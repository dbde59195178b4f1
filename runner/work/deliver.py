"""`export`: a batch's rows with their answers, into a file that was not somebody else's."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from runner.domain.table import Dialect
from runner.errors import UsageError
from runner.exports import Written, write
from runner.exports.target import write_whole
from runner.settings import at_home
from runner.store.marks import Marks
from runner.store.store import Store
from runner.store.values import BatchInfo
from runner.work.replaceable import check_target, mark
from runner.work.results import Exported
from runner.work.shape import Shape, lines
from runner.work.tools import Tools


def export(info: BatchInfo, target: str | Path | TextIO, *, shape: Shape, overwrite: bool, tools: Tools) -> Exported:
    """The library's `export`: a path relative to its directory, or an open text stream."""
    if isinstance(target, str | Path):
        place: Path | BinaryIO = tools.settings.directory / at_home(target)
    else:
        place = binary(target)
    written = deliver(info, place, shape=shape, overwrite=overwrite, tools=tools)
    return Exported(batch=info.name, path=written.path, rows=written.rows, diverted=not written.replaced)


def binary(stream: TextIO) -> BinaryIO:
    """The bytes under a text stream: an export chooses its own encoding and line ends. UsageError: it takes no text."""
    try:
        stream.write("")
        stream.flush()
    except (AttributeError, TypeError):
        raise UsageError(
            f"nothing can be written to a value of type {type(stream).__name__}",
            why="Rows go into a file or into an open stream of text.",
            fix='"out.csv", or open("out.csv", "w")',
        ) from None
    except ValueError as error:
        raise UsageError(
            "nothing can be written to this stream",
            why=f"It is closed, or open for reading: {error}.",
            fix='open("out.csv", "w")',
        ) from None
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


def deliver(info: BatchInfo, target: Path | BinaryIO, *, shape: Shape, overwrite: bool, tools: Tools) -> Written:
    """Write the export and remember what was written. BatchError: the target is not this batch's to replace."""
    if isinstance(target, Path):
        check_target(info, target, overwrite=overwrite, tools=tools)
    operations = list(tools.profiles.of_batch(info.operations, info.source).values())
    layout = shape.layout(info.header, operations)
    layout.names()  # a column that is not there is refused before anything is read
    files = _Files(info, target, tools.store, suffix="")
    chosen = replace(shape.chosen(), results=layout.shows_results())
    with tools.store.reports.outcomes(info.id, chosen) as outcomes:
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

    def __init__(self, info: BatchInfo, target: Path | BinaryIO, store: Store, *, suffix: str) -> None:
        """`suffix`: as for `check_target`."""
        self._batch = info.id
        self._target = str(target.absolute()) if isinstance(target, Path) else ""
        self._steering = store.steering
        self._suffix = suffix
        self._mark: dict[str, Any] | None = None

    def announce(self, part: Path) -> None:
        """The file that is about to take the target's place: until it is known to have, both are this batch's."""
        self._mark = mark(part, suffix=self._suffix)
        self._steering.mark(self._batch, {"files": {self._target: self._mark}}, coming=True)

    def settle(self, written: Written) -> None:
        """Record the export."""
        if written.path is None or self._mark is None:  # a stream, or a pipe: nothing lies there to be known again
            self._steering.delivered(self._batch, rows=written.rows)
            return
        marks: Marks = {"files": {str(written.path.absolute()): self._mark}}
        self._steering.delivered(self._batch, rows=written.rows, file=written.path.name, mark=marks)

    def keep(self, path: Path) -> None:
        """Know a file that is no export: nothing is recorded as delivered."""
        if self._mark is not None:
            self._steering.mark(self._batch, {"files": {str(path.absolute()): self._mark}})


def put(
    info: BatchInfo, target: Path, write: Callable[[BinaryIO], int], *, overwrite: bool, suffix: str, tools: Tools
) -> Written:
    """Write a file that is no export, and know it as this batch's. BatchError as `check_target`."""
    check_target(info, target, overwrite=overwrite, tools=tools, suffix=suffix)
    files = _Files(info, target, tools.store, suffix=suffix)
    written = write_whole(target, write, finished=files.announce)
    files.keep(written.path or target)
    return written
