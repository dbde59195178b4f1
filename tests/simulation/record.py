"""What a night leaves for those who judge it: the provider's books, the lives of the runner, what was done, the trace.

All times are seconds on the simulation's axis (the true time, which no jump of the runner's clock touches); amounts are
millionths of the provider's unit.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runner.domain.model import Answer

if TYPE_CHECKING:
    from tests.simulation.options import Act, NightOptions
    from tests.simulation.world import Account


class Phase(StrEnum):
    """The way of one request, in order. `Entry.broke` names the phase that did not come to its end."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    WRITE = "write"  # broke: none, a part or all of it had left; see `Entry.written`
    RECEIVE = "receive"  # broke: it left whole and never arrived
    CHARGE = "charge"  # broke: received, and dropped before any work
    ANSWER = "answer"  # broke: the work was done, nothing of the answer left
    READ = "read"  # broke: a part of the answer arrived


BEFORE_WRITE = frozenset({Phase.RESOLVE, Phase.CONNECT, Phase.TLS})
"""Where nothing of the request can have left."""


class Written(StrEnum):
    """How much of a request left the machine."""

    NONE = "none"
    PART = "part"
    ALL = "all"


@dataclass(slots=True, kw_only=True)
class Charge:
    """Money taken. One request may be charged twice: that is the provider's doing."""

    at: float
    amount: int


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request in the provider's books, from the moment the runner let go of it."""

    number: int  # over all accounts, 1 for the first
    account: str  # the provider's name, as the runner knows it
    life: int  # which life of the runner sent it, 1 for the first
    sent_at: float  # the transport was called
    operation: str | None  # "defastra.email"; None: not recognised
    value: str  # as it was sent
    client_request_id: str
    params: Mapping[str, str]
    written: Written = Written.NONE
    received_at: float | None = None  # the server's stamp: what its windows count
    too_fast: bool = False  # a window of the server was full
    worked: bool = False  # what was asked was carried out, charged or free
    charges: list[Charge] = field(default_factory=list)
    stated: int | None = None  # the charge that the answer states
    balance: int | None = None  # what it says is left
    rule: str = ""  # what the provider meant, by the profile's names
    status: int | None = None
    answered_at: float | None = None  # its answer left whole
    broke: Phase | None = None
    foul: str | None = None  # what the provider did wrong with the money: "double-charge", "charged-error", ...
    retry: str | None = None  # how a refusal named a time: an `options.Retry`
    wait_until: float | None = None  # the time it named, where it can be understood
    heard_at: float | None = None  # the runner was told that it has arrived
    told_at: float | None = None  # the transport returned
    told: Answer | None = None  # what the runner was given; None: it was dead by then, or still waits

    @property
    def charged(self) -> int:
        """All that was taken for it."""
        return sum(charge.amount for charge in self.charges)


class End(StrEnum):
    """How a life of the runner ended."""

    ENDED = "ended"  # the call returned
    CRASHED = "crashed"
    REFUSED = "refused"  # a RunnerError: nothing could be done
    DEADLOCK = "deadlock"
    LIVELOCK = "livelock"
    BROKEN = "broken"  # any other exception: a bug


class Command(StrEnum):
    """What a life did."""

    LOAD = "load"
    RUN = "run"
    EXPORT = "export"


@dataclass(slots=True, kw_only=True)
class Life:
    """One process of the runner."""

    number: int
    command: Command
    batches: tuple[str, ...]
    began_at: float
    ended_at: float = 0.0
    end: End = End.ENDED
    crash: str | None = None  # the fault point and its visit, or the step
    exit_codes: Mapping[str, int] = field(default_factory=dict)  # by batch
    states: Mapping[str, str] = field(default_factory=dict)  # by batch, when it ended: "paused:interrupted"
    results: Mapping[str, Any] = field(default_factory=dict)  # RunResult by batch
    error: str | None = None
    visited: Counter[str] = field(default_factory=Counter)
    stopped_at: float | None = None  # a signal was sent
    options: Mapping[str, Any] = field(default_factory=dict)  # keywords of the run
    steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Something a person did, from another terminal or between lives."""

    at: float
    life: int
    act: Act
    beside: bool  # while a run was at work
    changed: int | None  # what the command said; None: it was refused
    batch: str | None = None


class Trace:
    """What happened, in order: (time, what). Two nights of one seed have the same digest."""

    def __init__(self, *, keep: bool = False) -> None:
        self.lines: list[str] = []
        self.count = 0
        self._keep = keep
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, at: float, what: str) -> None:
        """One more line."""
        line = f"{at:.6f} {what}"
        self.count += 1
        self._hash.update(line.encode("utf-8", "surrogatepass") + b"\n")
        if self._keep:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        """All of it in 32 characters."""
        return self._hash.hexdigest()


@dataclass(slots=True, kw_only=True)
class Night:
    """A whole night. Filled while it goes on; hooks may look at it at any time."""

    options: NightOptions
    folder: Path
    database: Path
    accounts: Mapping[str, Account]  # the provider's side: wallet, windows, limits
    trace: Trace
    books: list[Entry] = field(default_factory=list)  # in the order of sending, over all accounts and lives
    lives: list[Life] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    visited: Counter[str] = field(default_factory=Counter)  # fault points, and "step"
    met: Counter[str] = field(default_factory=Counter)  # situations: faults that were drawn, "double-charge", ...
    rows: dict[str, list[str]] = field(default_factory=dict)  # by batch: the cell of each row, in order
    exports: dict[str, Path] = field(default_factory=dict)  # by batch: the file, where one was written
    disk: list[tuple[float, float, str]] = field(default_factory=list)  # trouble of the disk: from, until, which
    healed_at: float | None = None  # liveness: from here on nothing goes wrong any more
    bound_at: float | None = None  # liveness: until then it must be over

    @property
    def life(self) -> Life:
        """The one at work, or the last."""
        return self.lives[-1]


class Watch(Protocol):
    """Oracles that look while a night goes on. Raise AssertionError for a violation: the night ends with it."""

    def begin(self, night: Night) -> None:
        """Before the first life; the database is there, empty."""
        ...

    def on_send(self, entry: Entry) -> None:
        """The transport was asked to send; nothing has left yet."""
        ...

    def on_told(self, entry: Entry) -> None:
        """The runner has the answer (or fault) of a request in hand from here on."""
        ...

    def on_commit(self, point: str) -> None:
        """A transaction was committed: "after-commit" (the run's writer) or "decision-after-commit"."""
        ...

    def on_life(self, life: Life) -> None:
        """A life is over; the database is as the next one will find it."""
        ...

    def end(self, night: Night) -> None:
        """The night is over."""
        ...
