"""What a run tells its observers, after it was stored. Values only; rendering is the command line's business."""

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
    operation: str
    job: JobId
    number: int
    status: int | None
    fault: Fault | None
    rule: str
    action: Action | None
    debited: Debited
    amount: Amount
    unit: str
    event: JobEvent
    seconds: float  # from sending to the answer
    balance: Amount | None = None  # what the provider said was left after it, in millionths


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneChanged:
    """A lane opened, shut, was parked, halted or is done."""

    batch: BatchId
    at_us: int
    provider: str
    state: str
    reason: str | None
    until_us: int | None
    message: str | None = None
    advice: str | None = None
    rate: str | None = None  # the limits in force: "60/60 s, 2/1 s at 70 %"
    slowed: bool = False  # slower than the provider allows, or at a pace that was found, after it refused


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStopping:
    """No new request leaves from now on; those in flight finish."""

    batch: BatchId
    at_us: int
    reason: str
    in_flight: int


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
    seconds: float


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
class RunEnded:
    """The run is over; everything it did is stored."""

    batch: BatchId
    at_us: int
    state: str
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
    | RunEnded
)
