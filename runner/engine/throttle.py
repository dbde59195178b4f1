"""The pace of one provider account: strict windows as the proof, a token bucket as the smoothing.

A window admits a request when those in flight plus those finished less than W ago are fewer than N. Whatever the
latency, the server then never sees more than N in any W: of N + 1 requests stamped in [x, x + W), the one sent last was
sent before x + W, and each of the others was stamped at x or later, so it was in flight or finished less than W before.
A token bucket alone proves nothing (`AsyncLimiter(60, 60)` lets 119 through in its first minute): it only spreads the
shortest window's requests, so that they do not leave in bursts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import anyio
from aiolimiter import AsyncLimiter

from runner.domain.provider import Limit, Pace
from runner.engine.ports import Clock

MARGIN_SECONDS = 0.001
"""Added to each window: server clocks tick in milliseconds, and some windows include both ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowStatistics:
    """One window at one moment."""

    at_most: int
    per_seconds: float
    in_flight: int
    recent: int  # finished less than `per_seconds` ago


class Window:
    """One limit, counted exactly. Not aware of waiting: it only says when there is room."""

    def __init__(self, limit: Limit, pace: Pace = Pace.STRICT) -> None:
        self._limit = limit
        self._length = limit.per_seconds + MARGIN_SECONDS
        self._from_sending = pace is Pace.SENDER
        self._in_flight = 0
        self._ends: deque[float] = deque()

    def room_at(self, now: float) -> float | None:
        """When the next request may leave, given nothing else happens; None: not before one in flight has ended."""
        ends = self._ends
        while ends and ends[0] + self._length <= now:
            ends.popleft()
        excess = self._in_flight + len(ends) - self._limit.at_most
        if excess < 0:
            return now
        return ends[excess] + self._length if excess < len(ends) else None

    def take(self, now: float) -> None:
        """A request leaves."""
        if self._from_sending:
            self._ends.append(now)
        else:
            self._in_flight += 1

    def finish(self, now: float) -> None:
        """A request that left is over: answered or given up."""
        if not self._from_sending:
            self._in_flight -= 1
            self._ends.append(now)

    def give_back(self) -> None:
        """A request that was let through never left."""
        if self._from_sending:
            self._ends.pop()
        else:
            self._in_flight -= 1

    def restore(self, ends: Iterable[float]) -> None:
        """Requests of earlier runs, by when they were over."""
        self._ends = deque(sorted((*self._ends, *ends)))

    def resize(self, limit: Limit) -> None:
        """Another size, from now on; what was let through stays counted."""
        self._limit = limit

    def statistics(self, now: float) -> WindowStatistics:
        """A snapshot."""
        self.room_at(now)
        limit = self._limit
        return WindowStatistics(
            at_most=limit.at_most, per_seconds=limit.per_seconds, in_flight=self._in_flight, recent=len(self._ends)
        )


class Throttle:
    """All limits of one account at once. Requests leave in the order in which they asked."""

    def __init__(self, limits: Sequence[Limit], *, clock: Clock, pace: Pace = Pace.STRICT) -> None:
        self._clock = clock
        self.limits = tuple(limits)
        self._windows = [Window(limit, pace) for limit in limits]
        self._bucket = smoothing(limits)
        self._turn = anyio.Lock()
        self._ended = anyio.Event()
        self._waiting = 0

    def try_acquire(self) -> bool:
        """Take a permit if one is free now and nobody waits for it."""
        if not self._windows:
            return True
        if self._waiting or self._turn.locked():
            return False
        now = self._clock.monotonic()
        if any((at := window.room_at(now)) is None or at > now for window in self._windows):
            return False
        # The bucket is only entered where it will not wait; `acquire` does the taking.
        return False if self._bucket is not None else self._take(now)

    def holds_back(self) -> bool:
        """Whether the next one has to wait for a time that is known, whoever asks."""
        now = self._clock.monotonic()
        if any((at := window.room_at(now)) is not None and at > now for window in self._windows):
            return True
        return self._bucket is not None and not self._bucket.has_capacity()

    async def acquire(self) -> None:
        """Wait for a permit. Cancelling the wait gives everything back but the bucket's unit."""
        if not self._windows:
            return
        self._waiting += 1
        try:
            async with self._turn:
                if self._bucket is not None:
                    await self._bucket.acquire()
                while not self._admit():
                    await self._wait()
        finally:
            self._waiting -= 1

    def _admit(self) -> bool:
        now = self._clock.monotonic()
        times = [window.room_at(now) for window in self._windows]
        return all(at is not None and at <= now for at in times) and self._take(now)

    def _take(self, now: float) -> bool:
        for window in self._windows:
            window.take(now)
        return True

    async def _wait(self) -> None:
        """Until the windows may have room: a known time, or the end of a request in flight."""
        now = self._clock.monotonic()
        times = [window.room_at(now) for window in self._windows]
        if any(at is None for at in times):
            self._ended = anyio.Event()
            await self._ended.wait()
        else:
            await self._clock.sleep_until(max(at for at in times if at is not None))

    def finish(self) -> None:
        """A request that left is over, now."""
        now = self._clock.monotonic()
        for window in self._windows:
            window.finish(now)
        self._ended.set()

    def give_back(self) -> None:
        """A permit was not used: nothing left."""
        for window in self._windows:
            window.give_back()
        self._ended.set()

    def resize(self, limits: Sequence[Limit]) -> None:
        """The same windows with other sizes: what the provider tells of its limits while it answers."""
        self.limits = tuple(limits)
        for window, limit in zip(self._windows, self.limits, strict=True):
            window.resize(limit)
        self._bucket = smoothing(self.limits)
        self._ended.set()

    def restore(self, ended_us: Iterable[int]) -> None:
        """Requests of earlier runs on this account, by the wall-clock instant at which they were over.

        An instant in the future (the clock was set back) counts as now: never a request too early.
        """
        now, now_us = self._clock.monotonic(), self._clock.now_us()
        ends = [now - max(0.0, (now_us - ended) / 1e6) for ended in ended_us]
        for window in self._windows:
            window.restore(ends)

    def statistics(self) -> tuple[WindowStatistics, ...]:
        """A snapshot of each window."""
        now = self._clock.monotonic()
        return tuple(window.statistics(now) for window in self._windows)


class Permit:
    """A worker's leave by the pace of its own batch. It is taken before anything that other batches wait for too, and
    kept until a request is over: whoever goes slower holds up nobody."""

    def __init__(self, throttle: Throttle | None) -> None:
        self._throttle = throttle
        self.held = throttle is None

    async def take(self) -> None:
        """Wait for it. Cancelling the wait gives it up."""
        if self._throttle is not None:
            await self._throttle.acquire()
        self.held = True

    def used(self) -> None:
        """A request was made with it, and is over; its lane has told the throttle."""
        self.held = self._throttle is None

    def give_back(self) -> None:
        """There is nothing to use it for."""
        if self._throttle is not None and self.held:
            self._throttle.give_back()
            self.held = False


def smoothing(limits: Sequence[Limit]) -> AsyncLimiter | None:
    """The token bucket for the shortest window: one at a time where gaps are 10 ms or more, else 1 % of the window.

    A bucket of b that refills in b * P / (n - b + 1) lets at most n through in any half-open window of P.
    """
    if not limits:
        return None
    shortest = min(limits, key=lambda limit: limit.per_seconds)
    n, period = shortest.at_most, shortest.per_seconds
    if period / n >= 0.01:
        return AsyncLimiter(1, period / n)
    size = min(n, max(2, n // 100))
    return AsyncLimiter(size, size * period / (n - size + 1))


def longest_seconds(limits: Sequence[Limit]) -> float:
    """How far back a restart must look."""
    return max((limit.per_seconds for limit in limits), default=0.0) + MARGIN_SECONDS
