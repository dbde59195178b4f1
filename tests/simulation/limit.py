"""A test's time limit ends a night between two of its steps. Raised wherever the runner just is, it would be taken for
an error of the runner's own: a writer that broke down, a task that never came back, an answer that nobody stored."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

GRACE_SECONDS: Final = 30.0
"""For a step to end; one that never does is ended by the limit itself."""


class TimeUpError(BaseException):
    """The night was not over in the time that its test had. No Exception: the runner must not survive it."""


class TimeLimit:
    """What the alarm of a test (pytest-timeout sets one) comes to while a night is on."""

    def __init__(self) -> None:
        self._passed = False

    def step(self) -> None:
        """TimeUpError once the time is up."""
        if self._passed:
            raise TimeUpError

    @contextmanager
    def held_back(self, what: str) -> Iterator[None]:
        """Inside, the alarm waits for `step`. TimeUpError names what was on."""
        former = signal.getsignal(signal.SIGALRM)
        if not callable(former) or threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(*_: Any) -> None:
            self._passed = True
            signal.signal(signal.SIGALRM, former)
            signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)

        signal.signal(signal.SIGALRM, note)
        try:
            yield
        except TimeUpError:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise TimeUpError(f"the test's time was up in {what}") from None
        finally:
            self._passed = False
            signal.signal(signal.SIGALRM, former)


LIMIT: Final = TimeLimit()
"""A process has one alarm."""
