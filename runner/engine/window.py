"""Windows: how many requests may leave, and when the next one may. Pure counting; nothing here waits or reads a clock.

A window admits a request when those in flight plus those finished less than W ago are fewer than N. Whatever the
latency, the server then never sees more than N in any W: of N + 1 requests stamped in [x, x + W), the one sent last was
sent before x + W, and each of the others was stamped at x or later, so it was in flight or finished less than W before.
The proof asks nothing of W but that it is not shorter than the server's: a window may be made longer at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runner.domain.provider import Limit, Pace

MARGIN_SECONDS = 0.001
"""Added to each window: server clocks tick in milliseconds, and some windows include both ends."""

REMEMBERED = 10_000
"""Ends that are kept at least: what a window that is learned later finds of the time before it was known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowStatistics:
    """One window at one moment."""

    at_most: int
    per_seconds: float
    length_seconds: float  # in force: longer than `per_seconds` where the pace was slowed down
    in_flight: int
    recent: int  # finished less than `length_seconds` ago


class Traffic:
    """The requests that all windows of an account count: those in flight, and when the others were over.

    Instants are seconds on one scale, whichever; one may lie ahead. A window of N needs the latest N ends alone, so no
    more are kept than the largest has places.
    """

    def __init__(self, pace: Pace = Pace.STRICT) -> None:
        self._from_sending = pace is Pace.SENDER
        self.in_flight = 0  # those that were not counted yet
        self._ends: deque[float] = deque(maxlen=REMEMBERED)  # ascending

    def leave(self, now: float) -> None:
        """A request leaves."""
        if self._from_sending:
            self.note(now)
        else:
            self.in_flight += 1

    def finish(self, now: float) -> None:
        """A request that left is over: answered or given up."""
        if not self._from_sending:
            self.in_flight -= 1
            self.note(now)

    def give_back(self) -> None:
        """A request that was let through never left. Counted from sending, it was one of the last."""
        if not self._from_sending:
            self.in_flight -= 1
        elif self._ends:
            self._ends.pop()

    def correct(self, at: float, sooner: float) -> None:
        """What was said to be over `at` that instant was so earlier."""
        ends, later = self._ends, []
        while ends and ends[-1] > at:
            later.append(ends.pop())
        known = bool(ends) and ends[-1] == at  # else it is forgotten by now
        if known:
            ends.pop()
        ends.extend(reversed(later))
        if known:
            self.note(sooner)

    def note(self, at: float) -> None:
        """One more was over `at` that instant."""
        ends, later = self._ends, []
        while ends and ends[-1] > at:
            later.append(ends.pop())
        ends.append(at)
        ends.extend(reversed(later))

    def restore(self, ends: Iterable[float]) -> None:
        """Requests of earlier runs, by when they were over."""
        self._ends = deque(sorted((*self._ends, *ends)), maxlen=self._ends.maxlen)

    def keep(self, ends: int) -> None:
        """Remember at least so many from now on."""
        self._ends = deque(self._ends, maxlen=max(ends, REMEMBERED))

    def latest(self, number: int) -> float | None:
        """When the request was over that is the `number`-th from the end, from 1; None where there are fewer."""
        return self._ends[-number] if number <= len(self._ends) else None

    def newest_first(self) -> Iterator[float]:
        """All ends that are remembered."""
        return reversed(self._ends)


class Window:
    """One limit, counted exactly. Not aware of waiting: it only says when there is room."""

    def __init__(self, limit: Limit, traffic: Traffic, *, factor: float = 1.0) -> None:
        self.limit = limit
        self.length_seconds = limit.per_seconds / factor + MARGIN_SECONDS
        self._traffic = traffic

    def room_at(self, now: float) -> float | None:
        """When the next request may leave, given nothing else happens; None: not before one in flight has ended."""
        free = self.limit.at_most - self._traffic.in_flight
        if free <= 0:
            return None
        end = self._traffic.latest(free)
        return now if end is None else max(now, end + self.length_seconds)

    def statistics(self, now: float) -> WindowStatistics:
        """A snapshot."""
        recent = 0
        for end in self._traffic.newest_first():
            if end + self.length_seconds <= now:
                break
            recent += 1
        return WindowStatistics(
            at_most=self.limit.at_most,
            per_seconds=self.limit.per_seconds,
            length_seconds=self.length_seconds,
            in_flight=self._traffic.in_flight,
            recent=recent,
        )
