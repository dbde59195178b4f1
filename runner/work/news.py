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
IN_ALL: Final = "ended_in_all"
"""How many rows of a batch had ended, whatever provider they asked."""


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
    """What the end of a run is, by how it left the batch. `told`: its halts were, while others went on."""
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
    """What makes it the same as what was told before; None: it is always news. A provider that halts again before any
    other of its rows has ended, or a cap that is still the same, is no news."""
    match news.occasion:
        case Occasion.HALT:
            return {"reason": news.reason, "provider": news.provider, "ended": _ended(news, news.provider)}
        case Occasion.CAP:
            return {"reason": news.reason, "ended": _ended(news)}
        case Occasion.FINISH if news.status is not None and news.status.state is BatchState.HALTED:
            return {"reason": news.reason, IN_ALL: _ended(news)}
        case Occasion.PARKED:
            return {"resume": None if news.status is None else iso(news.status.resume_at_us)}
        case _:
            return None


def told_as(news: News) -> tuple[Occasion, ...]:
    """The occasions on which the same may have been told: a halt that ended a batch said that nothing more is sent."""
    return (Occasion.FINISH, Occasion.HALT) if news.occasion is Occasion.FINISH else (news.occasion,)


def _ended(news: News, provider: str | None = None) -> int:
    """How many rows of the batch have ended, or of one provider's: what others do is no news of it."""
    if news.status is None:
        return 0
    outcomes = news.status.outcomes if provider is None else news.status.by_provider.get(provider, {})
    return sum(outcomes.get(state, 0) for state in ENDED)


def kept_of(news: News) -> dict[str, Any]:
    """What is kept of it with the events, for whoever asks next whether it is news."""
    if news.low is not None:
        return {"reason": news.reason, "unit": news.low.unit, "balance_millionths": news.low.balance}
    mark = mark_of(news) or {}
    return mark | {IN_ALL: _ended(news)} if news.occasion is Occasion.HALT and _is_the_end(news) else mark


def _is_the_end(news: News) -> bool:
    """Whether a halt tells that nothing more is sent: it ended the batch, or nothing of any other provider waits."""
    status = news.status
    if status is None:
        return False
    others = [counts for provider, counts in status.by_provider.items() if provider != news.provider]
    waits = any(counts.get(state) for counts in others for state in (JobState.QUEUED, JobState.RUNNING))
    return status.state is BatchState.HALTED or not waits
