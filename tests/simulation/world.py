"""The provider's side: time goes on, requests are worked on and charged, whether or not the runner is there."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from runner.domain.provider import Provider
from tests.simulation.options import AccountPlan


class Axis:
    """The simulation's time outside of the runner, and what is to happen on it. Implements `loop.Outside`."""

    def __init__(self) -> None:
        self.now = 0.0
        self._numbers = itertools.count()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, when: float, what: Callable[[], None]) -> None:
        """Let something happen, not before now."""
        heapq.heappush(self._heap, (max(when, self.now), next(self._numbers), what))

    def next_at(self) -> float | None:
        """When something happens next."""
        return self._heap[0][0] if self._heap else None

    def advance(self, now: float) -> None:
        """Let everything happen that is due until `now`."""
        while self._heap and self._heap[0][0] <= now:
            when, _, what = heapq.heappop(self._heap)
            self.now = max(self.now, when)
            what()
        self.now = max(self.now, now)


@dataclass(slots=True, kw_only=True)
class Account:
    """One provider account, as the provider sees it."""

    plan: AccountPlan
    provider: Provider  # with the limits and the time limit of this night
    wallet: int | None  # millionths; None: without end
    key_works: bool = True
