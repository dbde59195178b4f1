"""Which rows and columns an export has."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from runner.domain.model import Debited
from runner.domain.provider import Operation
from runner.domain.states import JobState
from runner.errors import UsageError
from runner.exports import Line, OutcomeCells, export_header
from runner.exports.cells import outcome_writer
from runner.store.values import JobView, RowView
from runner.work.status import iso

INVALID = "invalid"

STATES = (*(state.value for state in JobState), INVALID)
"""What `only` may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What was asked. `only` failed: the user's own columns, so that it loads again as it is."""

    only: str | None = None
    columns: Sequence[str] = ()  # "risk_score", "state" or "defastra_email_risk_score"; none: all
    guard: bool = True

    def states(self) -> Collection[str] | None:
        """The states of the rows that are written; None: all. UsageError for a state that does not exist."""
        if self.only is None:
            return None
        wanted = self.only.replace("-", "_")
        if wanted not in STATES:
            raise UsageError(f"no state {self.only!r}", why=f"There are {', '.join(STATES)}.", fix="--only failed")
        return (wanted, INVALID) if wanted == JobState.FAILED else (wanted,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The columns of one export, ready for its writer."""

    header: tuple[str, ...]
    operations: Sequence[Operation]  # whose columns the writer adds by itself
    picked: Sequence[int] | None = None  # of all result columns, those that stand among the user's own instead
    asked: Sequence[Operation] = ()  # with `picked`: the operations that they are picked from
    guard: bool = True

    def lines(self, rows: Iterator[RowView]) -> Iterator[Line]:
        """The rows as the writer takes them."""
        if self.picked is None:
            plain = not self.operations
            return (Line(row.cells, () if plain else [_cells(view) for view in row.outcomes]) for row in rows)
        return self._picked(rows, self.picked)

    def _picked(self, rows: Iterator[RowView], picked: Sequence[int]) -> Iterator[Line]:
        writers = [outcome_writer(operation, guard=self.guard) for operation in self.asked]
        for row in rows:
            every: list[str] = []
            for write, view in zip(writers, row.outcomes, strict=True):
                every += write(_cells(view))
            yield Line((*row.cells, *[every[index] for index in picked]), ())


def choose(shape: Shape, header: tuple[str, ...], operations: Sequence[Operation]) -> Chosen:
    """The columns that a shape asks for. UsageError: no such result column."""
    if shape.only == JobState.FAILED:
        return Chosen(header=header, operations=())
    if not shape.columns:
        return Chosen(header=header, operations=operations)
    names = export_header(header, operations)[len(header) :]
    short = {name: _short(name, operations) for name in names}
    for wanted in shape.columns:
        if wanted not in short and wanted not in short.values():
            known = sorted({*short, *short.values()})
            near = difflib.get_close_matches(wanted, known, 1) or known[:1]
            why = f"There are {', '.join(dict.fromkeys(short.values()))}."
            raise UsageError(f"no result column {wanted!r}", why=why, fix=f"--columns {near[0]}")
    picked = [at for at, name in enumerate(names) if name in shape.columns or short[name] in shape.columns]
    return Chosen(
        header=(*header, *[names[at] for at in picked]),
        operations=(),
        picked=picked,
        asked=operations,
        guard=shape.guard,
    )


def _short(name: str, operations: Sequence[Operation]) -> str:
    """`risk_score` of `defastra_email_risk_score`: the longest prefix that fits is the operation's."""
    prefixes = [operation.column_prefix for operation in operations if name.startswith(operation.column_prefix)]
    return name.removeprefix(max(prefixes, key=len, default=""))


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
