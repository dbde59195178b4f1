"""Answers that are there already: what a batch would pay for a second time, and what `--reuse` spares it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from runner.domain.model import MILLION
from runner.domain.provider import Operation
from runner.domain.states import JobState
from runner.store.store import Store
from runner.store.values import BatchStatus
from runner.work.money import Prices
from runner.work.outlook import Known
from runner.work.pricing import asks
from runner.work.profiles import Profiles

_DAY: Final = 86_400
_AGES: Final = (1, 7, 30, 90, 365)
"""Days as people count them; what is older is told to the day."""

_LATER: Final = 3_600
"""Seconds from the sentence to the run that goes by it: an answer must not grow too old in between."""


def known_answers(
    status: BatchStatus,
    operations: Mapping[str, Operation],
    *,
    store: Store,
    profiles: Profiles,
    prices: Prices,
    now_us: int,
    reuse_seconds: float | None = None,
) -> tuple[Known, ...]:
    """By operation. Reads what waits, once; `reuse_seconds`: the oldest age that is taken over."""
    if not any(status.by_state[state] for state in (JobState.QUEUED, JobState.RUNNING)):
        return ()
    since_us = None if reuse_seconds is None else oldest(reuse_seconds, now_us)
    hashes = profiles.request_hashes(operations, status.batch.source)
    found = store.answered.before(status.batch.id, request_hashes=hashes, since_us=since_us)
    charges: Mapping[tuple[str, str], Decimal] = store.forecast.usual_charges() if found else {}
    known = []
    for one in found:
        operation, counts = operations[one.operation], status.jobs[one.operation]
        saved = one.jobs if reuse_seconds is None else one.young
        known.append(
            Known(
                operation=one.operation,
                values=one.jobs,
                of=counts[JobState.QUEUED] + counts[JobState.RUNNING],
                batches=one.batches,
                first_us=one.first_us,
                last_us=one.last_us,
                reuse=_age(one.first_us, now_us),
                taken=None if reuse_seconds is None else one.young,
                saves=asks(operation, saved, prices, charges).likely,
            )
        )
    return tuple(known)


def oldest(reuse_seconds: float, now_us: int) -> int:
    """The moment from which on an answer is young enough."""
    return now_us - round(reuse_seconds * MILLION)


def _age(first_us: int, now_us: int) -> str:
    days = math.ceil(((now_us - first_us) / MILLION + _LATER) / _DAY)
    return f"{next((age for age in _AGES if days <= age), max(1, days))}d"
