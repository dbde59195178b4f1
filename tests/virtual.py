"""Virtual time for the asyncio loop: waiting costs nothing, and an hour of backoff passes in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

NOON_US = 1_800_000_000_000_000  # some instant in January 2027, UTC


class SleepsForeverError(Exception):
    """Every task waits for something that will never come."""


class _Selector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise SleepsForeverError
            # A step below the clock's resolution would leave a float remainder to be waited for again and again.
            self.ahead += max(1e-6, timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A loop that jumps to its next timer instead of waiting for it. Not for threads or sockets."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds since the loop began."""
        return self._virtual.ahead


class VirtualClock:
    """The clock port on a virtual loop. `shift_us` sets the wall clock, as a person or NTP would."""

    def __init__(self) -> None:
        self.shift_us = 0
        self.asleep = 0.0

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: the world goes on, the loop's time does not."""
        self.shift_us += round(seconds * 1e6)
        self.asleep += seconds

    def asleep_seconds(self) -> float:
        """All suspends so far."""
        return self.asleep

    def monotonic(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    def now_us(self) -> int:
        """The wall clock: the loop's time since a fixed noon."""
        return NOON_US + self.shift_us + round(self.monotonic() * 1e6)

    async def sleep_until(self, deadline: float) -> None:
        """Sleep on the virtual loop."""
        await anyio.sleep_until(deadline)


def run_virtual(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main())
