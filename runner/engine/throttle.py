"""The pace of one provider account: strict windows as the proof, a token bucket as the smoothing.

The windows (`runner.engine.window`) prove that no limit is exceeded. A token bucket alone proves nothing
(`AsyncLimiter(60, 60)` lets 119 through in its first minute): it only spreads the shortest window's requests, so that
they do not leave in bursts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

import anyio
from aiolimiter import AsyncLimiter

from runner.domain.hints import Room
from runner.domain.provider import Limit, Pace
from runner.engine.arrival import Margin
from runner.engine.headroom import LEAST_BOUND_SECONDS, Headroom
from runner.engine.ports import Clock
from runner.engine.window import MARGIN_SECONDS, Traffic, Window, WindowStatistics
from runner.engine.wire import Arrived, unheard


class Throttle:
    """All limits of one account at once; there may be none yet. Requests leave in the order in which they asked.

    `factor`: the share of each limit that is used, see `stretch`.
    """

    def __init__(self, limits: Sequence[Limit], *, clock: Clock, pace: Pace = Pace.STRICT) -> None:
        self._clock = clock
        self._traffic = Traffic(pace)
        self._headroom = Headroom()
        self.factor = 1.0
        self._turn = anyio.Lock()
        self._waiting = 0
        self._sleeper: anyio.CancelScope | None = None  # the one whose turn it is
        self._for_an_end = False  # it sleeps until one in flight is over
        self._set(limits)

    def _set(self, limits: Sequence[Limit]) -> None:
        self.limits = tuple(limits)
        self._traffic.keep(max((limit.at_most for limit in self.limits), default=0))
        self._windows = [Window(limit, self._traffic, factor=self.factor) for limit in self.limits]
        self._bucket = smoothing(self.limits, factor=self.factor)
        self._look_again()

    def try_acquire(self) -> bool:
        """Take a permit if one is free now and nobody waits for it."""
        if self._waiting or self._turn.locked():
            return False
        # The bucket is only entered where it will not wait; `acquire` does the taking.
        return self._bucket is None and self._admit()

    def holds_back(self) -> bool:
        """Whether the next one has to wait for a time that is known, whoever asks."""
        now = self._clock.monotonic()
        if self._headroom.room_at(now) > now:
            return True
        if any((at := window.room_at(now)) is not None and at > now for window in self._windows):
            return True
        return self._bucket is not None and not self._bucket.has_capacity()

    async def acquire(self) -> None:
        """Wait for a permit. Cancelling the wait gives everything back but the bucket's unit."""
        self._waiting += 1
        try:
            async with self._turn:
                while (bucket := self._bucket) is not None and not await self._sleep(bucket.acquire):
                    pass  # another bucket meanwhile
                while not self._admit():
                    await self._wait()
        finally:
            self._waiting -= 1

    def _admit(self) -> bool:
        now = self._clock.monotonic()
        if self._headroom.room_at(now) > now:
            return False
        for window in self._windows:
            at = window.room_at(now)
            if at is None or at > now:
                return False
        self._traffic.leave(now)
        self._headroom.take()
        return True

    async def _wait(self) -> None:
        """Until the windows may have room: a known time, or the end of a request in flight; or until they change."""
        now = self._clock.monotonic()
        times = [window.room_at(now) for window in self._windows]
        known = [at for at in times if at is not None]
        self._for_an_end = len(known) < len(times)
        known.append(self._headroom.room_at(now))
        if self._for_an_end:
            await self._sleep(anyio.sleep_forever)
        else:
            until = max(known)
            await self._sleep(lambda: self._clock.sleep_until(until))

    async def _sleep(self, wait: Callable[[], Awaitable[None]]) -> bool:
        """Wait; False when `_look_again` ended it."""
        done = False
        with anyio.CancelScope() as scope:
            self._sleeper = scope
            try:
                await wait()
                done = True
            finally:
                self._sleeper = None
                self._for_an_end = False
        return done

    def _look_again(self) -> None:
        """Something changed for whoever waits."""
        if self._sleeper is not None:
            self._sleeper.cancel()

    @property
    def in_flight(self) -> int:
        """Requests that left, or are about to, and are not over."""
        return self._headroom.in_flight

    def arrive(self, margin_seconds: float) -> float:
        """A request that left counts as over in so many seconds, or at its end if that comes first: the instant to be
        told to `finish`."""
        at = self._clock.monotonic() + margin_seconds
        self._traffic.finish(at)
        if self._for_an_end:
            self._look_again()
        return at

    def finish(self, counted: float | None = None) -> None:
        """A request that left is over, now. `counted`: what `arrive` said of it."""
        now = self._clock.monotonic()
        self._headroom.finish()
        if counted is None:
            self._traffic.finish(now)
        elif now < counted:
            self._traffic.correct(counted, sooner=now)
        if self._for_an_end or (counted is not None and now < counted):
            self._look_again()

    def give_back(self) -> None:
        """A permit was not used: nothing left."""
        self._traffic.give_back()
        self._headroom.give_back()
        self._look_again()

    def count(self) -> None:
        """A request counts here too that another throttle let through, and that is under way."""
        self._traffic.leave(self._clock.monotonic())

    def resize(self, limits: Sequence[Limit]) -> None:
        """Other limits, from now on: what the provider tells while it answers, or a person. What is in flight counts in
        them, and so does what was over before, as far as it is remembered."""
        self._set(limits)

    def stretch(self, factor: float) -> None:
        """Use a share of each limit from now on: its N in W / `factor`, and the smoothing alike. 1 restores.

        Windows only ever become longer than the provider's own, so these hold whatever the factor does over time.
        Raises ValueError unless 0 < factor <= 1.
        """
        if not 0 < factor <= 1:
            raise ValueError("a pace can be slowed down to a share of its limits, not above them")
        if factor != self.factor:
            self.factor = factor
            self._set(self.limits)

    def told(self, rooms: Sequence[Room], *, seconds: float) -> None:
        """How many more the provider says it admits, and until when, with an answer that took so many seconds. It only
        ever holds back; for the longest window at most, or a minute."""
        now = self._clock.monotonic()
        bound = max(LEAST_BOUND_SECONDS, max((limit.per_seconds for limit in self.limits), default=0.0))
        held = self._headroom.room_at(now) > now
        self._headroom.tell(rooms, sent_at=now - seconds, now=now, bound=bound)
        if held:
            self._look_again()

    def smooth_anew(self) -> None:
        """The machine slept: the smoothing goes by the event loop's clock and has not seen that time pass."""
        self._bucket = smoothing(self.limits, factor=self.factor)
        self._look_again()

    def restore(self, ended_us: Iterable[int]) -> None:
        """Requests of earlier runs on this account, by the wall-clock instant at which they were over.

        An instant in the future (the clock was set back) counts as now: never a request too early.
        """
        now, now_us = self._clock.monotonic(), self._clock.now_us()
        self._traffic.restore(now - max(0.0, (now_us - ended) / 1e6) for ended in ended_us)

    def statistics(self) -> tuple[WindowStatistics, ...]:
        """A snapshot of each window."""
        now = self._clock.monotonic()
        return tuple(window.statistics(now) for window in self._windows)


class Flight:
    """One request that was let through, for the throttles that did: they are told what becomes of it. `margin`: of an
    account whose requests count from their arrival."""

    __slots__ = ("_counted", "_margin", "_over", "_throttles")

    def __init__(self, throttles: Sequence[Throttle], margin: Margin | None = None) -> None:
        self._throttles = list(throttles)
        self._margin = margin
        self._counted: list[float | None] = []
        self._over = False

    @property
    def arrived(self) -> Arrived:
        """What the transport has to tell; `unheard` where nothing depends on it."""
        return unheard if self._margin is None or self._margin.seconds is None else self._arrive

    def join(self, throttle: Throttle) -> None:
        """From now on it counts there too."""
        if throttle not in self._throttles:
            throttle.count()
            self._throttles.append(throttle)
            if self._counted:
                self._counted.append(None)  # not before its end

    def _arrive(self) -> None:
        seconds = self._margin.seconds if self._margin is not None else None
        if seconds is not None and not self._over and not self._counted:
            self._counted = [throttle.arrive(seconds) for throttle in self._throttles]

    def over(self, *, sent: bool) -> None:
        """It was answered or given up; or it never left."""
        self._over = True
        if self._counted:
            for throttle, counted in zip(self._throttles, self._counted, strict=True):
                throttle.finish(counted)
            return
        for throttle in self._throttles:
            (throttle.finish if sent else throttle.give_back)()


def smoothing(limits: Sequence[Limit], *, factor: float = 1.0) -> AsyncLimiter | None:
    """The token bucket for the shortest window: one at a time where gaps are 20 ms or more, else 1 % of the window.

    A bucket of b that refills in b * P / (n - b + 1) lets at most n through in any half-open window of P.
    """
    if not limits:
        return None
    shortest = min(limits, key=lambda limit: limit.per_seconds)
    n, period = shortest.at_most, shortest.per_seconds / factor
    # Timers are late by a millisecond, on a busy machine by several: with one at a time, each is lost to the rate.
    if period / n >= 0.02:
        return AsyncLimiter(1, period / n)
    size = min(n, max(2, n // 100))
    return AsyncLimiter(size, size * period / (n - size + 1))


def longest_seconds(limits: Sequence[Limit]) -> float:
    """How far back a restart must look."""
    return max((limit.per_seconds for limit in limits), default=0.0) + MARGIN_SECONDS
