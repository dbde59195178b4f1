"""`export`: a batch's rows with their answers, into a file that was not somebody else's."""

from __future__ import annotations

import codecs
import difflib
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from runner.domain.model import Debited
from runner.domain.provider import Operation
from runner.domain.states import JobState
from runner.domain.table import Dialect
from runner.errors import BatchError, UsageError
from runner.exports import Line, OutcomeCells, Written, write_csv
from runner.store.store import Store
from runner.store.values import BatchInfo, JobView, RowView
from runner.work.profiles import Profiles
from runner.work.results import Exported
from runner.work.status import iso
from runner.work.tools import Tools

AUTO = "auto"
NONE = "none"
STDOUT = "-"
INVALID = "invalid"

STATES = (*(state.value for state in JobState), INVALID)
"""What `only` may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Which rows and columns an export has. `only` failed: the user's own columns, so that it loads again as it is."""

    only: str | None = None
    columns: Sequence[str] = ()
    guard: bool = True

    def states(self) -> Collection[str] | None:
        """The states of the rows that are written; None: all. UsageError for a state that does not exist."""
        if self.only is None:
            return None
        wanted = self.only.replace("-", "_")
        if wanted not in STATES:
            raise UsageError(f"no state {self.only!r}", why=f"There are {', '.join(STATES)}.", fix="--only failed")
        return (wanted, INVALID) if wanted == JobState.FAILED else (wanted,)

    def operations(self, operations: Mapping[str, Operation]) -> list[Operation]:
        """The operations whose columns are written, with only those columns that are wanted."""
        if self.only == JobState.FAILED:
            return []
        if not self.columns:
            return list(operations.values())
        known = {name for operation in operations.values() for name in operation.columns}
        known |= {f"{op.column_prefix}{name}" for op in operations.values() for name in op.columns}
        for name in self.columns:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                fix = f"--columns {near[0]}" if near else f"--columns {min(known, default='NAME')}"
                raise UsageError(f"no result column {name!r}", why=f"There are {', '.join(sorted(known))}.", fix=fix)
        return [_narrowed(operation, self.columns) for operation in operations.values()]


def _narrowed(operation: Operation, wanted: Sequence[str]) -> Operation:
    kept = {
        name: column
        for name, column in operation.columns.items()
        if name in wanted or f"{operation.column_prefix}{name}" in wanted
    }
    return replace(operation, columns=kept)


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
    operations = profiles.of_batch(info.operations, info.source)
    shown = shape.operations(operations)
    states = shape.states()
    with store.reports.outcomes(info.id, states=states) as outcomes:
        written = write_csv(
            target,
            header=info.header,
            operations=shown,
            lines=_lines(outcomes.rows, own_only=not shown),
            dialect=Dialect.from_json(info.source.get("dialect", {})),
            guard=shape.guard,
        )
    if written.path is not None:
        files = dict((info.delivered or {}).get("files", {}))
        files[str(written.path.absolute())] = mark(written.path)
        store.steering.delivered(info.id, {"files": files})
    return written


def _lines(rows: Iterator[RowView], *, own_only: bool) -> Iterator[Line]:
    for row in rows:
        yield Line(row.cells, () if own_only else [_cells(outcome) for outcome in row.outcomes])


def _cells(view: JobView) -> OutcomeCells:
    sent = view.attempts > 0
    return OutcomeCells(
        columns=view.result or {},
        found=view.found,
        state=view.state,
        reason=view.reason,
        debited=view.debited.value if sent or view.debited is not Debited.NO else None,
        attempts=view.attempts if view.job is not None else None,
        checked_at=iso(view.finished_us),
    )


def default_target(info: BatchInfo) -> str:
    """`<batch>.csv` beside a file input; nowhere for other lists."""
    path = info.source.get("path")
    return str(Path(path).parent / f"{info.name}.csv") if path else NONE


def settle_target(info: BatchInfo, output: str | Path | None, directory: Path) -> str | None:
    """Where a run's rows go: an absolute path, "-", "none", or None when the caller wants nothing written.

    "auto" is what `-o` last said for this batch, else the default.
    """
    if output is None:
        return None
    text = str(output)
    if text == AUTO:
        return str(info.settings.get("output") or default_target(info))
    return text if text in (NONE, STDOUT) else str(directory / Path(text).expanduser())


def check_target(info: BatchInfo, target: Path, *, overwrite: bool) -> None:
    """BatchError when the target is the list itself, a folder, or a file that this batch did not write."""
    source = info.source.get("path")
    if source and target.absolute() == Path(source).absolute():
        raise BatchError(
            "the export would replace the list itself",
            why=f"{target} is what the batch was read from.",
            fix=f"-o {target.stem}.out{target.suffix}",
        )
    if target.is_dir():
        raise BatchError(f"{target} is a folder", why="An export is one file.", fix=f"-o {target / info.name}.csv")
    if overwrite or not target.exists():
        return
    known: Mapping[str, Any] = (info.delivered or {}).get("files", {})
    if not _is_ours(target, known.get(str(target.absolute()))):
        raise BatchError(
            f"{target} exists and was not written by {info.name}",
            why="It may hold somebody's work, or was changed since.",
            fix=f"--overwrite, or -o {target.stem}-2{target.suffix}",
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
    if stat.st_size != known["size"]:
        return False
    return bool(stat.st_mtime_ns == known["mtime_ns"] or _digest(path) == known["sha256"])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
