"""What `log` and `spend` answer, as frozen values and as JSON. Pure.

Instants are integer microseconds since the epoch, UTC (`..._us`); amounts are `Decimal` in the provider's unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from runner.store.codec import iso
from runner.work.money import Cost, in_money
from runner.work.status import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One event: a line of `v_events`, with the provider's title."""

    at_us: int
    run: int | None
    batch: str | None
    handle: str | None  # the shortest beginning of the batch's name that means it today
    provider: str | None
    title: str | None  # the provider's, for people; its name where its profile is gone
    event: str  # "batch.paused", "lane.halted", ...
    detail: Mapping[str, Any]  # without personal values or keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The last events, the newest last."""

    records: tuple[Record, ...]
    more: bool  # older ones were left out


class By(StrEnum):
    """What `spend` makes a line of."""

    DAY = "day"
    BATCH = "batch"
    OPERATION = "operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLine:
    """Requests and what they cost. A total has neither day, batch nor operation."""

    day: str | None = None  # 2026-11-21, UTC
    batch: str | None = None
    operation: str | None = None
    provider: str
    requests: int  # sent, or perhaps sent
    charged: int
    not_charged: int
    in_doubt: int  # those on the way included
    cost: Cost  # charged for certain
    in_doubt_cost: Cost  # what those in doubt may have cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What was spent. Days are UTC, by when a request was sent."""

    by: By
    since: str | None  # the first day; None: from the beginning
    batch: str | None  # None: all
    lines: tuple[SpendLine, ...]
    totals: tuple[SpendLine, ...]  # one for each provider and unit

    @property
    def money(self) -> Mapping[str, Decimal] | None:
        """What was charged, by currency; None as soon as a price is not known."""
        return in_money(line.cost for line in self.totals)


def record_json(record: Record) -> dict[str, Any]:
    """A line of `log --json`: the columns of `v_events`."""
    return {
        "at": iso(record.at_us),
        "run": record.run,
        "batch": record.batch,
        "lane": record.provider,
        "event": record.event,
        "detail": dict(record.detail),
    }


def spend_json(spend: Spend) -> dict[str, Any]:
    """The object of `spend --json`, schema 1. Money is null where it is not known."""
    return {
        "schema": 1,
        "by": spend.by.value,
        "since": spend.since,
        "batch": spend.batch,
        "lines": [_line(line, spend.by.value, getattr(line, spend.by.value)) for line in spend.lines],
        "totals": [_line(line) for line in spend.totals],
    }


def _line(line: SpendLine, by: str = "", value: str | None = None) -> dict[str, Any]:
    return {
        **({by: value} if by else {}),
        "provider": line.provider,
        "requests": line.requests,
        "charged": line.charged,
        "not_charged": line.not_charged,
        "in_doubt": line.in_doubt,
        "unit": line.cost.unit,
        "amount": plain(line.cost.amount),
        "in_doubt_amount": plain(line.in_doubt_cost.amount),
        "money": _money(line.cost),
        "in_doubt_money": _money(line.in_doubt_cost),
    }


def _money(cost: Cost) -> dict[str, Any] | None:
    return None if cost.money is None else {"amount": plain(cost.money), "currency": cost.currency}
