"""Waiting that can be cut short: until a time, for a turn, for a permit; and what is known of waits that cannot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from runner.engine.ports import Clock
from runner.engine.realtime import RealTime

T = TypeVar("T")

RECENT_ANSWERS = 100


class Pending:
    """What is waited for somewhere else, by when that began. Only the watchdog asks, of the time for which this machine
    was awake: nothing comes while it sleeps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[object, float] = {}

    async def on(self, awaited: Awaitable[T]) -> T:
        """Wait for it."""
        key = object()
        self._since[key] = self._clock.monotonic()
        try:
            return await awaited
        finally:
            del self._since[key]

    def __len__(self) -> int:
        return len(self._since)

    @property
    def latest_seconds(self) -> float | None:
        """For how long the shortest of these waits lasts."""
        return self._seconds(next(reversed(self._since.values()), None))

    @property
    def oldest_seconds(self) -> float | None:
        """For how long the longest of these waits lasts."""
        return self._seconds(self.oldest)

    @property
    def oldest(self) -> float | None:
        """What tells the longest of these waits from others: when it began."""
        return next(iter(self._since.values()), None)

    def _seconds(self, since: float | None) -> float | None:
        return None if since is None else self._clock.monotonic() - since


class Waiting(ABC):
    """Who sleeps is woken when something changed; who queues gives up its place when nothing may leave any more."""

    def __init__(self, clock: RealTime, *, workers: int) -> None:
        self._waiting_clock = clock
        self.workers = workers
        self._sleepers: set[anyio.CancelScope] = set()
        self._at_cap: set[anyio.CancelScope] = set()  # of them
        self._queued: set[anyio.CancelScope] = set()
        self._shielded: set[anyio.CancelScope] = set()
        self.wire = Pending(clock.awake)  # requests that left
        self.working = 0  # workers that have not ended
        self.active = 0  # jobs between taken and settled
        self.answers = 0  # to requests of this run, faults among them
        self.answer_seconds: deque[float] = deque(maxlen=RECENT_ANSWERS)  # how long the last of them took
        self.refused = False  # the last job taken found no room under a cap
        self.abandoned = False

    @abstractmethod
    def stopped(self) -> bool:
        """Nothing may leave any more in this run."""

    def surplus(self) -> bool:
        """Whether a worker who is between two attempts is one too many."""
        return self.working > self.workers

    @contextmanager
    def shielded(self) -> Generator[anyio.CancelScope]:
        """What is done inside is not cut short by a cancelled caller; `abandon` alone can."""
        with anyio.CancelScope(shield=True) as scope:
            self._shielded.add(scope)
            try:
                yield scope
            finally:
                self._shielded.discard(scope)

    @contextmanager
    def at_work(self) -> Generator[anyio.CancelScope]:
        """A worker's whole life, in one scope for all its attempts: making one costs more than a decision."""
        self.working += 1
        with anyio.CancelScope() as scope:
            self._shielded.add(scope)
            try:
                yield scope
            finally:
                self._shielded.discard(scope)
                self.working -= 1

    def answered(self, seconds: float) -> None:
        """A request is over, after so long."""
        self.answers += 1
        self.answer_seconds.append(seconds)

    def abandon(self) -> None:
        """The watchdog's last resort: leave what does not come to an end, requests on the wire among it."""
        self.abandoned = True
        for scope in tuple(self._shielded):
            scope.cancel()

    async def sleep(self, until: float | None, *, at_cap: bool = False) -> None:
        """Until a time, or until `wake`; `at_cap`: whoever goes first now is no reason to look again."""
        with anyio.CancelScope() as scope:
            self._sleepers.add(scope)
            if at_cap:
                self._at_cap.add(scope)
            try:
                if until is None:
                    await anyio.sleep_forever()
                else:
                    await self._waiting_clock.sleep_until(until)
            finally:
                self._sleepers.discard(scope)
                self._at_cap.discard(scope)

    async def queue(self, wait: Callable[[], Awaitable[None]]) -> bool:
        """Wait for the throttle; False when the lane shut or the run stopped, or there are workers too many: meanwhile,
        or before. `interrupt` ends only the waits that have begun, and whoever comes here waited for a commit first."""
        if self.stopped() or self.surplus():
            return False
        done = False
        with anyio.CancelScope() as scope:
            self._queued.add(scope)
            try:
                await wait()
                done = True
            finally:
                self._queued.discard(scope)
        return done

    def wake(self) -> None:
        """Something changed: whoever sleeps looks again."""
        for scope in tuple(self._sleepers):
            scope.cancel()

    def offer_turn(self) -> None:
        """Whoever waits to go first may try. Not who waits at a cap, and looks again by itself: two batches at theirs
        would hand the turn to each other without end."""
        for scope in self._sleepers - self._at_cap:
            scope.cancel()

    def interrupt(self) -> None:
        """The lane shut or the run stops: whoever waits for the throttle gives up its place too."""
        for scope in tuple(self._queued):
            scope.cancel()
        self.wake()
