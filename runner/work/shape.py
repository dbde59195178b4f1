"""Which rows and columns an export has."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from runner.domain.model import Debited
from runner.domain.provider import Operation
from runner.domain.states import JobState
from runner.errors import UsageError
from runner.exports import Line, OutcomeCells
from runner.store.values import JobView, RowView
from runner.work.status import iso

INVALID = "invalid"

STATES = (*(state.value for state in JobState), INVALID)
"""What `only` may be."""

_OURS = ("found", "state", "reason", "debited", "attempts", "checked_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What was asked. `only` failed: the user's own columns, so that it loads again as it is."""

    only: str | None = None
    columns: Sequence[str] = ()  # "risk_score" or "defastra_email_risk_score"; none: all
    guard: bool = True

    def states(self) -> Collection[str] | None:
        """The states of the rows that are written; None: all. UsageError for a state that does not exist."""
        if self.only is None:
            return None
        wanted = self.only.replace("-", "_")
        if wanted not in STATES:
            raise UsageError(f"no state {self.only!r}", why=f"There are {', '.join(STATES)}.", fix="--only failed")
        return (wanted, INVALID) if wanted == JobState.FAILED else (wanted,)

    def operations(self, operations: Sequence[Operation]) -> list[Operation]:
        """The operations whose columns are written, with only those that are wanted. UsageError: no such column.

        State, reason and the other columns of our own always stay: a value without them says little.
        """
        if self.only == JobState.FAILED:
            return []
        if not self.columns:
            return list(operations)
        every = {f"{one.column_prefix}{name}": name for one in operations for name in (*one.columns, *_OURS)}
        for wanted in self.columns:
            if wanted not in every and wanted not in every.values():
                near = difflib.get_close_matches(wanted, {*every, *every.values()}, 1) or list(every.values())[:1]
                why = f"There are {', '.join(dict.fromkeys(every.values()))}."
                raise UsageError(f"no result column {wanted!r}", why=why, fix=f"--columns {near[0]}")
        return [_narrowed(operation, self.columns) for operation in operations]


def _narrowed(operation: Operation, wanted: Sequence[str]) -> Operation:
    kept = {
        name: column
        for name, column in operation.columns.items()
        if name in wanted or f"{operation.column_prefix}{name}" in wanted
    }
    return replace(operation, columns=kept)


def lines(rows: Iterator[RowView], *, own_only: bool) -> Iterator[Line]:
    """The rows as the export takes them."""
    for row in rows:
        yield Line(row.cells, () if own_only else [_cells(view) for view in row.outcomes])


def _cells(view: JobView) -> OutcomeCells:
    return OutcomeCells(
        columns=view.result or {},
        found=view.found,
        state=view.state,
        reason=view.reason,
        # Nothing was sent: there is nothing that could have been debited.
        debited=view.debited.value if view.attempts or view.debited is not Debited.NO else None,
        attempts=view.attempts if view.job is not None else None,
        checked_at=iso(view.finished_us),
    )
