"""What goes into the store and what comes out, as plain values. Loads no database library.

Instants are `..._us` (UTC, microseconds since the epoch), amounts are millionths of the provider's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from runner.domain.model import POISON, Action, Amount, AttemptId, BatchId, Debited, Fault, JobId, Resolution
from runner.domain.states import BatchState, JobState
from runner.domain.typed import typed_name
from runner.engine.ports import LaneReport

LOST_ANSWER: Final = "lost-answer"
"""The reason of a job whose request was charged and whose answer never came."""

NAMED_ONLY: Final = (LOST_ANSWER, POISON)
"""Failures that may have been charged without an answer: sent again only by that name."""


DIED: Final = "the run died before an answer was stored"
"""The detail of an attempt that recovery closed."""


class Wish(StrEnum):
    """What another terminal may ask of a batch that a run is working on; the value is `requested_state`."""

    PAUSE = "paused"
    CANCEL = "cancelled"


class Removed(StrEnum):
    """Why the headers and the body of an answer are not in the database."""

    FIELDS = "fields"  # the profile says `store = "fields"`
    PURGED = "purged"  # by age
    ERASED = "erased"  # with the person it was about


class Trouble(StrEnum):
    """What a run's writer has with the database file, or no longer has."""

    LOCKED = "database-locked"  # another program holds it: nothing is sent until it lets go
    FREE = "database-free"  # it let go
    FULL = "disk-full"  # nothing new is sent in this run
    UNRESERVED = "no-reserve"  # there was no room on the disk to set aside for answers on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch before its rows are read. `name` is unique in the database; the mappings are JSON objects."""

    name: str
    source: Mapping[str, Any]  # description: "path" for a file, dialect, encoding, ...
    header: tuple[str, ...]
    operations: tuple[str, ...]  # "defastra.email", in the order of the export's columns
    mapping: Mapping[str, Any]
    params: Mapping[str, Any]  # set for the whole batch
    content_hash: str
    settings: Mapping[str, Any]  # kept: max_spend, max_requests, rate, in_flight, in_doubt, output


class NewJob(NamedTuple):
    """What one row asks of one operation. A named tuple: millions are made while a list loads."""

    operation: str
    key: str  # jobs of a batch with equal operation and key are one job
    value: str  # what is sent for the first input
    params: Mapping[str, str]


class Refusal(NamedTuple):
    """A cell that is not sent: `why` without its prefix ("email", "empty"), `value` the raw cell."""

    operation: str
    why: str
    value: str


class NewRow(NamedTuple):
    """One input record: physical `line` and database `key` where the source has them, one entry for each operation."""

    line: int | None
    cells: tuple[str, ...]
    key: str | None
    entries: tuple[NewJob | Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a load did. rows x operations = jobs + shared + refused."""

    batch: BatchId
    rows: int
    jobs: int  # new ones
    shared: int  # entries that another row's job (or an earlier load's) already asks
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchInfo:
    """One batch as stored."""

    id: BatchId
    name: str
    state: BatchState
    reason: str | None
    resume_at_us: int | None
    requested_state: str | None
    settings: Mapping[str, Any]
    source: Mapping[str, Any]
    header: tuple[str, ...]
    operations: tuple[str, ...]
    mapping: Mapping[str, Any]
    params: Mapping[str, Any]
    content_hash: str
    delivered: Mapping[str, Any] | None  # the mark of the last export, as it was given
    rows: int
    refused: int  # row x operation
    created_us: int
    touched_us: int  # last loaded, run or steered

    @property
    def typed(self) -> str:
        """Its name in a command that is proposed."""
        return typed_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """The attempts of a batch at one operation read as an account; counts are of requests sent, or perhaps sent."""

    provider: str
    operation: str
    unit: str
    requests: int  # open ones included
    yes: int
    no: int
    unknown: int
    open: int
    debited: Amount
    in_doubt: Amount
    held: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """Everything `status` shows of one batch, read in one snapshot."""

    batch: BatchInfo
    jobs: Mapping[str, Mapping[JobState, int]]  # by operation, every state present
    ledger: tuple[LedgerLine, ...]
    lanes: tuple[LaneReport, ...]
    next_due_us: int | None  # earliest of the queued jobs (0: now), None: nothing queued
    unfinished: int  # failed jobs that are not final: the same command tries them again
    failed_paid: int  # failed jobs of which a request was charged, or may have been
    reused: Mapping[str, int]  # by operation: jobs that were given the answer of another batch
    run: int | None  # the run at work that started last, if the database knows of one not ended

    @property
    def by_state(self) -> Mapping[JobState, int]:
        """Jobs by state over all operations; sums to the number of jobs."""
        return {state: sum(counts[state] for counts in self.jobs.values()) for state in JobState}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidFailures:
    """Failed jobs of one operation whose requests were charged, or may have been."""

    operation: str
    unit: str
    charged: int  # jobs
    perhaps: int  # jobs of which that is not known, and none was charged for certain
    amount: Amount  # charged for certain
    doubtful: Amount  # what may have been charged beside that


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidTwice:
    """Jobs of one provider of which more than one request was charged, or may have been."""

    provider: str
    unit: str
    jobs: int
    amount: Amount  # beyond the first charge of each, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt, as `v_attempts` shows it, with its evidence."""

    id: AttemptId
    job: JobId
    run: int
    operation: str
    number: int
    opened_us: int
    closed_us: int | None  # None: open
    status: int | None
    fault: Fault | None
    detail: str
    rule: str | None
    action: Action | None
    debited: Debited  # as it stands now; unknown while open
    amount: Amount
    unit: str
    error_code: str | None
    error_message: str | None
    client_request_id: str
    provider_request_id: str | None
    wait_seconds: float | None
    spent: bool
    resolution: Resolution | None
    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """Everything known of one job."""

    params: Mapping[str, str]  # by parameter name: what was or would be sent
    attempts: tuple[AttemptView, ...]  # in order
    rows: int  # how many rows share it
    due_us: int | None  # of one that waits; 0: at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A job in doubt and its evidence."""

    job: JobId
    operation: str
    value: str
    rows: tuple[int, ...]
    line: int | None  # of the first of them
    attempts: tuple[AttemptView, ...]  # those whose charge is unknown and unresolved


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One event, as `v_events` shows it."""

    at_us: int
    run: int | None
    batch: str | None  # its name; None: it concerns no batch alone
    lane: str | None  # the provider
    event: str  # "batch.paused", "lane.halted", ...
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendView:
    """One day of one operation in one batch; counts are of requests sent, or perhaps sent."""

    day: int  # since the epoch, UTC
    batch: str
    provider: str
    operation: str
    unit: str
    requests: int
    charged: int
    not_charged: int
    in_doubt: int  # those on the way included
    amount: Amount  # charged for certain
    in_doubt_amount: Amount  # what those in doubt may have cost


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredBefore:
    """Values of a batch that were never sent, and have an answer in other batches."""

    operation: str
    jobs: int
    batches: Mapping[str, int]  # by the name of the batch that asked for the newest answer to each
    first_us: int  # of these answers, the oldest
    last_us: int
    young: int  # those of the age that was asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What recovery did to one batch of a run found dead."""

    batch: BatchId
    name: str
    doubts: int  # jobs now in doubt
    released: int  # jobs given back
    poisoned: int  # jobs that failed: on the wire at too many crashes
    on_the_way: int = 0  # attempts found open, whatever became of them
    answers: int = 0  # that the run could not store, and are in the database now


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What recovery did."""

    batches: tuple[Recovered, ...]
    aside: Mapping[Path, int]  # lines of kept answers that are of no use, by the file in which they are now
