"""The flag that ends a run: nothing is cancelled on the wire, nothing new leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress


class StopSignal:
    """Set once, with a reason, from any thread; whoever listens is told at once, in the event loop it listens in."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._listeners: list[_Listener] = []

    def set(self, reason: str) -> None:
        """Ask the run to drain. The first reason stays, but a signal outranks what was asked before it."""
        if self.reason is None or (reason.startswith("signal:") and not self.reason.startswith("signal:")):
            self.reason = reason
        here = _loop()
        for listener in list(self._listeners):
            if listener.loop is None or listener.loop is here:
                listener.call()
            else:
                with suppress(RuntimeError):  # its loop was closed meanwhile: nobody is left to be told
                    listener.loop.call_soon_threadsafe(self._tell, listener)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each `set`, in the event loop of this call if there is one; returns what undoes it."""
        listening = _Listener(listener, _loop())
        self._listeners.append(listening)
        return lambda: self._listeners.remove(listening)

    def _tell(self, listener: _Listener) -> None:
        if listener in self._listeners:  # else it has undone it since
            listener.call()


class _Listener:
    """Compared by identity: the same function may listen twice."""

    def __init__(self, call: Callable[[], None], loop: asyncio.AbstractEventLoop | None) -> None:
        self.call = call
        self.loop = loop


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
