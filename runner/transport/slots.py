"""The connections of one lane: a free list of transports that hold one connection each.

A shared pool looks at every idle connection for every request, and a paced run has many. Here a request meets its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio


class Slots:
    """At most `size` connections at once. `make` builds a single-connection transport."""

    def __init__(self, make: Callable[[], Any], size: int, *, wait_seconds: float) -> None:
        self._make = make
        self._wait_seconds = wait_seconds
        self._free: list[Any] = []  # last in, first out: the fewest connections stay in use
        self._forgotten: list[Any] = []  # idle, and never used again
        self._places = anyio.Semaphore(size)
        self._closed = False

    async def take(self, *, fresh: bool) -> Any:
        """A transport of one's own until `give_back` or `drop`. Raises `TimeoutError` while all places stay in use."""
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.fail_after(self._wait_seconds):
                await self._places.acquire()
        await self._close_forgotten()
        return self._make() if fresh or not self._free else self._free.pop()

    async def give_back(self, slot: Any, *, fresh: bool) -> None:
        """Keep the connection for the next request, unless it was to be used once."""
        if fresh or self._closed:
            await self.drop(slot)
        else:
            self._free.append(slot)
            self._places.release()

    async def drop(self, slot: Any) -> None:
        """Close the connection: after a fault or a cut answer nobody knows what would come next on it."""
        self._places.release()
        await _close(slot)

    def forget_idle(self) -> None:
        """Use none of the idle connections again: they are closed when the next one is asked for."""
        self._forgotten += self._free
        self._free.clear()

    async def _close_forgotten(self) -> None:
        while self._forgotten:
            await _close(self._forgotten.pop())

    async def aclose(self) -> None:
        """Close the idle connections, and each busy one as it comes back."""
        self._closed = True
        await self._close_forgotten()
        while self._free:
            await _close(self._free.pop())


async def _close(slot: Any) -> None:
    # Shielded: a connection must not leak because the deadline that broke it also ended its closing.
    # Suppressed: a connection that cannot even be closed is gone, which is what was wanted.
    with anyio.CancelScope(shield=True), suppress(Exception):
        await slot.aclose()
