"""Waiting that can be cut short: until a time, for a turn, for a permit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from runner.engine.ports import Clock


class Waiting:
    """Who sleeps is woken when something changed; who queues gives up its place when nothing may leave any more."""

    def __init__(self, clock: Clock) -> None:
        self._waiting_clock = clock
        self._sleepers: set[anyio.CancelScope] = set()
        self._queued: set[anyio.CancelScope] = set()

    async def sleep(self, until: float | None) -> None:
        """Until a time, or until `wake`."""
        with anyio.CancelScope() as scope:
            self._sleepers.add(scope)
            try:
                if until is None:
                    await anyio.sleep_forever()
                else:
                    await self._waiting_clock.sleep_until(until)
            finally:
                self._sleepers.discard(scope)

    async def queue(self, wait: Callable[[], Awaitable[None]]) -> bool:
        """Wait for the throttle; False when the lane shut or the run stopped meanwhile."""
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

    def interrupt(self) -> None:
        """The lane shut or the run stops: whoever waits for the throttle gives up its place too."""
        for scope in tuple(self._queued):
            scope.cancel()
        self.wake()
