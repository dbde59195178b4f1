"""How many requests a provider said it still admits before its own window begins again, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.domain.hints import Room

LEAST_BOUND_SECONDS = 60.0


@dataclass(slots=True)
class _Rest:
    left: int  # may fall below 0: what was in flight already
    until: float


class Headroom:
    """Counts down what was said with the answer to the latest request. Not aware of waiting: it only says when there is
    room. Instants are those of the throttle that asks it.

    A hint holds for `bound` seconds at most: a quota of the month in such a header must not stop a night. Its wait is
    waited once; until an answer tells of room again, or of a reset within the bound, the provider's refusals speak.
    """

    def __init__(self) -> None:
        self._rests: list[_Rest] = []
        self._as_of = float("-inf")
        self._waited_out = False
        self.in_flight = 0

    def tell(self, rooms: Sequence[Room], *, sent_at: float, now: float, bound: float) -> None:
        """Take what an answer says; its request left at `sent_at`. Nobody knows which of those in flight it counts.

        An answer to an earlier request than the last one told says nothing new: what was in flight then, was taken off.
        """
        if sent_at < self._as_of:
            return
        self._as_of = sent_at
        near = [room for room in rooms if room.reset_seconds <= bound]
        far = [room for room in rooms if room.reset_seconds > bound]
        used_up = any(room.remaining <= self.in_flight for room in far)
        if used_up and self._waited_out:
            far = []
        self._waited_out = used_up
        self._rests = [
            _Rest(room.remaining - self.in_flight, now + min(room.reset_seconds, bound)) for room in (*near, *far)
        ]

    def room_at(self, now: float) -> float:
        """When the next request may leave."""
        if not self._rests:
            return now
        self._rests = [rest for rest in self._rests if rest.until > now]
        return max((rest.until for rest in self._rests if rest.left <= 0), default=now)

    def take(self) -> None:
        """A request leaves."""
        self.in_flight += 1
        for rest in self._rests:
            rest.left -= 1

    def finish(self) -> None:
        """A request that left is over."""
        self.in_flight -= 1

    def give_back(self) -> None:
        """A request that was let through never left."""
        self.in_flight -= 1
        for rest in self._rests:
            rest.left += 1
