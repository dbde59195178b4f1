"""How long requests take at a provider's limits. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runner.domain.provider import Provider

Windows = Sequence[tuple[int, float]]
"""At most so many requests in so many seconds; all of them hold at once."""


def seconds_at_limits(provider: Provider, requests: int, *, rate: tuple[int, float] | None = None) -> float:
    """How long so many requests take at best: the slowest window decides; answers are taken to come at once."""
    return seconds_within(windows_of(provider, rate), requests)


def windows_of(provider: Provider, rate: tuple[int, float] | None) -> tuple[tuple[int, float], ...]:
    """Its limits, and a rate beside them."""
    windows = [(limit.at_most, limit.per_seconds) for limit in provider.limits]
    return (*windows, *([] if rate is None else [rate]))


def seconds_within(windows: Windows, requests: int) -> float:
    """How long so many requests take at best: the slowest window decides; answers are taken to come at once."""
    return max((max(0, math.ceil(requests / at_most) - 1) * per for at_most, per in windows), default=0.0)
