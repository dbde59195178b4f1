"""The enriched list as CSV: the user's cells character for character, then what the provider said, guarded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from runner.domain.provider import Operation
from runner.domain.table import Dialect


class OutcomeCells(NamedTuple):
    """What one operation adds to one row."""

    columns: Mapping[str, Any]  # JSON values by the profile's column name; a missing one is empty
    found: bool | None
    state: str  # a job's state, or `invalid`
    reason: str | None
    debited: str | None
    attempts: int | None
    checked_at: str | None  # ISO 8601, UTC


class Line(NamedTuple):
    """One row of the export."""

    cells: Sequence[str]  # the user's own
    outcomes: Sequence[OutcomeCells]  # one for each operation, in their order


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an export came to."""

    path: Path | None  # the file that now holds it; None: the stream
    rows: int
    replaced: bool  # False: the target could not be replaced (open elsewhere), and `path` is `<name>.new.csv`


def export_header(header: Sequence[str], operations: Sequence[Operation]) -> tuple[str, ...]:
    """The user's names, then each operation's; a name that is taken gets `_2`, `_3`, ..."""
    raise NotImplementedError


def write_csv(
    target: Path | BinaryIO,
    *,
    header: Sequence[str],
    operations: Sequence[Operation],
    lines: Iterable[Line],
    dialect: Dialect,
    guard: bool = True,
) -> Written:
    """Write the enriched list, in constant memory and atomically; a stream is written as it goes and not closed.

    `guard` puts `'` before provider-made text that a spreadsheet would run as a formula. Whether an existing target may
    be replaced is for the caller to know. Raises StorageFullError on a full disk and UsageError on any other trouble
    with the target; the old file is then untouched.
    """
    raise NotImplementedError
