"""How a batch stands, in words: its state and the reason, its requests, what a halt means."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from runner.domain.model import Fault
from runner.domain.personal import clean, redact
from runner.domain.states import BatchState, JobState
from runner.engine.halts import MAX_FAILED, UNREACHABLE
from runner.work.money import number
from runner.work.results import BatchStatus, Halt
from runner.work.words import moment

_WHY_PAUSED = {
    "interrupted": "interrupted",
    "reset": "until the provider resets",
    "max-spend": "--max-spend is reached",
    "max-requests": "--max-requests is reached",
    "max-spend-per-day": "today's max_spend_per_day is reached",
    "limit": "--limit is reached",
    "until": "--until is reached",
    "for": "--for is reached",
}


def state_text(status: BatchStatus) -> str:
    """The state with its reason and time: `waiting until 2026-11-22 01:00:00 (until the provider resets)`."""
    if status.state is BatchState.PAUSED and status.resume_at_us:
        return f"waiting until {moment(status.resume_at_us)} ({reason_text(status)})"
    if status.reason == "cut-off":
        return "cut off (its process died, or could write no more)"
    reason = reason_text(status)
    return f"{status.state} ({reason})" if reason else str(status.state)


def reason_text(status: BatchStatus) -> str:
    """Why the batch is in its state, for people."""
    if status.reason == "person":  # a pause can also be asked of a halted batch, and then is not its state
        return "by a person" if status.state in (BatchState.PAUSED, BatchState.CANCELLED) else "paused by a person"
    return why_paused(status.reason or "")


def why_paused(reason: str) -> str:
    """Why nothing more is sent for now, in words: `--until is reached`."""
    return _WHY_PAUSED.get(reason, clean(reason))


def ended_words(state: str, reason: str | None) -> str:
    """How a run left a batch: `done`, `halted: insufficient funds`, `paused: --until is reached`."""
    word = "done" if state == BatchState.COMPLETED else state
    if reason == "person":
        return f"{state} by a person"
    why = meaning(reason) if reason and state == BatchState.HALTED else why_paused(reason or "")
    return f"{word}: {why}" if why else word


def counts_text(outcomes: Mapping[JobState, int]) -> str:
    """How requests stand: `15 succeeded, 1 failed, 0 in doubt, 2 waiting`; given up ones only when there are any."""
    waiting = outcomes[JobState.QUEUED] + outcomes[JobState.RUNNING]
    parts = [
        f"{number(outcomes[JobState.SUCCEEDED])} succeeded",
        f"{number(outcomes[JobState.FAILED])} failed",
        f"{number(outcomes[JobState.IN_DOUBT])} in doubt",
        f"{number(waiting)} waiting",
    ]
    if outcomes[JobState.CANCELLED]:
        parts.append(f"{number(outcomes[JobState.CANCELLED])} cancelled")
    return ", ".join(parts)


def halted(halt: Halt) -> str:
    """Whom it is about, with the provider's words: `defastra says NO_FUNDS "..."`."""
    words = " ".join(filter(None, [clean(halt.code or ""), f'"{redact(halt.message)}"' if halt.message else ""]))
    return f"{halt.provider}{_verb(halt)} {words}" if words else halt.provider


def meaning(reason: str) -> str:
    """A rule's name in words; one that is called by its status says what that is: `HTTP 402, Payment Required`."""
    if reason.isascii() and reason.isdigit() and int(reason) in HTTPStatus.__members__.values():
        return f"HTTP {reason}, {HTTPStatus(int(reason)).phrase}"
    return reason.replace("-", " ")


def _verb(halt: Halt) -> str:
    """Nobody said a word where the line broke, or where it is this side that counted."""
    return ":" if halt.code in {*Fault, UNREACHABLE} or halt.reason == MAX_FAILED else " says"
