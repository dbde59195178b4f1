"""How a run left its batch: from the engine's summary to the batch's next state. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.domain.ledger import MAX_SPEND_PER_DAY
from runner.domain.states import BatchEvent, JobState
from runner.engine.closing import MOMENTS
from runner.engine.run import RunSummary
from runner.store.values import Wish
from runner.work.status import INTERRUPTED, PERSON, RESET

SIGNAL = "signal:"
REQUESTED = "requested:"
ADDED = "added"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The event that ends the run of a batch, and why."""

    event: BatchEvent
    reason: str | None = None
    resume_at_us: int | None = None
    cancel: bool = False  # once paused, give it up: another terminal asked for it


def ending(summary: RunSummary | None, outcomes: Mapping[JobState, int]) -> Ending:
    """Complete when nothing waits; halted when no lane can go on and one is halted; else paused, with the reason.

    `summary` is None when there was nothing to send.
    """
    if not outcomes[JobState.QUEUED] and not outcomes[JobState.RUNNING]:
        stopped = None if summary is None else summary.stop_reason
        if summary is not None and summary.followed and stopped is not None and stopped.startswith(REQUESTED):
            return _stopped(stopped)  # who pauses what waits for rows means the rows that are to come
        return Ending(event=BatchEvent.COMPLETE)
    if summary is None:
        return Ending(event=BatchEvent.PAUSE, reason=ADDED)
    moment = summary.stop_reason if summary.stop_reason in MOMENTS else None  # no more than a cap: a halt outranks it
    if summary.stop_reason is not None and moment is None:
        return _stopped(summary.stop_reason)
    halted = next((lane for lane in summary.lanes if lane.state == "halted"), None)
    if halted is not None:
        return Ending(event=BatchEvent.HALT, reason=halted.reason)
    resume_at_us = min(
        (lane.until_us for lane in summary.lanes if lane.until_us and lane.state == "parked"), default=None
    )
    caps = [lane.reason for lane in summary.lanes if lane.state == "done" and lane.reason]
    caps = caps if moment is None else [moment, *caps]
    if MAX_SPEND_PER_DAY in caps:  # before other caps: it ends by itself
        again_us = min((at_us for at_us in (summary.resume_at_us, resume_at_us) if at_us is not None), default=None)
        return Ending(event=BatchEvent.PAUSE, reason=MAX_SPEND_PER_DAY, resume_at_us=again_us)
    if caps:
        return Ending(event=BatchEvent.PAUSE, reason=caps[0])
    if resume_at_us is not None:
        return Ending(event=BatchEvent.PAUSE, reason=RESET, resume_at_us=resume_at_us)
    return Ending(event=BatchEvent.PAUSE, reason=ADDED)  # rows for a lane that was not at work came meanwhile


def _stopped(reason: str) -> Ending:
    if reason.startswith(SIGNAL):
        return Ending(event=BatchEvent.PAUSE, reason=INTERRUPTED)
    if reason.startswith(REQUESTED):
        cancelled = reason.removeprefix(REQUESTED) == Wish.CANCEL
        return Ending(event=BatchEvent.PAUSE, reason=PERSON, cancel=cancelled)
    return Ending(event=BatchEvent.PAUSE, reason=reason)


def signal_exit(stop_reason: str | None) -> int | None:
    """130 or 143 when a signal ended the run."""
    if stop_reason is None or not stop_reason.startswith(SIGNAL):
        return None
    return int(stop_reason.removeprefix(SIGNAL))
