"""The time of a run: durations as they pass for the provider, whether or not this machine was awake for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio

from runner.engine.ports import Clock

JUMP_SECONDS: Final = 5.0
"""A wall clock that moves by more than that against this one was set, or the machine stood still unnoticed."""

TICK_SECONDS: Final = 1e-6


class RealTime:
    """Implements `runner.engine.ports.Clock` over the machine's: `monotonic` goes on while the machine is suspended.

    The event loop's clock stands still then, a provider's windows and waits do not: whatever the engine measures by
    this clock (windows, gates, circuits, backoff) is over when it is over for the provider, by itself, and never
    before. The wall clock's jumps are never taken for time: nobody can tell a step of NTP from a night.

    A suspend is noticed by whoever looks at the clock next, so before anything is sent. Then, at once, the listeners
    are called, and who sleeps until a time that has passed meanwhile is woken. The same for a wall clock that jumps
    ahead, as it does where a virtual machine stood still, but that those who sleep go on sleeping.
    """

    def __init__(self, clock: Clock) -> None:
        self.awake: Final = clock  # stands still while the machine sleeps: for what only this machine waits for
        self.asleep = clock.asleep_seconds()  # as noticed so far
        self.set_by = 0.0  # seconds by which the wall clock was set so far, ahead or back
        self._sleepers: set[anyio.CancelScope] = set()
        self._listeners: dict[Callable[[], None], None] = {}
        self._wall = self._wall_seconds(clock.now_us())

    def __repr__(self) -> str:
        return f"<RealTime asleep {self.asleep:.0f} s, set by {self.set_by:+.0f} s>"

    def listen(self, listener: Callable[[], None]) -> None:
        """Call it, once each time, as soon as a suspend is noticed or suspected. It must not wait."""
        self._listeners[listener] = None

    def monotonic(self) -> float:
        """Seconds that never go back and count a suspend."""
        asleep = self.awake.asleep_seconds()
        if asleep > self.asleep:
            self._wake(asleep)
        return self.awake.monotonic() + self.asleep

    def asleep_seconds(self) -> float:
        """As the machine's clock says. `monotonic` has them in it already."""
        return self.awake.asleep_seconds()

    def now_us(self) -> int:
        """UTC, integer microseconds since the epoch."""
        now_us = self.awake.now_us()
        wall = self._wall_seconds(now_us)
        jump, self._wall = wall - self._wall, wall
        if abs(jump) > JUMP_SECONDS:
            self.set_by += jump
            if jump > 0:
                self._tell()
        return now_us

    async def sleep_until(self, deadline: float) -> None:
        """Return when `monotonic()` has reached `deadline`; a suspend counts."""
        until = deadline - self.asleep
        while True:
            with anyio.CancelScope() as scope:
                self._sleepers.add(scope)
                try:
                    await self.awake.sleep_until(until)
                finally:
                    self._sleepers.discard(scope)
            if self.monotonic() >= deadline:
                return
            # Woken too early, or what is left is a rounding error: without a step it would be waited for for ever.
            until = max(deadline - self.asleep, self.awake.monotonic() + TICK_SECONDS)

    def _wall_seconds(self, now_us: int) -> float:
        return now_us / 1e6 - self.monotonic()

    def _wake(self, asleep: float) -> None:
        self.asleep = asleep
        self._tell()
        for scope in tuple(self._sleepers):
            scope.cancel()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
