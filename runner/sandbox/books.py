"""What the provider knows of its customers: every request it saw, what it charged, how full its windows were."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runner.domain.provider import Limit


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request in the books."""

    number: int  # 1 for the first
    received_at: float  # seconds on the server's clock
    operation: str | None  # None: no such endpoint
    value: str
    params: dict[str, str]
    client_request_id: str | None
    rule: str
    status: int | None
    charged: int  # millionths of the provider's unit; 0: not charged
    answered_at: float | None = None  # None: not, or not yet
    booked: int = 0  # what left the wallet for it: `charged`, or more where it was booked several times

    def as_json(self) -> dict[str, Any]:
        """For another process: every field by its name."""
        return {name: getattr(self, name) for name in self.__slots__}


class Window:
    """At most N in any W seconds, by a log of exact times: what the strictest server does."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._admitted: deque[float] = deque()

    def wait(self, now: float) -> float | None:
        """None while one more is admitted, else the seconds until then. They may round to 0: full all the same."""
        while self._admitted and self._admitted[0] <= now - self.limit.per_seconds:
            self._admitted.popleft()
        if len(self._admitted) < self.limit.at_most:
            return None
        return self._admitted[-self.limit.at_most] + self.limit.per_seconds - now

    def admit(self, now: float) -> None:
        """Count one."""
        self._admitted.append(now)


@dataclass(slots=True, kw_only=True)
class Books:
    """The ledger, in order of arrival."""

    entries: list[Entry] = field(default_factory=list)

    def charged(self) -> list[Entry]:
        """The requests that cost something."""
        return [entry for entry in self.entries if entry.charged]

    def charged_twice(self) -> dict[tuple[str | None, str], int]:
        """Operation and value -> how often, for all that were charged more than once."""
        counts = Counter((entry.operation, entry.value.casefold()) for entry in self.charged())
        return {key: count for key, count in counts.items() if count > 1}

    def worst(self, limit: Limit) -> int:
        """The most requests received in any window of this length, refused ones included."""
        times = sorted(entry.received_at for entry in self.entries)
        return max(
            (last + 1 - bisect_right(times, time - limit.per_seconds) for last, time in enumerate(times)), default=0
        )

    def summary(self, limits: Sequence[Limit]) -> dict[str, Any]:
        """Counts for people and tests, as JSON values."""
        return {
            "requests": len(self.entries),
            "answered": sum(entry.answered_at is not None for entry in self.entries),
            "charged": len(self.charged()),
            "charged_amount": sum(entry.booked for entry in self.entries),
            "charged_twice": len(self.charged_twice()),
            "rules": dict(Counter(entry.rule for entry in self.entries)),
            "windows": [
                {"at_most": limit.at_most, "per_seconds": limit.per_seconds, "worst": self.worst(limit)}
                for limit in limits
            ],
        }
