"""What retries may cost a provider: a reserve, and one in ten of what it does right. What is beyond waits in the queue.

A token is taken when a retry is claimed, and comes back with its success, or when it was not sent after all. Nothing
fails for want of one, and no attempt is spent. One account has one budget, whatever batches are at work on it.

A retry is a job that has spent an attempt. What waits in the queue for want of tokens is what has a due time, which is
the same but for two: a retry that the provider then told to wait has none any more, and goes with a token or without; a
job that goes back with a due time and has spent nothing waits as retries do, and gives its token back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from runner.domain.model import Job, JobId
from runner.domain.provider import Limit
from runner.engine.ports import Clock

RESERVE: Final = 20.0
SHARE: Final = 0.1
"""Of each success, and of the lane's own pace as time goes by."""
WITHOUT_LIMITS: Final = 1.0
"""Tokens a second where the profile states no limit."""
WHOLE: Final = 1.0 - 1e-6
"""A token, but for what ten tenths add up to."""


class Retries:
    """The budget. `limits` are the account's as they are now; `shut` says whether one request goes alone: what goes
    first to see whether the provider works is never rationed."""

    def __init__(self, *, clock: Clock, limits: Callable[[], Sequence[Limit]], shut: Callable[[], bool]) -> None:
        self._clock = clock
        self._limits = limits
        self._shut = shut
        self._tokens = RESERVE
        self._at: float | None = None  # when they were counted
        self._held: set[JobId] = set()  # claimed with a token
        self.ran_out = False  # at least once
        self.told = False

    def __repr__(self) -> str:
        return f"<Retries {self._tokens:.1f} tokens, {len(self._held)} held>"

    def reserve(self, most: int) -> int:
        """Take a token for each retry that a claim may bring, at most so many; `claimed` gives back the rest."""
        self._refill()
        reserved = min(most, int(self._tokens + 1.0 - WHOLE))
        self._tokens -= reserved
        return reserved

    def claimed(self, jobs: Sequence[Job], *, reserved: int, wanted: int) -> int:
        """What a claim has brought that had tokens for `reserved` retries, and was `wanted` to have room for more; how
        many retries that is."""
        tried = [job.id for job in jobs if job.attempts_spent][:reserved]
        self._held.update(tried)
        self._give(reserved - len(tried))
        if reserved and len(tried) == reserved < wanted:
            self.ran_out = True
        return len(tried)

    def available(self) -> bool:
        """Whether one more retry may go."""
        self._refill()
        return self._tokens >= WHOLE or self._shut()

    def available_at(self) -> float:
        """When there is a token by itself, on the monotonic clock."""
        self._refill()
        return self._clock.monotonic() + max(0.0, 1.0 - self._tokens) / self._per_second()

    def spare(self, job: JobId) -> None:
        """It was no retry: it goes first, alone or by itself, or it spent nothing."""
        if job in self._held:
            self._held.discard(job)
            self._give(1.0)

    def succeeded(self, job: JobId) -> None:
        """The provider works."""
        self.spare(job)
        self._give(SHARE)

    def spent(self, job: JobId) -> None:
        """It went, and did not help."""
        self._held.discard(job)

    def _give(self, tokens: float) -> None:
        self._refill()
        self._tokens = min(RESERVE, self._tokens + tokens)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if self._at is not None:
            self._tokens = min(RESERVE, self._tokens + (now - self._at) * self._per_second())
        self._at = now

    def _per_second(self) -> float:
        rates = [limit.at_most / limit.per_seconds for limit in self._limits()]
        return SHARE * min(rates) if rates else WITHOUT_LIMITS
