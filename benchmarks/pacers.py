"""Ways to keep a pace, behind one face: the runner's own and what else one could take."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import aiometer
import anyio
from aiolimiter import AsyncLimiter

from runner.domain.provider import Limit, Pace
from runner.engine.arrival import Margin
from runner.engine.ports import Clock
from runner.engine.throttle import Flight, Throttle


class Sent(Protocol):
    """One request that was let through."""

    @property
    def arrived(self) -> Callable[[], None]:
        """To be called when it is acknowledged."""
        ...

    def over(self, *, sent: bool) -> None:
        """To be called when it was answered."""
        ...


Send = Callable[[Sent], Awaitable[None]]
"""Make one request, and tell what it was let through with how far it came."""

Drive = Callable[[Send, int, int], Awaitable[None]]
"""Make so many requests, with so many at once at most."""


class Nothing:
    """A request that nobody asks after."""

    arrived = staticmethod(lambda: None)

    def over(self, *, sent: bool) -> None:
        """Nobody asks."""


def by_permits(permit: Callable[[], Awaitable[Sent]]) -> Drive:
    """Workers that ask for a permit before each request."""

    async def drive(send: Send, requests: int, at_once: int) -> None:
        left = requests

        async def work() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await send(await permit())

        async with anyio.create_task_group() as group:
            for _ in range(at_once):
                group.start_soon(work)

    return drive


def runner(limits: Sequence[Limit], clock: Clock, pace: Pace) -> Drive:
    """The runner's throttle."""
    throttle = Throttle(limits, clock=clock, pace=pace)
    margin = Margin() if pace is Pace.ARRIVAL else None

    async def permit() -> Sent:
        if not throttle.try_acquire():
            await throttle.acquire()
        return Flight([throttle], margin)

    return by_permits(permit)


def limiter(limit: Limit) -> Drive:
    """aiolimiter, as its page shows it."""
    bucket = AsyncLimiter(limit.at_most, limit.per_seconds)

    async def permit() -> Sent:
        await bucket.acquire()
        return Nothing()

    return by_permits(permit)


def sliding(limit: Limit) -> Drive:
    """A window over the times of sending, exactly as a provider would keep it over those of arriving."""
    sent: deque[float] = deque()
    turn = anyio.Lock()

    async def permit() -> Sent:
        async with turn:
            if len(sent) == limit.at_most:
                await anyio.sleep_until(sent.popleft() + limit.per_seconds)
            sent.append(anyio.current_time())
        return Nothing()

    return by_permits(permit)


def metered(limit: Limit) -> Drive:
    """aiometer: GCRA with one cell, a request every W / N."""

    async def drive(send: Send, requests: int, at_once: int) -> None:
        async def one(_: int) -> None:
            await send(Nothing())

        rate = limit.at_most / limit.per_seconds
        await aiometer.run_on_each(one, range(requests), max_at_once=at_once, max_per_second=rate)

    return drive


def pacers(limit: Limit, clock: Clock) -> dict[str, Drive]:
    """All of them for one limit, by name."""
    return {
        "strict": runner([limit], clock, Pace.STRICT),
        "arrival": runner([limit], clock, Pace.ARRIVAL),
        "sender": runner([limit], clock, Pace.SENDER),
        "aiolimiter alone": limiter(limit),
        "aiometer": metered(limit),
        "window over sending": sliding(limit),
    }
