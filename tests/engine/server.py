"""A server that keeps an exact log of when requests arrived, and clients that do everything to be in it once too often:
jitter, heavy tails, answers that never come, changes of pace, a machine that sleeps, a kill and a restart."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import anyio

from runner.domain.provider import Limit, Pace
from runner.engine.arrival import MARGIN_SECONDS, Margin
from runner.engine.realtime import RealTime
from runner.engine.throttle import Flight, Throttle
from tests.virtual import VirtualClock, run_virtual

TIMEOUT_SECONDS = 8.0
EDGE_SECONDS = 1e-6

LATENCIES: dict[str, Callable[[random.Random, float], float]] = {
    "flat": lambda chance, mean: mean,
    "uniform": lambda chance, mean: chance.uniform(0, 2 * mean),
    "exponential": lambda chance, mean: chance.expovariate(1 / mean),
    "pareto": lambda chance, mean: mean / 3 * chance.paretovariate(1.2),
    # Packets get lost, and are sent again after 0.2, 0.6, 1.4 s.
    "lossy": lambda chance, mean: mean + next(0.2 * (2**n - 1) for n in count() if chance.random() > 0.1),
}
"""How long one way takes, by name, from a mean in seconds."""


@dataclass(kw_only=True)
class Trial:
    """What is tried. `queue_seconds`: how long a request may lie at the server, acknowledged, before it is counted."""

    limits: Sequence[Limit]
    pace: Pace = Pace.STRICT
    latency: str = "uniform"
    mean_seconds: float = 0.1
    queue_seconds: float = MARGIN_SECONDS
    workers: int = 5
    own: Sequence[Limit] = ()  # of a second batch on the account, which goes slower by itself
    requests: int = 120  # in each life
    lives: int = 2
    seed: int = 0
    steered: bool = True
    stamps: list[float] = field(default_factory=list, init=False)  # by the server's clock
    ends_us: list[int] = field(default_factory=list, init=False)  # what a database would know
    _under_way: dict[int, int] = field(default_factory=dict, init=False)  # opened at, by the wall clock

    def run(self) -> Trial:
        """All lives, in virtual time."""
        self._chance = random.Random(self.seed)
        self._machine = VirtualClock()
        for life in range(self.lives):
            run_virtual(partial(self._live, last=life == self.lives - 1))
        return self

    def worst(self, limit: Limit) -> int:
        """The fullest [x, x + W) in the server's log, wherever x lies."""
        return most_in(self.stamps, limit.per_seconds)

    def worst_fixed(self, limit: Limit, phase: float) -> int:
        """The fullest of its windows, if it counts by the clock from `phase` on: 0 is aligned to its minutes."""
        return max(Counter((stamp - phase) // limit.per_seconds for stamp in self.stamps).values(), default=0)

    async def _live(self, *, last: bool) -> None:
        """One process, killed at any moment unless it is the last."""
        self._clock = RealTime(self._machine)
        self._margin = Margin() if self.pace is Pace.ARRIVAL else None
        self._account = self._throttle(self.limits)
        slower = self._throttle(self.own) if self.own else None
        self._left = self.requests
        with anyio.CancelScope() as life:
            async with anyio.create_task_group() as group:
                if self.steered:
                    group.start_soon(self._steer, group)
                async with anyio.create_task_group() as workers:
                    for number in range(self.workers):
                        workers.start_soon(self._work, slower if number % 2 else None)
                    if not last:
                        await anyio.sleep(self._chance.uniform(0, self.requests * self.limits[0].per_seconds / 10))
                        life.cancel()
                group.cancel_scope.cancel()
        await self._recover()

    def _throttle(self, limits: Sequence[Limit]) -> Throttle:
        throttle = Throttle(limits, clock=self._clock, pace=self.pace)
        self._clock.listen(throttle.smooth_anew)
        throttle.restore(self.ends_us)
        return throttle

    async def _recover(self) -> None:
        """What was under way arrives before anybody looks; then it is over for the database."""
        now = self._now()
        self.stamps = [min(stamp, now) for stamp in self.stamps]
        await anyio.sleep(self._chance.choice((0.0, 0.5, 5.0)))
        now_us = self._machine.now_us()
        limit_us = round(TIMEOUT_SECONDS * 1e6)
        self.ends_us += [min(opened_us + limit_us, now_us) for opened_us in self._under_way.values()]
        self._under_way.clear()
        self._machine.shift_us += round(anyio.current_time() * 1e6)  # the next loop begins at 0, the wall goes on

    def _now(self) -> float:
        """The server's clock: it knows of no sleep and no restart."""
        return self._machine.now_us() / 1e6

    async def _work(self, slower: Throttle | None) -> None:
        throttles = [self._account] if slower is None else [self._account, slower]
        while self._left > 0:
            if slower is not None:
                await slower.acquire()
            if not self._account.try_acquire():
                await self._account.acquire()
            self._left -= 1
            if self._chance.random() < 0.05:
                Flight(throttles, self._margin).over(sent=False)
            else:
                await self._send(Flight(throttles, self._margin))

    async def _send(self, flight: Flight) -> None:
        """There, counted, acknowledged and answered; or given up."""
        chance, begun, key = self._chance, anyio.current_time(), self._left
        self._under_way[key] = self._machine.now_us()
        there = begun + self._way()
        counted = there + chance.uniform(0, self.queue_seconds)
        acknowledged = there + self._way()
        answered = max(counted + chance.choice((0.0, 0.3, 3.0)) * chance.random(), counted) + self._way()
        over = answered if chance.random() > 0.03 else begun + TIMEOUT_SECONDS
        over = min(over, begun + TIMEOUT_SECONDS)
        if counted <= over:  # else the server counts what nobody waits for any more
            self.stamps.append(self._now() + counted - begun)  # whether or not this machine sleeps meanwhile
        if acknowledged <= over:
            await anyio.sleep_until(acknowledged)
            flight.arrived()
        await anyio.sleep_until(over)
        flight.over(sent=True)
        self.ends_us.append(self._machine.now_us())
        del self._under_way[key]

    def _way(self) -> float:
        return LATENCIES[self.latency](self._chance, self.mean_seconds)

    async def _steer(self, group: anyio.abc.TaskGroup) -> None:
        """Slower and back, smaller limits and back, and the machine sleeps."""
        chance = self._chance
        while True:
            await anyio.sleep(chance.expovariate(1 / 3))
            match chance.randrange(4):
                case 0:
                    self._account.stretch(chance.choice((0.1, 0.35, 0.7, 0.95, 1.0, 1.0)))
                case 1:
                    share = chance.choice((0.5, 1.0, 1.0))
                    self._account.resize(
                        [
                            Limit(at_most=max(1, int(one.at_most * share)), per_seconds=one.per_seconds)
                            for one in self.limits
                        ]
                    )
                case 2:
                    self._machine.suspend(chance.choice((0.5, 5.0, 3600.0)))
                    self._clock.monotonic()
                case _:
                    pass


def most_in(stamps: Sequence[float], seconds: float) -> int:
    """The fullest window [x, x + seconds) of a server that saw these instants."""
    ordered = sorted(stamps)
    first = fullest = 0
    for last, stamp in enumerate(ordered):
        while stamp - ordered[first] >= seconds - EDGE_SECONDS:
            first += 1
        fullest = max(fullest, last - first + 1)
    return fullest
