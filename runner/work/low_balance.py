"""When little is left at a provider: news once, until its wallet was filled again. Fed from a run's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from runner.domain.model import MILLION, Amount
from runner.domain.occasions import Occasion
from runner.engine.events import AttemptClosed, BalanceLow
from runner.store.tellings import Tellings
from runner.work.message import Low

BELOW, DRY = "low-balance", "runs-dry"
"""Why it is told: less is left than a limit of yours, or less than what waits costs."""

REASONS: Final = (BELOW, DRY)


@dataclass(slots=True)
class _Episode:
    """Little was left, and somebody was told."""

    lowest: Amount
    at_us: int  # when the answer came that said so; 0: in an earlier run


class Wallets:
    """What is left by provider, and what was told of it. A higher balance ends an episode only if its request was sent
    after the lowest one had come: of requests that overlapped, the older answer may come last."""

    def __init__(self, limits: Mapping[str, Amount], tellings: Tellings) -> None:
        self._limits = limits
        self._tellings = tellings
        self._episodes: dict[tuple[str, str], _Episode] = {}
        self._known: set[str] = set()

    def begin(self, provider: str) -> None:
        """Take up what earlier runs told."""
        if provider in self._known:
            return
        self._known.add(provider)
        for reason in REASONS:
            last = self._tellings.last(Occasion.LOW_BALANCE, lane=provider, reason=reason)
            if last is not None:
                lowest = Amount(round(last.get("balance", 0) * MILLION))
                self._episodes[provider, reason] = _Episode(lowest=lowest, at_us=0)

    def stated(self, event: AttemptClosed) -> Low | None:
        """An answer says what is left: news, or None."""
        if event.balance is None:
            return None
        provider, limit = event.provider, self._limits.get(event.provider)
        episode = self._episodes.get((provider, BELOW))
        if episode is not None or limit is None or event.balance >= limit:
            return None
        self._open(provider, BELOW, event.balance, event.at_us)
        return Low(provider=provider, unit=event.unit, balance=event.balance, below=limit)

    def filled(self, event: AttemptClosed) -> list[str]:
        """The reasons that hold no longer, since more is left than before."""
        return [reason for reason in REASONS if event.balance is not None and self._is_over(event, reason)]

    def dry(self, event: BalanceLow) -> Low | None:
        """What waits costs more: news, or None."""
        if (event.provider, DRY) in self._episodes:
            return None
        self._open(event.provider, DRY, event.balance, event.at_us)
        return Low(
            provider=event.provider,
            unit=event.unit,
            balance=event.balance,
            requests=event.requests,
            cost=event.cost,
        )

    def _open(self, provider: str, reason: str, balance: Amount, at_us: int) -> None:
        self._episodes[provider, reason] = _Episode(lowest=balance, at_us=at_us)

    def _is_over(self, event: AttemptClosed, reason: str) -> bool:
        episode, balance = self._episodes.get((event.provider, reason)), event.balance
        if episode is None or balance is None:
            return False
        if balance <= episode.lowest:
            episode.lowest, episode.at_us = balance, event.at_us
            return False
        sent_us = event.at_us - round(event.seconds * MILLION)
        enough = reason != BELOW or balance >= self._limits.get(event.provider, Amount(0))
        if sent_us < episode.at_us or not enough:
            return False
        del self._episodes[event.provider, reason]
        return True
