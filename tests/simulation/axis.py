"""The simulation's time outside of the runner."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Axis:
    """Seconds since the night began, and what is to happen when. Implements `loop.Outside`."""

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
