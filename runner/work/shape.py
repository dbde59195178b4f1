"""Which rows and columns an export has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from runner.domain.model import Debited
from runner.domain.provider import Operation
from runner.domain.quick import quick
from runner.domain.states import JobState
from runner.errors import UsageError
from runner.exports import Layout, Line, OutcomeCells
from runner.store.rowviews import Chosen, JobView, RowView
from runner.work.status import iso

INVALID = "invalid"

STATES = (*(state.value for state in JobState), INVALID)
"""What `only` may be."""

_WORDS = {debited: debited.value for debited in Debited}
_OF_REASON = (JobState.FAILED.value, INVALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What was asked. `only` failed: the user's own columns, so that it loads again as it is, unless more is named."""

    only: str | None = None  # a state; failed:RULE, invalid:WHY
    columns: Sequence[str] = ()  # of the whole header, or "risk_score" of every operation, in this order; none: all
    raw: bool = False  # the stored answers too
    limit: int | None = None  # so many rows at most
    guard: bool = True
    jobs: Collection[int] = ()  # rows that asked for one of these
    behind: int = 0  # rows with a higher number

    def chosen(self) -> Chosen:
        """The rows that are written. UsageError for a state that does not exist, or a limit below 0."""
        if self.limit is not None and self.limit < 0:
            raise UsageError(f"--limit {self.limit} is no number of rows", why="It begins at 0.", fix="--limit 100")
        state, reason = self._only()
        if state is None:
            return Chosen(limit=self.limit, raw=self.raw, jobs=self.jobs, behind=self.behind)
        failed = state == JobState.FAILED
        return Chosen(
            states=(state, INVALID) if failed and reason is None else (state,),
            reason=reason,
            # Loaded again, a row is sent again: not while it may have been charged.
            without=JobState.IN_DOUBT if failed else None,
            limit=self.limit,
            raw=self.raw,
        )

    def _only(self) -> tuple[str | None, str | None]:
        """The state, and the reason behind its colon, as the database has them."""
        if self.only is None:
            return None, None
        word, colon, rule = self.only.partition(":")
        state = word.replace("-", "_")
        if state not in STATES:
            fix = f"--only {INVALID if state == 'refused' else JobState.FAILED}"  # what is told of rows is typed too
            raise UsageError(f"no state {self.only!r}", why=f"There are {', '.join(STATES)}.", fix=fix)
        if colon and (not rule or state not in _OF_REASON):
            raise UsageError(
                f"cannot export {self.only!r}",
                why="Only failed and invalid rows are told apart by a reason.",
                fix="--only failed:RULE, or --only invalid:WHY",
            )
        return state, (f"{INVALID}:{rule}" if state == INVALID else rule) if colon else None

    def layout(self, header: Sequence[str], operations: Sequence[Operation]) -> Layout:
        """The columns that are written."""
        own_only = self._only()[0] == JobState.FAILED and not self.columns and not self.raw
        shown = () if own_only else operations
        return Layout(header=header, operations=shown, raw=self.raw, chosen=self.columns)


def lines(rows: Iterator[RowView], *, own_only: bool) -> Iterator[Line]:
    """The rows as the export takes them."""
    for number, _, cells, key, outcomes in rows:
        yield quick(Line, (cells, () if own_only else [_cells(view) for view in outcomes], number, key))


def _cells(view: JobView) -> OutcomeCells:
    # Nothing was sent: there is nothing that could have been debited.
    debited = _WORDS[view.debited] if view.attempts or view.debited is not Debited.NO else None
    attempts = None if view.job is None else view.attempts
    return quick(
        OutcomeCells,
        (view.result or {}, view.found, view.state, view.reason, debited, attempts, iso(view.finished_us), view.raw),
    )
