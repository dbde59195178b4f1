"""What the library answers: frozen values, ready to be shown or turned into JSON. Nothing here reads a database.

Instants are integer microseconds since the epoch, UTC (`..._us`); amounts are `Decimal` in the provider's unit.
Rows are numbered from 1; `line` is the physical line in the list, where the source has lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from runner.domain.model import Debited, Fault, Resolution
from runner.domain.states import BatchState, JobState
from runner.work.money import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A batch after `load`: new, continued or extended."""

    batch: str
    created: bool  # False: the batch was there and is continued
    added_rows: int  # rows written by this call
    rows: int
    jobs: int
    shared: int  # row x operation pairs that use a job of an earlier row
    not_sent: int  # row x operation refusals
    invalid: Mapping[str, int]  # refusals by reason: {"invalid:empty": 2}
    countries: Mapping[str, int]  # phones read, by country: {"US": 812, "unknown": 3}; empty without phones
    columns: tuple[str, ...]  # for people: "email <- E-Mail, 98 % valid"
    notices: tuple[str, ...]  # for people: encoding, a new name, paid answers of an earlier batch


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """A lane as last reported by a run."""

    provider: str
    state: str  # open, limited, gated, circuit, parked, halted, done
    reason: str | None
    until_us: int | None
    rate: str | None
    in_flight: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Why a lane needs a person, in the provider's words and ours."""

    provider: str
    reason: str
    code: str | None
    message: str | None
    advice: str | None
    at_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The command that goes on from here."""

    command: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Requests by what is known of their charge, and what that comes to. Sent = charged + not charged + in doubt."""

    sent: int  # or perhaps sent
    charged: int
    not_charged: int
    in_doubt: int  # those on the way included
    cost: tuple[Cost, ...]  # charged for certain
    doubtful: tuple[Cost, ...]  # what those in doubt may have cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Requests that were not made, at what those of their operation were charged on average."""

    requests: int
    cost: tuple[Cost, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """The wallet of a provider's account over one run: opening + topped_up - debited - difference = closing."""

    provider: str
    title: str
    run: int  # as in `v_runs`, from 1
    unit: str
    first_us: int  # when the first request was sent whose answer says what is left
    until_us: int  # when the last such answer came
    opening: Decimal
    closing: Decimal
    topped_up: Decimal  # at least
    debited: Decimal  # what its answers account for, and what you said of those in doubt
    admitted: Decimal  # the second part of `debited`: requests that you called charged, at their highest price
    in_doubt: Decimal  # what may have been charged beside that
    difference: Decimal  # by so much more it fell; less than 0: by so much less
    doubts: int  # requests behind `in_doubt`
    tells: bool  # a difference speaks of them: nothing else that was sent can explain it
    tells_innocence: bool  # that there is none does too: they were not charged, as far as this wallet is known

    @property
    def fall(self) -> Decimal:
        """What it lost, top-ups left out."""
        return self.opening + self.topped_up - self.closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """A provider's `max_spend_per_day` and this UTC day so far: what is charged, on the way or in doubt."""

    provider: str
    unit: str
    cap: Decimal
    used: Decimal  # by all batches of the database
    used_here: Decimal  # by this batch

    @property
    def left(self) -> Decimal:
        """What today still has room for."""
        return max(Decimal(0), self.cap - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """Everything `status` shows of one batch; `runner.work.status.as_json(status)` is the object of `--json`."""

    batch: str
    handle: str  # the shortest beginning of its name that means it today; `next` and the JSON have the whole name
    state: BatchState
    reason: str | None
    resume_at_us: int | None
    rows: int
    jobs: int
    outcomes: Mapping[JobState, int]  # all six, sums to `jobs`
    by_provider: Mapping[str, Mapping[JobState, int]]  # `outcomes` of each
    not_sent: int
    attempts: int
    debited: Mapping[Debited, int]  # attempts
    spent: Mapping[str, Decimal]  # by unit
    held: Mapping[str, Decimal]
    in_doubt_amount: Mapping[str, Decimal]
    charged: tuple[Cost, ...]  # `spent` with its money; not part of the JSON object
    perhaps_charged: tuple[Cost, ...]  # `in_doubt_amount` likewise
    on_the_way: int = 0  # requests without an answer yet; of a run that was cut off they will be in doubt
    way_cost: tuple[Cost, ...] = ()  # what these may cost
    to_resend: int = 0  # requests in doubt that are to be sent again, and were not yet
    twice: int = 0  # requests that may have been charged more than once
    twice_cost: tuple[Cost, ...] = ()  # what that may have cost beyond the first charge
    receipt: Receipt  # of all runs
    duplicates: Saved  # rows of a value that an earlier row asks about
    reused: Saved  # answers taken over from other batches
    wallets: tuple[Wallet, ...]  # the oldest run first
    lanes: tuple[LaneStatus, ...]
    halts: tuple[Halt, ...]
    eta_us: int | None
    next: Next
    exit_code: int  # what `run` would have answered in this state: 0, 3, 4, 5 or 6
    operations: tuple[str, ...]
    source: str  # for people: the file's name or the table
    created_us: int
    today: tuple[Today, ...] = ()  # what its providers may spend in this UTC day; empty without such a cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A written export."""

    batch: str
    path: Path | None  # None: written to a stream of the caller's
    rows: int
    diverted: bool  # the target could not be replaced: `path` is `<name>.new.csv`


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended. A halt is a result; `exit_code` is that of the command line."""

    batch: str
    exit_code: int
    status: BatchStatus
    sent: int  # requests of this run
    charged: int
    not_charged: int
    in_doubt: int  # requests of this run nobody knows the charge of
    receipt: Receipt  # these, and what they come to
    run: int | None  # its number, as in `v_runs`; None: nothing was due
    interrupted: str | None  # the stop's reason: "SIGINT", "SIGTERM", ...
    requeued: int  # failures that were not final, queued again by this run
    released: int  # doubts queued again under `resend-once`
    reused: int  # values that this run gave the answer of another batch
    target: str | None  # where the rows go; "-": the caller writes them to its stdout
    exported: Exported | None
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStory:
    """One request, as evidence."""

    number: int
    opened_us: int
    closed_us: int | None
    method: str
    path: str
    status: int | None
    fault: Fault | None
    cut_off: bool  # the process died before an answer was stored
    rule: str | None
    why: str  # what of the rule's `when` the answer meets: `status 402 and code "NO_FUNDS"`; empty where unknown
    advice: str | None  # for people: what the profile says of such an answer; None of a success
    then: str  # for people: what followed it, "sent again after 4 s"; empty where its answer says it all
    action: str | None
    debited: Debited
    amount: Decimal
    unit: str
    cost: Cost  # `amount` with its money
    error_code: str | None
    error_message: str | None
    client_request_id: str | None  # to look for in the provider's dashboard; None: its requests carry no id of ours
    provider_request_id: str | None
    wait_seconds: float | None
    resolution: Resolution | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStory:
    """One row x operation, with every request made for it."""

    batch: str
    row: int
    line: int | None
    operation: str
    value: str = field(repr=False)  # what was or would be sent; shorten it before it is shown
    state: str  # a job state, or "invalid"
    reason: str | None
    final: bool | None
    reused_from: str | None = None  # the batch whose answer it was given; nothing was sent for it here
    finished_us: int | None = None  # when it was answered, there too
    due_us: int | None
    http_status: int | None
    result: Mapping[str, Any] | None = field(repr=False)
    possible_double_charge: bool
    shared_rows: int  # how many rows of the batch share this job
    attempts: tuple[AttemptStory, ...]
    next: str  # for people: what happens next


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A request that was sent and never answered."""

    batch: str
    row: int  # the first row that wants it
    line: int | None
    rows: tuple[int, ...]  # all of them
    operation: str
    provider: str
    value: str = field(repr=False)
    attempt: AttemptStory


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """Requests that are sent again although one like them was charged, or may have been."""

    charged: int
    perhaps: int  # nobody knows, and none was charged for certain
    cost: tuple[Cost, ...]  # charged for certain
    doubtful: tuple[Cost, ...]  # what may have been charged beside that


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """What a wish came to."""

    batch: str
    state: BatchState
    at_once: bool  # False: a run is at work and sees the wish within a second
    changed: int  # jobs moved (retry, resolve, cancel)
    next: Next | None
    paid: Paid | None = None  # of those that `retry` moved; None: none of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """Limits of a batch that were changed. Values as they are kept: a rate as text, amounts in millionths by provider,
    "" for all of them."""

    batch: str
    state: BatchState
    at_us: int  # since when they hold: for a run at work within a second
    at_work: bool  # a run is at work on this database
    changes: Mapping[str, tuple[Any, Any]]  # before and now; None: off
    holds: Mapping[str, Any]  # all that do now, those of the settings among them
    next: Next | None
