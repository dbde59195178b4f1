"""The runs that are at work in a session: nobody closes the store under them, or paid answers could not be stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from runner.engine.stop import StopSignal
from runner.errors import UsageError
from runner.work.status import INTERRUPTED

_LOOK_SECONDS: Final = 0.5
"""A run says when it is over; one whose event loop was closed, or whose thread died, says nothing any more."""


class UnderWay:
    """Runs, each in the thread and the event loop that it began in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._runs: list[_Run] = []

    @contextmanager
    def run(self, stop: StopSignal) -> Iterator[None]:
        """While inside, a run is at work that `stop` drains. Waits while somebody closes."""
        run = _Run(stop)
        with self._changed:
            self._runs.append(run)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._runs.remove(run)
                self._changed.notify_all()

    def end(self, close: Callable[[], None]) -> None:
        """Ask all runs to stop, wait for them, and `close` before another one can begin.

        UsageError: one is at work in this thread, which cannot wait for it; then nothing is stopped or closed.
        """
        with self._changed:
            while runs := [run for run in self._runs if run.is_alive]:
                if any(run.is_here for run in runs):
                    raise _in_this_thread()
                for run in runs:
                    run.drain()
                self._changed.wait(_LOOK_SECONDS)
            close()


class _Run:
    """Compared by identity: one stop signal may be that of several."""

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop
        self._thread = threading.current_thread()
        self._loop = asyncio.get_running_loop()

    @property
    def is_alive(self) -> bool:
        """Whether it can still come to its end."""
        return self._thread.is_alive() and not self._loop.is_closed()

    @property
    def is_here(self) -> bool:
        """Whether this thread would have to go on for that."""
        return self._thread is threading.current_thread()

    def drain(self) -> None:
        """Ask once: those who listen are told at each `set`."""
        if self._stop.reason is None:
            self._stop.set(INTERRUPTED)


def _in_this_thread() -> UsageError:
    return UsageError(
        "the database cannot be closed: a run is at work on it",
        why="Answers that are on the way, and paid for, could not be stored; and the run goes on in the event loop of "
        "this thread, which cannot wait for it here.",
        fix="await asyncio.to_thread(r.close)",
    )
