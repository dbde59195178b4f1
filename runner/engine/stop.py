"""The flag that ends a run: nothing is cancelled on the wire, nothing new leaves."""

from __future__ import annotations

from collections.abc import Callable


class StopSignal:
    """Set once, with a reason; whoever waits is told at once. Use it in the event loop's thread only."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._listeners: list[Callable[[], None]] = []

    def set(self, reason: str) -> None:
        """Ask the run to drain. The first reason stays, but a signal outranks what was asked before it."""
        if self.reason is None or (reason.startswith("signal:") and not self.reason.startswith("signal:")):
            self.reason = reason
        for listener in list(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each `set`; returns what undoes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
