"""What the library says of a run before it begins: frozen values, ready to be shown or turned into JSON.

Instants are integer microseconds since the epoch, UTC (`..._us`); amounts are `Decimal` in the provider's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from runner.domain.states import BatchState
from runner.errors import RunnerError
from runner.work.money import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one operation of a batch will be asked, and what that costs."""

    operation: str
    unit: str
    requests: int  # that are still to be sent; of the only operation, those within the caps
    low: Cost | None  # at the price of one request; None: unknown
    likely: Cost | None  # at what a charged request cost here so far, on average; else as `low`
    high: Cost | None  # at the most that one request can cost
    one: Cost | None = None  # one of the unit, whatever a request costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What an account may spend in a UTC day (`max_spend_per_day`) in one unit, over all batches of the database."""

    provider: str
    unit: str
    cap: Decimal
    left: Decimal  # of today
    requests_left: int | None  # today still has room for so many of this batch, at their likely price; None: for all
    requests: int | None  # a whole day has


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """What one provider account of a batch will do, or does."""

    provider: str
    title: str
    requests: int  # that are still to be sent
    price: Decimal | None  # of one request; None: unknown
    unit: str
    amount: Decimal | None  # for all requests still to be sent; None: unknown
    seconds: float  # at the provider's limits, at best
    key_present: bool
    key_fix: str  # how to give the key; empty when it is there
    base_url: str
    asked: tuple[Asked, ...]  # by operation
    windows: tuple[tuple[int, float], ...] = ()  # its limits: at most so many requests in so many seconds
    days: tuple[Day, ...] = ()  # by unit; empty: a day may cost what it likes


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Values of this batch that were never sent, and have an answer in other batches. Of several answers the newest."""

    operation: str
    values: int
    of: int  # values that wait
    batches: Mapping[str, int]  # values by the batch that asked, the most first
    first_us: int  # when the oldest of these answers came
    last_us: int
    reuse: str  # the age that takes them all, as `--reuse` takes it: "30d"
    taken: int | None  # of them, those of the age that `--reuse` gave; None: it was not given
    saves: Cost | None  # what the taken ones would cost; without `--reuse` what all would; None: unknown


PLACES = 3
"""So many refused rows are named for each reason."""


class RowPlace(NamedTuple):
    """Where a row is found."""

    row: int
    line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What a run would do now, before it sends anything."""

    batch: str
    state: BatchState
    rows: int
    requests: int
    reused: int  # values that are given the answer of another batch instead
    at_most: int  # of them in one run: less than `requests` where a cap or a limit ends it before
    caps: tuple[str, ...]  # for people, as one writes them: "--max-requests 50"
    shared: int
    not_sent: int
    invalid: Mapping[str, int]
    invalid_rows: Mapping[str, tuple[RowPlace, ...]]  # the first of them, by reason as in `invalid`
    countries: Mapping[str, int]  # phones read, by country; empty without phones
    seconds: float  # of the slowest lane, at the limits and within what its days may cost
    now_us: int
    done_us: int  # when the slowest lane is through
    lanes: tuple[Lane, ...]
    known: tuple[Known, ...]
    changed: Mapping[str, int]  # results that are there, of operations whose address or profile was changed meanwhile
    columns: tuple[str, ...]
    first_time: bool  # nothing of this batch was ever sent: on a terminal, ask
    notices: tuple[str, ...] = ()  # for people: how the list was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """Runs from the same time each evening until `until`, one after the other."""

    begins: str  # "22:10", local
    until: str  # "07:00", local
    seconds: float  # of one night
    count: int
    done_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a list would be sent as. Nothing was sent, and no database was changed."""

    plan: Preflight
    nights: Nights | None  # with `--until`
    problems: tuple[RunnerError, ...]  # why it cannot be sent as it is; empty: it can
