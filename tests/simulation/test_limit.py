"""The time limit of a test, when it comes in the middle of a night."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.simulation import limit, quiet
from tests.simulation.limit import TimeUpError
from tests.simulation.night import play_night
from tests.simulation.oracles import Oracles
from tests.simulation.record import Entry

POINTS = 12


class AlarmError(BaseException):
    """What the limit itself raises, as pytest-timeout does: no Exception."""


class AtWork(Oracles):
    """Judges who do something at the n-th commit, send or answer: deep inside the runner, in its writer and workers."""

    def __init__(self, at: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._left = at
        self._act = act

    def on_commit(self, point: str) -> None:
        """In the writer."""
        super().on_commit(point)
        self._look()

    def on_send(self, entry: Entry) -> None:
        """In a worker."""
        super().on_send(entry)
        self._look()

    def on_told(self, entry: Entry) -> None:
        """In a worker, too."""
        super().on_told(entry)
        self._look()

    def _look(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._act()


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    """As a test's own, but at once."""

    def ring(*_: object) -> NoReturn:
        raise AlarmError

    former = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, former)


@pytest.mark.parametrize("at", range(1, 1 + POINTS))
def test_it_ends_the_night_and_is_no_error_of_the_runner(folder: Path, at: int) -> None:
    """Whoever is at work when it comes finishes the step; no writer breaks down, and nobody is refused."""
    watch = AtWork(at, lambda: signal.raise_signal(signal.SIGALRM))
    with pytest.raises(TimeUpError, match=r"the test's time was up in night 1$"):
        play_night(quiet.night(quiet.account(), rows=3), folder, watch=watch)
    handler = signal.getsignal(signal.SIGALRM)
    assert callable(handler)
    with pytest.raises(AlarmError):
        handler(signal.SIGALRM, None)  # the test's own again


def test_a_step_that_never_ends_is_ended_by_the_limit_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment of grace, wherever it is."""
    monkeypatch.setattr(limit, "GRACE_SECONDS", 0.01)
    rung = []

    def hang() -> None:
        signal.raise_signal(signal.SIGALRM)
        try:
            while True:
                pass
        except AlarmError:
            rung.append(True)
            raise

    with pytest.raises(TimeUpError):
        play_night(quiet.night(quiet.account(), rows=3), folder, watch=AtWork(2, hang))
    assert rung == [True]
