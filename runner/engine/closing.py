"""The moment at which a run ends by itself: nothing new leaves then, and a little before it nothing that could not be
answered in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from runner.engine.lane import Lane
from runner.engine.ports import Clock
from runner.engine.shared import Shared

UNTIL: Final = "until"
FOR: Final = "for"
MOMENTS: Final = (UNTIL, FOR)
"""Why a run ended that was given one."""

DRAIN_SECONDS = 60.0
"""So early at most a lane sends its last request, however slow its provider is."""

LOOK_SECONDS = 1.0
"""The wall clock may be set while a run waits, and answers may become slower."""


class Left(NamedTuple):
    """How far away the moment is."""

    seconds: float
    reason: str  # "until" or "for"


class Closing:
    """`--until` and `--for` of one run: the first of them ends it. Begins to count when it is made."""

    def __init__(self, clock: Clock, *, until_us: int | None = None, seconds: float | None = None) -> None:
        """`until_us`: by the wall clock, wherever it is set to meanwhile. `seconds`: a suspend counts."""
        self.until_us = until_us
        self.seconds = seconds
        self._clock = clock
        self._deadline = None if seconds is None else self._passed() + seconds
        left = self.left()
        self.whole = 0.0 if left is None else left.seconds

    def left(self) -> Left | None:
        """None: the run ends when its work is done."""
        ways: list[Left] = []
        if self.until_us is not None:
            ways.append(Left((self.until_us - self._clock.now_us()) / 1e6, UNTIL))
        if self._deadline is not None:
            ways.append(Left(self._deadline - self._passed(), FOR))
        return min(ways, default=None)

    def _passed(self) -> float:
        return self._clock.monotonic() + self._clock.asleep_seconds()

    def over(self) -> str | None:
        """The reason, once the moment has come."""
        left = self.left()
        return left.reason if left is not None and left.seconds <= 0 else None


async def keep_to(closing: Closing, shared: Shared, lanes: Sequence[Lane]) -> None:
    """Until the moment: each lane takes its last request when one more could not be answered in time; then nothing
    leaves any more, and whoever sleeps is woken."""
    clock = shared.clock
    while shared.stop.reason is None and (left := closing.left()) is not None:
        if left.seconds <= 0:
            shared.stop.set(left.reason)
            return
        ahead = [left.seconds, LOOK_SECONDS]
        for lane in lanes:
            spare = left.seconds - _needs(lane, closing.whole)
            if spare > 0:
                ahead.append(spare)
            else:
                lane.cap(left.reason)
        await clock.sleep_until(clock.monotonic() + max(0.001, min(ahead)))


def _needs(lane: Lane, whole: float) -> float:
    """Seconds that a request of this lane may take: the longest of late, those on the wire among them. Before the first
    answer its deadline, but never so much that a short run would send nothing."""
    longest = max(lane.answer_seconds, default=min(lane.provider.http.timeout_seconds, whole / 2))
    return min(DRAIN_SECONDS, max(longest, lane.wire.oldest_seconds or 0.0))
