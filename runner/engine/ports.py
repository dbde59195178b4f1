"""What the engine needs from outside, as small interfaces: the store, the transport, observers, the environment.

Every method says what must hold, not how. Real adapters live in `runner.store`, `runner.transport` and `runner.system`;
tests and simulations bring their own clock, randomness and transport, and use the real store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from runner.domain.model import (
    Action,
    Amount,
    Answer,
    AttemptId,
    BatchId,
    Debited,
    Fault,
    InDoubtPolicy,
    Job,
    JobId,
    Outcome,
    RunId,
)
from runner.domain.states import JobEvent
from runner.engine.events import Event
from runner.engine.wire import Transport as Transport
from runner.engine.wire import UnsendableError as UnsendableError

Observer = Callable[[Event], None]
"""Told of everything that happens, after it was stored. Must not block and must not raise."""


class Clock(Protocol):
    """Time. Durations by `monotonic`, instants by `now_us`; nothing else in the project reads a clock."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; the event loop's own time."""
        ...

    def now_us(self) -> int:
        """UTC, integer microseconds since the epoch."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Return when `monotonic()` has reached `deadline`."""
        ...

    def asleep_seconds(self) -> float:
        """For how long the machine was suspended so far: what `monotonic` does not count and the world does. Never
        goes back; 0 where `monotonic` counts it, or nobody can know. Never what the wall clock was set by."""
        ...


class Randomness(Protocol):
    """Jitter and ids. Seeded in simulations."""

    def uniform(self) -> float:
        """A float in [0, 1)."""
        ...

    def attempt_id(self) -> str:
        """16 characters of [a-z2-7], never the same twice: an attempt's name at the provider."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Which jobs a lane wants."""

    run: RunId
    batch: BatchId
    operations: tuple[str, ...]
    limit: int
    now_us: int
    lease_until_us: int
    only: JobId | None = None  # this job first and alone, if it is queued and due is ignored
    retries: int | None = None  # at most so many of those that waited for a due time; None: whatever is due


class Opening(NamedTuple):
    """The intent to send one request; committed before it leaves."""

    run: RunId
    job: JobId
    batch: BatchId
    operation: str
    provider: str
    account: str  # fingerprint of base URL and key
    number: int
    opened_us: int
    within_seconds: float  # from `opened_us` on it was over, however long its commit took
    client_request_id: str
    method: str
    path: str
    held: Amount
    unit: str


class Settlement(NamedTuple):
    """What one attempt came to: its answer as received, what the rules made of it, and where its job goes."""

    attempt: AttemptId
    client_request_id: str  # the attempt's: with both it is known beyond doubt, in whatever database it is looked for
    job: JobId
    closed_us: int
    answer: Answer
    rule: str
    action: Action | None  # None: withdrawn
    debited: Debited
    amount: Amount  # charged for certain when debited is yes; what may be charged when unknown; 0 when no
    error_code: str | None
    error_message: str | None
    provider_request_id: str | None
    wait_seconds: float | None
    event: JobEvent  # succeed, fail, retry, release or doubt
    spent: bool  # counts against the job's attempts
    due_us: int  # retry or release: not before; 0: at once
    outcome: Outcome | None  # when the job ended
    released_from_doubt: bool = False  # re-sending although it may have been charged: marked for ever
    requeue: tuple[AttemptId, ...] = ()  # earlier attempts whose failed jobs go back to the queue, nothing spent
    balance: Amount | None = None  # what the provider said was left after this request
    stripped: bool = False  # its headers and body were left out: the profile keeps fields only

    @classmethod
    def withdrawn(cls, *, attempt: AttemptId, client_request_id: str, job: JobId, closed_us: int) -> Settlement:
        """Of an attempt whose request never left: nothing counts, nothing is charged, its job is queued again."""
        return cls(
            attempt=attempt,
            client_request_id=client_request_id,
            job=job,
            closed_us=closed_us,
            answer=Answer(fault=Fault.WITHDRAWN),
            rule="withdrawn",
            action=None,
            debited=Debited.NO,
            amount=Amount(0),
            error_code=None,
            error_message=None,
            provider_request_id=None,
            wait_seconds=None,
            event=JobEvent.RELEASE,
            spent=False,
            due_us=0,
            outcome=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReport:
    """A lane's state as `status` shows it; stored whenever it changes."""

    batch: BatchId
    provider: str
    state: str  # open, limited, gated, circuit, parked, halted, done
    reason: str | None = None
    until_us: int | None = None
    asked_until_us: int | None = None  # when the wait ends that the provider asked for, whatever the state
    asked_at_us: int | None = None  # by the clock that says so
    rate: str | None = None
    in_flight: int | None = None
    code: str | None = None  # of a halt or a wait, in the provider's words
    message: str | None = None
    advice: str | None = None
    at_us: int | None = None
    job: JobId | None = None  # whose answer halted the lane: the probe of the next run
    operation: str | None = None
    probe_same_job: bool = True  # False: the next queued job of `operation` goes first
    own: bool = False  # of a halt: a matter of this batch alone, of which its account knows nothing
    share: float = 1.0  # of the stated limits that is in use: below 1 after a refusal
    found: float | None = None  # requests in 10 s: the pace that refusals taught, where no limit is stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What another terminal asked of a batch, and what is new in it."""

    requested_state: str | None  # "paused" or "cancelled"
    settings: Mapping[str, Any]  # the batch's kept settings: caps, rate, in_flight, in_doubt
    visible_job: int  # grows when work was added
    jobs: int  # of the batch, whatever became of them
    visible_row: int  # its last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The attempts of a batch at one provider read as an account, when a run starts."""

    provider: str
    unit: str
    requests: int  # sent: every attempt but those that provably were not
    debited: Amount
    in_doubt: Amount
    held: Amount


class JobStore(Protocol):
    """Durable truth. Each call is queued at once, in order; awaiting it waits for the commit.

    Calls made in one order are committed in that order, many in one commit. Work of this run only may be pending:
    a result is visible to `claim` after its commit. Cancelling the wait does not undo the call.
    """

    def claim(self, claim: Claim) -> Awaitable[list[Job]]:
        """Move up to `limit` queued, due, visible jobs to running, owned by the run; due retries first, then by age."""
        ...

    def release(self, run: RunId, jobs: Sequence[JobId]) -> Awaitable[None]:
        """Give claimed jobs back that were never opened: running -> queued, nothing spent, due unchanged."""
        ...

    def open(self, opening: Opening) -> Awaitable[AttemptId]:
        """Record the intent. Refused (StoreError) unless the job is running, owned by the run, with no open attempt."""
        ...

    def settle(self, settlement: Settlement) -> Awaitable[None]:
        """Close the attempt with its raw answer and move the job, in one transaction."""
        ...

    def next_due(self, batch: BatchId, operations: tuple[str, ...]) -> Awaitable[int | None]:
        """The earliest `due_us` of the visible queued jobs (0: now), or None if none is queued."""
        ...

    def proven(self, batch: BatchId) -> Awaitable[frozenset[str]]:
        """The operations with at least one succeeded job in the batch."""
        ...

    def spending(self, batch: BatchId) -> Awaitable[list[Spending]]:
        """The ledger of the batch so far, one entry for each provider and unit."""
        ...

    def waiting(self, batch: BatchId) -> Awaitable[Mapping[str, int]]:
        """How many requests of the batch are still to be sent, by operation: of queued jobs, and of claimed ones whose
        request is not on the way. Its cost does not grow with them."""
        ...

    def spent_by_day(
        self, account: str, names: Collection[str], unit: str, since_day: int
    ) -> Awaitable[Mapping[int, Amount]]:
        """Held, debited or in doubt over all batches under these provider names and all others that used the account
        since, by the UTC day of opening (whole days since the epoch), from `since_day` on."""
        ...

    def dearer(self) -> Awaitable[Mapping[tuple[str, str], Amount]]:
        """The highest charge of one request that was above what was held for it, of any batch, by operation and unit.
        Few requests are; however many there were, it takes no look at the others."""
        ...

    def recent(self, account: str, since_us: int, most: int) -> Awaitable[list[int]]:
        """When the requests on this account, of any batch, were over: `closed_us` of closed attempts that were sent;
        for attempts found open after a crash min(opened + within, recovery). Later than `since_us`, ascending; of
        more than `most` the latest."""
        ...

    def lanes(self, batch: BatchId) -> Awaitable[list[LaneReport]]:
        """The lanes as last reported: halts and parkings of an earlier run among them."""
        ...

    def put_off_anew(
        self, batch: BatchId, operations: tuple[str, ...], *, since_us: int, now_us: int
    ) -> Awaitable[int]:
        """The wall clock was set. Queued jobs that are due after `since_us` are due as long after `now_us` as they were
        after their last answer; how many."""
        ...

    def asked_to_wait(self, provider: str, now_us: int) -> Awaitable[LaneReport | None]:
        """The report, of whatever batch, with the latest `asked_until_us` of this provider that is not yet come."""
        ...

    def slowed(self, provider: str, since_us: int) -> Awaitable[LaneReport | None]:
        """The latest report, of whatever batch, on this provider since then: `share` and `found` say how fast it was
        asked."""
        ...

    def report_lane(self, report: LaneReport, run: RunId, now_us: int) -> Awaitable[None]:
        """Store a lane's state and, if it differs from the last, an event."""
        ...

    def record(
        self, *, at_us: int, run: RunId, batch: BatchId | None, lane: str | None, event: str, detail: Mapping[str, Any]
    ) -> Awaitable[None]:
        """Append to the events."""
        ...

    def wishes(self, batch: BatchId) -> Awaitable[Wishes]:
        """What was asked from elsewhere; a cheap read, polled."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What holds for one run of one batch."""

    in_doubt: InDoubtPolicy = InDoubtPolicy.HOLD
    max_wait_seconds: float = 900.0
    limit: int | None = None  # jobs opened in this run
    max_requests: Mapping[str | None, int] | None = None  # by provider; None: over all
    max_spend: Mapping[str | None, Amount] | None = None  # by provider; None: the one unit of the batch
    max_spend_per_day: Mapping[str, Amount] | None = None  # by provider, over all batches: of each UTC day
    in_flight: int | None = None  # per lane, within the profile
    rate: tuple[int, float] | None = None  # at most N per seconds, beside the profile's limits
    max_failed: float | None = None  # share of ended jobs, judged from 50 on
    follow: bool = False  # when all is settled, wait for more
