"""One seed is one night: everything that may differ is drawn here, before it begins, and can be printed as one line.

Each purpose has a stream of its own, so that a new draw in one shifts no other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What is asked of a night."""

    SAFETY = "safety"  # faults to the end: nothing may be lost or paid twice
    LIVENESS = "liveness"  # faults stop at some time: from there on it must finish


class Kind(StrEnum):
    """Which provider a world plays."""

    DEFASTRA = "defastra"
    DEFENDIS = "defendis"
    DFIRLAB = "dfirlab"
    HOSTILE = "hostile"  # a profile of ours: every kind of limit, statement and answer


class Fault(StrEnum):
    """What may go wrong with one request. The rate of each is its share of the requests."""

    DNS = "dns"
    REFUSED = "refused"  # nobody listens
    TLS = "tls"  # a handshake that broke; a bad certificate halts, and is an episode
    WRITE_NONE = "write-none"  # connected, and broken before the first byte
    WRITE_PART = "write-part"
    LOST = "lost"  # written whole, never received
    DROPPED = "dropped"  # received, not worked on, the line closed
    UNANSWERED = "unanswered"  # worked on and charged, the line closed
    CUT = "cut"  # a part of the answer arrives
    HANG = "hang"  # charged; nothing comes until the deadline
    LATE = "late"  # the answer comes, after the deadline
    SERVER_ERROR = "server-error"  # 5xx without the provider's envelope
    TROUBLE = "trouble"  # a passing error of the profile's own
    GARBAGE = "garbage"  # a 2xx that is not in their form: HTML, empty, huge numbers, lone surrogates
    SHORT = "short"  # a JSON body that ends in the middle
    BAD_ROW = "bad-row"  # refused for its value
    DOUBLE_CHARGE = "double-charge"  # answered, and charged twice
    CHARGED_ERROR = "charged-error"  # an error of theirs that is charged all the same
    ODD_STATEMENT = "odd-statement"  # states a charge or a balance that is no number, or a wrong one


class Episode(StrEnum):
    """What may be wrong for a while."""

    OUTAGE = "outage"  # every request is refused, hangs or is a 5xx
    TOO_FAST = "too-fast"  # 429 with some Retry-After
    REVOKED = "revoked"  # the key is refused
    CERTIFICATE = "certificate"  # the certificate is wrong
    FUNDS = "funds"  # the wallet says no, whatever is in it
    SCOPE = "scope"  # every value is refused by a rule that halts after a few


class Retry(StrEnum):
    """What a 429 says of the time."""

    SECONDS = "seconds"
    DATE = "date"
    GARBAGE = "garbage"
    NONE = "none"
    LONG = "long"  # longer than the runner waits: it parks


class DiskTrouble(StrEnum):
    """What may be wrong with the database's disk."""

    FULL = "full"
    LOCKED = "locked"  # another program holds the file
    LOST = "lost"  # a commit fails, and is not there
    KEPT = "kept"  # a commit fails, and is there all the same


class Verb(StrEnum):
    """What another terminal, the machine or a person may do."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    CHARGED = "charged"
    NOT_CHARGED = "not-charged"
    RESEND = "resend"
    ADD = "add"  # load --add
    JUMP = "jump"  # of the wall clock, by `seconds`
    STALL = "stall"  # the process is stopped for `seconds`, while the world goes on
    SUSPEND = "suspend"  # the machine sleeps for `seconds`, while the world goes on
    SIGNAL = "signal"  # and after `seconds`, if there are any, a second one: the process is gone at once
    TOP_UP = "top-up"
    RESTORE = "restore"  # the key works again
    RAISE = "raise"  # a cap, for the next run


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that happens when the night's books reach `at_send` requests, or so many seconds `after` that."""

    verb: Verb
    at_send: int = 0
    after: float = 0.0
    seconds: float = 0.0
    batch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodePlan:
    """Something that begins with the `at_send`th request of an account and goes on for `seconds`."""

    episode: Episode
    at_send: int
    seconds: float
    retry: Retry = Retry.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPlan:
    """Where one life dies: at the `visit`th of a fault point, or (point None) before the `visit`th step."""

    point: str | None
    visit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskPlan:
    """Trouble that begins with the `at_commit`th commit of the night; `seconds` 0: it lasts for one commit."""

    trouble: DiskTrouble
    at_commit: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """One provider account."""

    name: str
    kind: Kind
    operation: str  # "email"
    safe: bool
    limits: tuple[tuple[int, float], ...]
    pace: str  # strict, arrival
    in_flight: int
    timeout_seconds: float
    latency: str  # flat, uniform, exponential, tailed
    latency_seconds: float
    faults: Mapping[Fault, float]
    episodes: tuple[EpisodePlan, ...]
    stubborn: float  # share of the values that meet a passing error whenever they are asked about,
    stubborn_for: int  # so many times
    wallet: float | None  # units; None: without end


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """One list."""

    name: str
    rows: int
    duplicates: float  # share of rows that repeat an earlier value
    invalid: float  # share of cells that are refused
    operations: tuple[int, ...]  # positions in `NightOptions.accounts`


@dataclass(frozen=True, slots=True, kw_only=True)
class NightOptions:
    """Everything about one night."""

    seed: int
    mode: Mode
    began_us: int  # the wall clock when the night begins
    accounts: tuple[AccountPlan, ...]
    batches: tuple[BatchPlan, ...]
    in_doubt: str  # hold, resend-once
    max_requests: int | None
    max_spend: float | None
    max_spend_per_day: float | None
    rate: str | None
    max_wait: float
    max_failed: float | None
    commit_seconds: float  # the most a commit takes
    poll_seconds: float  # how often a run looks for wishes: most of what a night costs
    crashes: tuple[CrashPlan, ...]  # one for each life, as long as there are any; double crashes among them
    crash_in_load: CrashPlan | None
    disk: tuple[DiskPlan, ...]
    acts: tuple[Act, ...]
    person: float  # how often a person sees to what a life left, 0..1
    together: bool  # `run --all`, where there are several lists
    output: bool  # each run writes the rows when it ends
    rest_seconds: float  # between two lives, on average
    most_lives: int
    heal_after: float | None  # liveness: seconds after which nothing goes wrong any more
    strict_commits: bool  # look at the whole database after every commit: one night of ten

    def as_json(self) -> str:
        """One line: repeats the night, for people to read."""
        return json.dumps(asdict(self), default=str, separators=(",", ":"))


class Streams:
    """Independent streams of one seed, by name."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, purpose: str) -> random.Random:
        """The stream of a purpose, from its beginning."""
        return random.Random(f"{self.seed}:{purpose}")

    def number(self, purpose: str) -> int:
        """A seed for something that draws by itself."""
        return self(purpose).getrandbits(48)
