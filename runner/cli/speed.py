"""How fast requests are made, by the latest of them. Time in which a provider lets none leave is not counted, and
neither is what was never sent: answers that were taken over, rows that were refused."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from runner.domain.model import MILLION

SHOWN_SECONDS = 60.0
KEPT_SECONDS = 300.0
LEAST_SECONDS = 3.0
LEAST_ENDED = 5
"""From so much on a speed is told; before that it would only be luck."""


@dataclass(slots=True)
class _Second:
    at: int  # seconds of work before it
    sent: int = 0
    ended: int = 0
    answers: float = 0.0  # how long the answers took, in sum


class Speed:
    """Of one provider. Instants are microseconds of the wall clock; what is kept does not grow with the list."""

    def __init__(self) -> None:
        self._worked_us = 0
        self._since_us: int | None = None  # at work since
        self._seconds: deque[_Second] = deque()

    def work(self, at_us: int, *, on: bool) -> None:
        """From now on requests may leave, or none may."""
        if self._since_us is not None:
            self._worked_us += max(0, at_us - self._since_us)  # the clock may have been set back
        self._since_us = at_us if on else None

    def begin_anew(self, at_us: int) -> None:
        """What was before says nothing any more: another limit holds from now on."""
        self._worked_us, self._since_us = 0, None if self._since_us is None else at_us
        self._seconds.clear()

    def take(self, at_us: int, *, sent: bool, ended: bool, seconds: float) -> None:
        """A request is over."""
        second = int(self.worked(at_us))
        if not self._seconds or self._seconds[-1].at < second:
            self._seconds.append(_Second(second))
        last = self._seconds[-1]
        last.sent += sent
        last.ended += ended
        last.answers += seconds if sent else 0.0
        while self._seconds[0].at < second - KEPT_SECONDS:
            self._seconds.popleft()

    def worked(self, now_us: int) -> float:
        """Seconds at work so far."""
        since_us = now_us if self._since_us is None else self._since_us
        return (self._worked_us + max(0, now_us - since_us)) / MILLION

    def sent(self, span: float, now_us: int) -> float:
        """Requests in the last `span` seconds of work; of a shorter time at work, as many as it would have been."""
        worked = self.worked(now_us)
        count = sum(second.sent for second in self._seconds if second.at > worked - span)
        return count * span / min(span, max(worked, LEAST_SECONDS))

    def per_second(self, now_us: int) -> float | None:
        """Requests a second over the last minute of work; None: it has hardly begun."""
        if self.worked(now_us) < LEAST_SECONDS:
            return None
        return self.sent(SHOWN_SECONDS, now_us) / SHOWN_SECONDS

    def ends_per_second(self, now_us: int) -> float | None:
        """How many requests are through, a second, over the last five minutes of work; None: too few to tell."""
        worked = self.worked(now_us)
        ended = sum(second.ended for second in self._seconds if second.at > worked - KEPT_SECONDS)
        if worked < LEAST_SECONDS or ended < LEAST_ENDED:
            return None
        return ended / min(KEPT_SECONDS, worked)

    def answer_seconds(self) -> float | None:
        """How long an answer takes, on average of those kept; None: there was none."""
        sent = sum(second.sent for second in self._seconds)
        return sum(second.answers for second in self._seconds) / sent if sent else None
