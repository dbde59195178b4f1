"""What a run tells its observers, after it was stored. Values only; rendering is the command line's business.

Each has `batch`, the number of the batch in the database (`RunStarted` has its name too), and `at_us`: microseconds
since the epoch, UTC. Amounts are integer millionths of the provider's unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from runner.domain.model import Action, Amount, BatchId, Debited, Fault, JobId
from runner.domain.states import JobEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run began to work on a batch."""

    batch: BatchId
    at_us: int
    providers: tuple[str, ...]
    name: str = ""  # the batch's


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptClosed:
    """A request was answered, or gave up, and that is stored."""

    batch: BatchId
    at_us: int
    provider: str
    operation: str  # "defastra.email"
    job: JobId
    number: int  # of the requests made for the job, from 1
    status: int | None  # None: see `fault`
    fault: Fault | None
    rule: str  # the name of the rule that read the answer
    action: Action | None
    debited: Debited
    amount: Amount  # charged; of one in doubt, what it may have cost
    unit: str
    event: JobEvent  # what became of its job
    seconds: float  # from sending to the answer
    balance: Amount | None = None  # what the provider said was left after it, in millionths
    due_us: int | None = None  # when it is tried again; None: it is not, or as soon as the provider allows


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneChanged:
    """A lane opened, shut, was parked, halted or is done."""

    batch: BatchId
    at_us: int
    provider: str
    state: str  # open, limited, gated, circuit, parked, halted, done
    reason: str | None
    until_us: int | None  # nothing leaves before that
    message: str | None = None  # the provider's words
    advice: str | None = None  # for people: what to do about a halt
    rate: str | None = None  # the limits in force: "60/60 s, 2/1 s at 70 %"
    slowed: bool = False  # slower than the provider allows, or at a pace that was found, after it refused
    windows: tuple[tuple[int, float], ...] = ()  # the limits in force: at most so many requests in so many seconds
    in_flight: int | None = None  # so many requests may be on the way at once


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStopping:
    """No new request leaves from now on; those in flight finish."""

    batch: BatchId
    at_us: int
    reason: str
    in_flight: int  # requests that are still awaited


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTrouble:
    """The database cannot be written as it should, or can again; nothing new leaves while it cannot."""

    batch: BatchId
    at_us: int
    reason: str  # database-locked, database-free, disk-full, no-reserve


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLow:
    """What the provider says is left does not pay for what still waits; told once in a run. Amounts in millionths."""

    batch: BatchId
    at_us: int
    provider: str
    unit: str
    balance: Amount
    requests: int  # that wait, in all batches at work on the account
    cost: Amount  # of them, at the lowest price and within the caps


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSlept:
    """The machine was suspended in the middle of the run, and is awake again; told to each batch at work."""

    batch: BatchId
    at_us: int
    seconds: float  # for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAwaited:
    """With `--follow`: everything is settled, and the batch waits for more. Told again after each look at its list."""

    batch: BatchId
    at_us: int
    next_look_us: int | None = None  # at its list; None: it is not looked at, rows come from another terminal
    again: bool = False  # a look has brought nothing, and nothing was sent since it was told before


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsAdded:
    """There are rows that were not there when the run began: from the list, or from another terminal."""

    batch: BatchId
    at_us: int
    rows: int
    requests: int  # to be made for them


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceTrouble:
    """The list of a batch that is followed cannot be read, or the table of its rows not be written; or it can again."""

    batch: BatchId
    at_us: int
    place: str  # source, table
    message: str | None  # what is wrong; None: nothing any more
    until_us: int | None = None  # when it is tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsTuned:
    """The batch's own caps were changed from another terminal, and hold from now on. Amounts in millionths."""

    batch: BatchId
    at_us: int
    max_requests: int | None  # None: there is no such cap
    max_spend: tuple[tuple[str | None, Amount], ...]  # by provider; None: in the one unit of the batch
    requests_left: int | None  # what `max_requests` leaves, those on the way among them


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """The run is over; everything it did is stored."""

    batch: BatchId
    at_us: int
    state: str  # of the batch: paused, halted, completed
    reason: str | None


Event = (
    RunStarted
    | AttemptClosed
    | LaneChanged
    | RunStopping
    | StoreTrouble
    | BalanceLow
    | MachineSlept
    | RowsAwaited
    | RowsAdded
    | PlaceTrouble
    | CapsTuned
    | RunEnded
)
