"""What today's `max_spend_per_day` has left for a batch, and who used the rest of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from runner.domain.backoff import utc_day
from runner.domain.model import MILLION, Amount
from runner.domain.states import BatchState
from runner.errors import UsageError
from runner.store.snapshot import Readable
from runner.store.values import BatchInfo
from runner.work.profiles import Profiles
from runner.work.results import Today

DailyCap = Callable[[str], Amount | None]
"""A provider's `max_spend_per_day` in millionths of its unit; None: a day may cost what it likes."""


def today_of(
    info: BatchInfo, daily: DailyCap, *, store: Readable, profiles: Profiles, now_us: int
) -> tuple[Today, ...]:
    """Today's caps of a batch that is not over, by provider and unit; empty without any. By the provider's name, as in
    `check`: without its key nobody knows what other names the account has."""
    caps = {key.partition(".")[0]: daily(key.partition(".")[0]) for key in info.operations}
    if info.state in (BatchState.COMPLETED, BatchState.CANCELLED) or not any(caps.values()):
        return ()
    try:
        operations = profiles.of_batch(info.operations, info.source)
    except UsageError:  # its profile is gone: what a request counts in is not known
        return ()
    day = utc_day(now_us)
    return tuple(
        Today(
            provider=provider,
            unit=unit,
            cap=Decimal(cap) / MILLION,
            used=Decimal(store.forecast.spent_on(provider, unit, day)) / MILLION,
            used_here=Decimal(store.forecast.spent_on(provider, unit, day, batch=info.id)) / MILLION,
        )
        for provider, unit in dict.fromkeys((one.provider, one.unit) for one in operations.values() if one.hold)
        if (cap := caps[provider]) is not None
    )
