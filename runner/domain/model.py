"""The words of the project as values: jobs, attempts, answers, verdicts, decisions.

Instants are integer microseconds since the Unix epoch, UTC (`..._us`); durations are float seconds (`..._seconds`);
amounts are integer millionths of the provider's unit (`Amount`). Nothing here knows a database or a network.

Values that are made anew for every request are named tuples: as immutable as a frozen dataclass, made in a third of the
time. They are built by keyword all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, NewType

BatchId = NewType("BatchId", int)
JobId = NewType("JobId", int)
AttemptId = NewType("AttemptId", int)
RunId = NewType("RunId", int)

Amount = NewType("Amount", int)
"""Integer millionths of a provider's unit (a check, a credit, a euro)."""

MILLION = 1_000_000


class Debited(StrEnum):
    """Whether the provider took its price for an attempt."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Action(StrEnum):
    """What a rule says to do with one answer."""

    SUCCEED = "succeed"
    RETRY = "retry"
    FAIL = "fail"
    PAUSE = "pause"
    HALT = "halt"


class Fault(StrEnum):
    """Why there is no readable answer. Only `NO_ANSWER` may have been carried out."""

    NOT_SENT = "not-sent"  # proved: no byte of the request left
    NO_ANSWER = "no-answer"  # sent, wholly or in part, and the answer never came
    INVALID = "invalid"  # the request could not be built
    TLS = "tls"  # the certificate was refused
    WITHDRAWN = "withdrawn"  # opened, then the lane shut before sending


UNSENT = frozenset({Fault.NOT_SENT, Fault.INVALID, Fault.TLS, Fault.WITHDRAWN})
"""Faults that prove that the provider saw no request."""


POISON = "poison"
"""The reason of a job that was on the wire at `CRASHES_TO_POISON` crashes: it may be what brings the runner down."""

CRASHES_TO_POISON = 3
CRASHES_TO_SUSPECT = 2
"""From so many crashes on a job is sent apart from its like, so that the guilty one takes no innocent ones with it."""


class InDoubtPolicy(StrEnum):
    """What happens to a job whose charge is unknown."""

    HOLD = "hold"
    RESEND_ONCE = "resend-once"


class Resolution(StrEnum):
    """What a person, or the policy, says of a request in doubt."""

    CHARGED = "charged"
    NOT_CHARGED = "not-charged"
    RESEND = "resend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request to be made at most once successfully, as the engine sees it once claimed."""

    id: JobId
    batch: BatchId
    operation: str  # "defastra.email"
    params: Mapping[str, str]  # what is sent, by parameter name, normalised
    attempts: int  # opened so far; the next attempt is number `attempts + 1`
    attempts_spent: int  # counted against the limit
    possible_double_charge: bool = False  # was released from doubt before
    crashes: int = 0  # runs that died while it was on the wire

    @property
    def suspect(self) -> bool:
        """On the wire at so many crashes that no other such job should be with it."""
        return self.crashes >= CRASHES_TO_SUSPECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request without its credentials, rendered from an operation. Safe to record but for its values."""

    method: str
    url: str  # whole, query included; never logged
    path: str  # without query, for records
    headers: tuple[tuple[str, str], ...]
    body: bytes
    client_request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, as plain data. Either `status` is set, or `fault` is."""

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()  # names lower-case, in order of arrival
    body: bytes = b""  # decoded, at most the cap
    truncated: bool = False  # the body was cut at the cap, or its coding could not be read
    fault: Fault | None = None
    detail: str = ""  # for people: which exception, without values

    def values(self, name: str) -> list[str]:
        """All values of a header, in order of arrival. Names are compared without case."""
        wanted = name.lower()
        return [value for key, value in self.headers if key == wanted]

    def header(self, name: str) -> str | None:
        """The last value of a header, or None. Names are compared without case."""
        wanted = name.lower()
        for key, value in reversed(self.headers):
            if key == wanted:
                return value
        return None


class WaitWord(NamedTuple):
    """What one header says of the time to wait, as it came."""

    raw: str
    unix: bool = False  # an instant, in seconds since the epoch
    place: int = 0  # of its header among those that the profile names: the first that can be read decides


class Verdict(NamedTuple):
    """What the rules say of one answer."""

    rule: str
    action: Action
    debited: Debited
    recognised: bool  # False when only the catch-all matched or the body could not be read
    resend: bool = False
    unproven_halt: bool = False  # the rule halts while no job of this operation succeeded in the batch
    wait_seconds: float | None = None  # lower end; None: no wait of its own
    wait_cap_seconds: float | None = None  # upper end of a wait that doubles
    until: str | None = None  # "utc-midnight"
    attempts: int | None = None  # this rule's own limit of attempts
    halt_after: int | None = None  # so many such in a row halt the lane, and the streak goes back to the queue
    outage: bool = False  # a pause because of trouble of theirs: it never ends as `rate-limited`
    charge: Amount | None = None  # what the provider says it charged; it decides over `debited` and the price
    balance: Amount | None = None  # what the provider says was left after this request
    retry_after: tuple[WaitWord, ...] = ()  # parsed by whoever waits and knows the time
    told_at: str | None = None  # the provider's own clock (`Date`), where there is something to wait for
    advice: str = ""
    error_code: str | None = None
    error_message: str | None = None
    provider_request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended: what is exported."""

    reason: str  # rule name, or `attempts`-style reasons of our own
    final: bool  # False: attempts used up on something transient; the same command tries again
    found: bool | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)  # JSON values by column name
