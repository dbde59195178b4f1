"""`log` and `spend`: what happened, and what it cost, from what the store keeps of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from runner.domain.model import MILLION
from runner.errors import ConfigError, UsageError
from runner.settings import parse_duration
from runner.store.store import Store
from runner.store.values import BatchInfo, SpendView
from runner.work.money import Prices
from runner.work.naming import handle
from runner.work.profiles import Profiles
from runner.work.records import By, Log, Record, Spend, SpendLine

DAY_SECONDS = 86_400
LINES = 200
"""Of a log, unless told otherwise: what a person reads at once."""


def log(info: BatchInfo | None, *, since_us: int | None, limit: int, store: Store, profiles: Profiles) -> Log:
    """The last events of a batch, or of all."""
    if limit < 1:
        raise UsageError(f"--limit {limit} is too small", why="The least is 1.", fix=f"--limit {LINES}")
    events, more = store.reports.events(batch=None if info is None else info.id, since_us=since_us, limit=limit)
    batches = store.reports.batches()
    files, names = _files(batches), [other.name for other in batches]
    titles = {name: profiles.title(name, files) for name in {one.lane for one in events if one.lane}}
    records = tuple(
        Record(
            at_us=one.at_us,
            run=one.run,
            batch=one.batch,
            handle=None if one.batch is None else handle(one.batch, names),
            provider=one.lane,
            title=titles.get(one.lane or ""),
            event=one.event,
            detail=one.detail,
        )
        for one in events
    )
    return Log(records=records, more=more)


def _files(batches: Iterable[BatchInfo]) -> dict[str, str]:
    files: dict[str, str] = {}
    for info in batches:
        files = {**info.source.get("profiles", {}), **files}
    return files


def parse_by(by: By | str) -> By:
    """What `spend` is told by. UsageError."""
    try:
        return By(by)
    except ValueError:
        known = ", ".join(By)
        raise UsageError(f"spend by {by!r}: no such view", why=f"There are {known}.", fix="--by day") from None


def spend(info: BatchInfo | None, *, since_us: int | None, by: By, store: Store, prices: Prices) -> Spend:
    """What was sent and charged, of a batch or of all, a line for each day, batch or operation (and unit)."""
    views = store.reports.spend(batch=None if info is None else info.id, since_us=since_us)

    def key(view: SpendView) -> tuple[str, str, str]:
        first = {By.DAY: _day(view.day), By.BATCH: view.batch, By.OPERATION: view.operation}[by]
        return first, view.provider, view.unit

    def total(view: SpendView) -> tuple[str, str, str]:
        return "", view.provider, view.unit

    return Spend(
        by=by,
        since=None if since_us is None else _day(since_us // (DAY_SECONDS * MILLION)),
        batch=None if info is None else info.name,
        lines=_lines(views, key, prices, by=by),
        totals=_lines(views, total, prices),
    )


def _day(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY_SECONDS, tz=UTC):%Y-%m-%d}"


def _lines(
    views: Iterable[SpendView],
    key: Callable[[SpendView], tuple[str, str, str]],
    prices: Prices,
    *,
    by: By | None = None,
) -> tuple[SpendLine, ...]:
    groups: dict[tuple[str, str, str], list[SpendView]] = {}
    for view in views:
        groups.setdefault(key(view), []).append(view)
    return tuple(
        SpendLine(
            day=first if by is By.DAY else None,
            batch=first if by is By.BATCH else None,
            operation=first if by is By.OPERATION else None,
            provider=provider,
            requests=sum(view.requests for view in some),
            charged=sum(view.charged for view in some),
            not_charged=sum(view.not_charged for view in some),
            in_doubt=sum(view.in_doubt for view in some),
            cost=prices.cost(provider, unit, sum(view.amount for view in some)),
            in_doubt_cost=prices.cost(provider, unit, sum(view.in_doubt_amount for view in some)),
        )
        for (first, provider, unit), some in sorted(groups.items())
    )


def parse_since(text: str, *, now_us: int) -> int:
    """An instant, in microseconds: so long ago ("2h", "7d"), or a date or time, local unless it says its zone.

    UsageError: none of these, or before 1970.
    """
    try:
        return max(0, now_us - round(parse_duration(text, name="--since") * MILLION))
    except (ConfigError, OverflowError):
        pass
    try:
        when = datetime.fromisoformat(text.strip())
        at_us = round(when.timestamp() * MILLION)  # without a zone of its own: as the clock on this wall
    except (ValueError, OverflowError, OSError):
        at_us = -1
    if at_us < 0:
        raise UsageError(
            f"--since: neither a length of time nor a date: {text!r}",
            why="It is written 2h or 7d for so long ago, or 2026-11-20, or 2026-11-20T18:30.",
            fix="--since 24h",
        )
    return at_us


def parse_since_day(text: str, *, now_us: int) -> int:
    """As `parse_since`, but a bare date is that day in UTC: sums are kept by whole days, UTC."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
        return parse_since(f"{text.strip()}T00:00:00+00:00", now_us=now_us)
    return parse_since(text, now_us=now_us)
