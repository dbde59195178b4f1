"""The learned pace of one account: slower after each refusal, slowly back, and found where nobody stated a limit.

Multiplicative decrease, additive increase: each episode of refusals takes the pace to 70 %, each clean minute gives
5 points back. Only a refusal for speed slows down: a slow answer or a 5xx says nothing of the pace.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from runner.domain.provider import Limit
from runner.engine.throttle import Throttle

DROP = 0.7
STEP = 0.05
LEAST_SHARE = 0.1
CLEAN_SECONDS = 60.0
FOUND_SECONDS = 10.0
"""The window of a pace that was found, and how far back it looks for what was sent."""


class Adaptation:
    """Where limits are stated, the share of them in use (`share`, 0.1 to 1). Where none is, the pace that the first
    episode found (`found`): 70 % of what was sent, then growing until the next refusal."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self.share = 1.0
        self.found: float | None = None  # requests in FOUND_SECONDS
        self._step = 1.0  # by so many it grows
        self._clean_since: float | None = None  # the first answer after a refusal
        self._seconds: deque[list[int]] = deque()  # [second, answers] of the last FOUND_SECONDS, while nothing is known

    @property
    def slowed(self) -> bool:
        """Whether it is below the stated limits, or found by itself."""
        return self.share < 1.0 or self.found is not None

    def in_words(self, own: Sequence[Limit] = ()) -> str | None:
        """The pace as people read it: "60/60 s, 2/1 s at 70 %", "14/10 s (found)". `own`: limits beside it."""
        limits = ", ".join(map(_in_words, self._throttle.limits))
        if self.found is not None:
            limits += " (found)"
        elif self.share < 1.0:
            limits += f" at {round(100 * self.share)} %"
        return ", ".join(filter(None, [limits, *map(_in_words, own)])) or None

    def answered(self, now: float) -> None:
        """The provider answered, and asked for no wait."""
        if not self._throttle.limits:
            self._note(now)
        if not self.slowed:
            return
        if self._clean_since is None:
            self._clean_since = now
        elif now - self._clean_since >= CLEAN_SECONDS:
            self._clean_since = now
            if self.found is not None:
                self.found += self._step
            else:
                self.share = min(1.0, round(self.share + STEP, 4))
            self._apply()

    def refused(self, now: float, *, in_flight: int, first: bool) -> None:
        """An episode began. `in_flight`: requests whose answer has not come; `first`: nothing was sent before, so that
        there is no pace to be found yet."""
        self._clean_since = None
        if self._throttle.limits and self.found is None:
            self.share = max(LEAST_SHARE, round(self.share * DROP, 4))
        elif not first:
            self._note(now)
            self._find(self.found or self._sent(now, in_flight))
        self._apply()

    def refused_again(self) -> None:
        """A later refusal of the same episode: the minute is not a clean one."""
        self._clean_since = None

    def resume(self, share: float, found: float | None) -> None:
        """As a run left it a short while ago."""
        if self._throttle.limits:
            self.share = min(1.0, max(LEAST_SHARE, share))
        elif found is not None:
            self._find(found / DROP)
        self._apply()

    def state_limits(self, limits: tuple[Limit, ...]) -> None:
        """The provider states limits where its profile names none: they hold from now on."""
        self.found = None
        if limits != self._throttle.limits:
            self._throttle.resize(limits)

    def _find(self, too_many: float) -> None:
        """So many in FOUND_SECONDS were refused."""
        self.found, self._step = max(1.0, too_many * DROP), max(1.0, too_many * STEP)

    def _apply(self) -> None:
        if self.found is None:
            self._throttle.stretch(self.share)
            return
        limits = (Limit(at_most=int(self.found), per_seconds=FOUND_SECONDS),)
        if limits != self._throttle.limits:
            self._throttle.resize(limits)

    def _note(self, now: float) -> None:
        second, seconds = int(now), self._seconds
        if seconds and seconds[-1][0] == second:
            seconds[-1][1] += 1
        else:
            seconds.append([second, 1])
        while seconds[0][0] <= second - FOUND_SECONDS:
            seconds.popleft()

    def _sent(self, now: float, in_flight: int) -> float:
        """Requests in FOUND_SECONDS, by the answers of the last ones and what has none yet."""
        first = self._seconds[0][0]
        seconds = min(FOUND_SECONDS, max(1.0, now - first))
        return max(1.0, (sum(count for _, count in self._seconds) + in_flight) * FOUND_SECONDS / seconds)


def _in_words(limit: Limit) -> str:
    return f"{limit.at_most}/{limit.per_seconds:g} s"
