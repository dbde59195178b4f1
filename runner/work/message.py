"""What somebody who is not there is told: one JSON object, one sentence, a few variables. Pure; no value of a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from runner.domain.model import MILLION, Amount
from runner.domain.occasions import Occasion
from runner.domain.personal import clean, redact
from runner.domain.states import BatchState, JobState
from runner.store.codec import iso
from runner.work.event_words import CAPS
from runner.work.money import number, plural
from runner.work.results import BatchStatus, Next
from runner.work.status import as_json, plain
from runner.work.words import count

OF_STATUS: Final = (
    "batch",
    "state",
    "reason",
    "resume_at",
    "rows",
    "jobs",
    "outcomes",
    "not_sent",
    "attempts",
    "debited",
    "spent",
    "held",
    "in_doubt_amount",
    "halt",
    "next",
)
"""The keys that it has in common with the object of `status --json`, and their meaning."""

TEST: Final = "test"
"""The event of a message that `doctor --notify` sends. No occasion: who chooses what is told has nothing to choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Low:
    """A wallet with little left, in millionths of the unit."""

    provider: str
    unit: str
    balance: Amount  # what the provider says is left
    below: Amount | None = None  # the limit of yours that it is below; None: it does not pay for what waits
    requests: int | None = None  # that wait
    cost: Amount | None = None  # of them, at the least


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing that is told. `status`: how the batch stands; None: the database could not say."""

    id: str  # the same however often it is sent
    occasion: Occasion | None  # None: a test, which is of no batch
    at_us: int
    batch: str | None
    run: int | None
    provider: str | None
    reason: str | None
    status: BatchStatus | None
    low: Low | None = None
    error: str | None = None  # what ended the run, if one of our errors did
    then: Next | None = None  # the command of a test

    @property
    def event(self) -> str:
        """The word for what happened."""
        return TEST if self.occasion is None else self.occasion.value

    @property
    def next(self) -> Next | None:
        """The command that goes on."""
        return self.then if self.status is None else self.status.next


def sample(*, message_id: str, at_us: int, command: str) -> Message:
    """What is told before anything happens, for who wants to see it arrive. `command`: what it proposes."""
    then = Next(command=command, why="it looks at everything a run needs")
    return Message(
        id=message_id,
        occasion=None,
        at_us=at_us,
        batch=None,
        run=None,
        provider=None,
        reason=None,
        status=None,
        then=then,
    )


def message_json(message: Message) -> dict[str, Any]:
    """The object that a webhook takes and a command reads, schema 1: keys, order and words are a contract."""
    of_status: Mapping[str, Any] = {} if message.status is None else as_json(message.status)
    shown = {key: of_status.get(key) for key in OF_STATUS}
    if message.next is not None:
        shown["next"] = {"command": message.next.command, "why": message.next.why}
    shown |= {"batch": message.batch, "reason": message.reason or shown["reason"], "halt": _veiled(shown["halt"])}
    return {
        "schema": 1,
        "id": message.id,
        "event": message.event,
        "at": iso(message.at_us),
        "text": text(message),
        "provider": message.provider,
        "run": message.run,
        **shown,
        "wallet": None if message.low is None else _wallet(message.low),
    }


def variables(message: Message) -> dict[str, str]:
    """The same in short, for a command that reads no JSON."""
    status = message.status
    return {
        "RUNNER_EVENT": message.event,
        "RUNNER_BATCH": message.batch or "",
        "RUNNER_STATE": "" if status is None else status.state.value,
        "RUNNER_REASON": message.reason or "",
        "RUNNER_PROVIDER": message.provider or "",
        "RUNNER_TEXT": text(message),
        "RUNNER_NEXT": "" if message.next is None else message.next.command,
    }


def body(message: Message) -> bytes:
    """The object as the bytes that travel."""
    return json.dumps(message_json(message), ensure_ascii=False, separators=(",", ":")).encode()


def title(message: Message) -> str:
    """A few words above the sentence: `runner: leads: halted`."""
    if message.occasion is None:
        return "runner: a test"
    words = {
        Occasion.FINISH: "is done",
        Occasion.HALT: "halted",
        Occasion.PARKED: "waits",
        Occasion.CAP: "stopped",
        Occasion.LOW_BALANCE: "little is left",
    }
    who = message.provider if message.occasion is Occasion.LOW_BALANCE else message.batch
    return f"runner: {who}: {words[message.occasion]}"


def with_next(message: Message) -> str:
    """The sentence and, below it, the command that goes on."""
    return text(message) + ("" if message.next is None else f"\n{message.next.command}")


def text(message: Message) -> str:
    """One sentence, or two, for a person who sees nothing else."""
    match message.occasion:
        case None:
            return "This is a test of [notify]: nothing has happened."
        case Occasion.LOW_BALANCE if message.low is not None:
            return _low_text(message.low)
        case Occasion.HALT:
            return _halt_text(message)
        case Occasion.PARKED:
            until = "" if message.status is None else f" until {iso(message.status.resume_at_us)}"
            return f"{message.batch} waits{until}: the provider resets then"
        case Occasion.CAP:
            cap = CAPS.get(message.reason or "", message.reason or "a limit of yours")
            return f"{message.batch} stopped: {cap} is reached. {_counts(message.status)}"
        case _:
            state = message.status.state if message.status is not None else BatchState.COMPLETED
            word = "is done" if state is BatchState.COMPLETED else "sends nothing more, and is halted"
            return f"{message.batch} {word}. {_counts(message.status)}"


def _halt_text(message: Message) -> str:
    who = f"{message.provider}: " if message.provider else ""
    reason = (message.reason or "").replace("-", " ")
    if message.error is not None:
        return f"{message.batch} broke off: {redact(message.error)}"
    halts = () if message.status is None else message.status.halts
    advice = next((one.advice for one in halts if one.provider == message.provider and one.advice), None)
    return f"{message.batch} halted: {who}{reason}" + (f". {redact(advice)}" if advice else "")


def _low_text(low: Low) -> str:
    holds = f"{low.provider} holds {_amount(low.balance)} {plural(low.unit, Decimal(low.balance) / MILLION)}"
    if low.below is not None:
        return f"{holds}, less than {_amount(low.below)}"
    return f"{holds}, {count(low.requests or 0, 'request')} {'waits' if low.requests == 1 else 'wait'}: it will run dry"


def _counts(status: BatchStatus | None) -> str:
    """`1,840 of 1,856 ended well, 15 failed, 1 in doubt; charged: 1,840 checks`."""
    if status is None:
        return ""
    outcomes = status.outcomes
    parts = [f"{number(outcomes.get(JobState.SUCCEEDED, 0))} of {number(status.jobs)} ended well"]
    for state, words in ((JobState.FAILED, "failed"), (JobState.IN_DOUBT, "in doubt"), (JobState.QUEUED, "waiting")):
        if outcomes.get(state):
            parts.append(f"{number(outcomes[state])} {words}")
    spent = ", ".join(f"{number(amount)} {plural(unit, amount)}" for unit, amount in sorted(status.spent.items()))
    return ", ".join(parts) + (f"; charged: {spent}" if spent else "")


def _amount(millionths: int) -> str:
    return number(Decimal(millionths) / MILLION)


def _wallet(low: Low) -> dict[str, Any]:
    def shown(amount: Amount | None) -> int | float | None:
        return None if amount is None else plain(Decimal(amount) / MILLION)

    return {
        "provider": low.provider,
        "unit": low.unit,
        "balance": shown(low.balance),
        "below": shown(low.below),
        "requests": low.requests,
        "cost": shown(low.cost),
    }


def _veiled(halt: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A provider may quote a row. Its words are concealed where they are stored; what leaves this machine is looked at
    once more."""
    if halt is None:
        return None
    return {key: redact(value) if isinstance(value, str) else value for key, value in halt.items()} | {
        "at": halt["at"],
        "provider": clean(halt["provider"]),
    }
