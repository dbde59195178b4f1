"""Rows with their outcomes, as exports and `explain` read them, and which of them are wanted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from runner.domain.model import Amount, Debited, JobId
from runner.domain.states import JobState
from runner.store.values import BatchInfo, JobHistory


class JobView(NamedTuple):
    """One operation of one row, as `v_outcomes` shows it. A named tuple: an export makes millions."""

    operation: str
    job: JobId | None  # None: refused
    value: str
    state: str  # a JobState, or "invalid"
    reason: str | None
    final: bool | None
    debited: Debited
    amount: Amount  # charged for certain
    attempts: int  # requests sent
    attempts_spent: int
    possible_double_charge: bool
    http_status: int | None
    error_code: str | None
    error_message: str | None
    finished_us: int | None
    found: bool | None
    result: Mapping[str, Any] | None  # the profile's columns by name; None: no outcome
    raw: bytes | None = None  # the body of the last answer, where it was asked for and is kept
    reused_from: str | None = None  # the batch that paid for the answer, where one row was asked for
    reused_row: int | None = None  # the first row that asked for it there


class RowView(NamedTuple):
    """One input row with its operations, in the batch's order of operations."""

    number: int
    line: int | None
    cells: tuple[str, ...]
    key: str | None
    outcomes: tuple[JobView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which rows an export has. All that is set must hold."""

    states: Sequence[str] = ()  # at least one operation is in one of them: job states or "invalid"; none: whatever
    reason: str | None = None  # and for this reason
    without: JobState | None = None  # no operation is in it
    limit: int | None = None  # at most so many rows, the first
    raw: bool = False  # with the bodies of their last answers
    results: bool = True  # with what was made of them
    jobs: Collection[int] = ()  # those that asked for one of these; none: whatever they asked for
    behind: int = 0  # those with a higher number


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """A batch and its rows in order, from one snapshot: `read` gives them from the first on, inside the context."""

    batch: BatchInfo
    read: Callable[[], Iterator[RowView]]

    @property
    def rows(self) -> Iterator[RowView]:
        """Them, from the first on."""
        return self.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowHistory:
    """One row, and by operation what is known of its jobs; a refused cell has none."""

    row: RowView
    jobs: Mapping[str, JobHistory]
