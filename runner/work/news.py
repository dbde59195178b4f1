"""What is news of a batch: on what occasion somebody is told, and what makes it the same as the last time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from runner.domain.model import BatchId, RunId
from runner.domain.occasions import Occasion
from runner.domain.states import BatchState, JobState
from runner.store.codec import iso
from runner.work.event_words import CAPS
from runner.work.message import Low
from runner.work.results import BatchStatus
from runner.work.status import PERSON, RESET

ENDED: Final = (JobState.SUCCEEDED, JobState.FAILED, JobState.IN_DOUBT, JobState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something to be told, unless it was."""

    occasion: Occasion
    batch: BatchId
    provider: str | None = None
    reason: str | None = None
    run: RunId | None = None
    status: BatchStatus | None = None  # None: read when it is told
    low: Low | None = None
    error: str | None = None

    @property
    def of_batch(self) -> BatchId | None:
        """The batch that it concerns; None: a provider's account, whatever batch asked it."""
        return None if self.occasion is Occasion.LOW_BALANCE else self.batch

    @property
    def lane(self) -> str | None:
        """The provider whose account it concerns."""
        return self.provider if self.occasion is Occasion.LOW_BALANCE else None


def occasion_of(status: BatchStatus, *, told: bool) -> Occasion | None:
    """What the end of a run is, by how it left the batch. `told`: a halt of it was, while others went on."""
    match status.state:
        case BatchState.COMPLETED:
            return Occasion.FINISH
        case BatchState.HALTED if status.reason != PERSON:
            return Occasion.FINISH if told else Occasion.HALT
        case BatchState.PAUSED if status.reason == RESET:
            return Occasion.PARKED
        case BatchState.PAUSED if status.reason in CAPS:
            return Occasion.CAP
        case _:
            return None


def mark_of(news: News) -> dict[str, Any] | None:
    """What makes it the same as what was told before; None: it is always news. A batch that halts again before any
    other of its rows has ended, or whose cap is still the same, is no news."""
    status = news.status
    ended = 0 if status is None else sum(status.outcomes.get(state, 0) for state in ENDED)
    match news.occasion:
        case Occasion.HALT:
            return {"reason": news.reason, "provider": news.provider, "ended": ended}
        case Occasion.CAP:
            return {"reason": news.reason, "ended": ended}
        case Occasion.PARKED:
            return {"resume": None if status is None else iso(status.resume_at_us)}
        case _:
            return None


def kept_of(news: News) -> dict[str, Any]:
    """What is kept of it with the events, for whoever asks next whether it is news."""
    if news.low is not None:
        return {"reason": news.reason, "unit": news.low.unit, "balance_millionths": news.low.balance}
    return mark_of(news) or {}
