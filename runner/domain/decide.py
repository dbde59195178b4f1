"""From a verdict to what happens: to the job, to its lane, to the money. Pure; time and chance are arguments.

A verdict is what the rules say of one answer. A decision also knows the history: how often the job was tried, whether
the lane is shut and why, whether the operation may be repeated, and what the user wants done with doubt.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, assert_never

from runner.domain.backoff import asked_seconds, full_jitter
from runner.domain.model import Action, Amount, Answer, Debited, Fault, InDoubtPolicy, Job, Verdict
from runner.domain.provider import Operation, Retry
from runner.domain.states import JobEvent


class Shut(StrEnum):
    """Why a lane lets only one job through."""

    START = "start"  # nothing answered yet in this run
    PAUSE = "pause"  # the provider asked to wait
    CIRCUIT = "circuit"  # failures in a row
    HALT = "halt"  # an earlier run was halted


class LaneMove(StrEnum):
    """What an answer means for the whole lane."""

    SUCCESS = "success"  # opens any shut lane
    ANSWER = "answer"  # the provider works: opens a lane unless it was halted
    FAILURE = "failure"  # a 5xx, a fault or a doubt: counts towards the circuit
    NOTHING = "nothing"  # the provider saw nothing: it says nothing of it
    PAUSE = "pause"  # shut the gate until a time
    HALT = "halt"  # a person must act


class Situation(NamedTuple):
    """What a decision depends on beside the verdict."""

    policy: InDoubtPolicy
    retry: Retry
    proven: bool  # a job of this operation succeeded in this batch
    shut: Shut | None  # why the lane is shut now; None: open
    probe: bool  # this job went alone to see whether the lane works
    now_us: int
    chance: float
    streak: int = 0  # answers by this very rule, one after the other, before this one
    spared: bool = False  # it fails while an outage seemed over: put down to the provider, once a job
    held: Amount = Amount(0)  # what was set aside for the request: more than its price where it was once charged more


class Decision(NamedTuple):
    """What happens to the job, the lane and the money."""

    event: JobEvent
    spent: bool
    lane: LaneMove
    debited: Debited
    amount: Amount
    reason: str
    due_us: int = 0
    final: bool = True  # of a failed job: False when the same command may try again
    released_from_doubt: bool = False  # goes again although it was, or may have been, charged
    doubt: bool = False  # nobody knows whether it was carried out, whatever happens next


def unsendable(reason: str) -> Decision:
    """A row that alone cannot be sent: it fails, not for good, and the lane is not touched."""
    return Decision(
        event=JobEvent.FAIL,
        spent=False,
        lane=LaneMove.NOTHING,
        debited=Debited.NO,
        amount=Amount(0),
        reason=reason,
        final=False,
    )


def is_in_doubt(answer: Answer, verdict: Verdict, *, safe: bool) -> bool:
    """Sent, and nobody knows whether it was carried out or charged (and repeating it may cost again)."""
    if safe or verdict.debited is not Debited.UNKNOWN or verdict.action is Action.SUCCEED:
        return False
    if answer.fault is not None:
        return answer.fault is Fault.NO_ANSWER
    status = answer.status or 0
    if 200 <= status < 300 or verdict.resend:
        return 200 <= status < 300
    # A refusal that a rule calls unknown ends as failed; whatever else it says would send the request again.
    return status >= 500 or verdict.action is not Action.FAIL


def decide(job: Job, operation: Operation, answer: Answer, verdict: Verdict, situation: Situation) -> Decision:
    """The one place where an answer's consequences are weighed."""
    decision = _weigh(job, operation, answer, verdict, situation)
    again = decision.event in (JobEvent.RETRY, JobEvent.RELEASE) and decision.debited is not Debited.NO
    if again and (verdict.resend or not operation.safe):
        # Whatever lets it go again: it may be charged twice, and says so for ever.
        return decision._replace(released_from_doubt=True)
    return decision


def _weigh(job: Job, operation: Operation, answer: Answer, verdict: Verdict, situation: Situation) -> Decision:
    amount = _amount(operation, verdict, situation)
    if is_in_doubt(answer, verdict, safe=operation.safe):
        return _doubt(job, verdict, situation, amount)
    match verdict.action:
        case Action.SUCCEED:
            return _decision(JobEvent.SUCCEED, LaneMove.SUCCESS, verdict, amount, spent=True)
        case Action.FAIL:
            if _halts(verdict, situation):
                return _decision(JobEvent.RELEASE, LaneMove.HALT, verdict, amount)
            # After a halt by such a rule nobody knows yet whether it is the row: a later run may ask about it again.
            tried = situation.shut is Shut.HALT and verdict.halt_after is not None and not situation.proven
            return _decision(JobEvent.FAIL, LaneMove.ANSWER, verdict, amount, spent=True, final=not tried)
        case Action.RETRY:
            return _retry(job, operation, answer, verdict, situation, amount)
        case Action.PAUSE:
            return _decision(JobEvent.RELEASE, LaneMove.PAUSE, verdict, amount)
        case Action.HALT:
            return _decision(JobEvent.RELEASE, LaneMove.HALT, verdict, amount)
        case _:
            assert_never(verdict.action)


def _amount(operation: Operation, verdict: Verdict, situation: Situation) -> Amount:
    """What it cost: what the provider says; else the highest price where there are two, or a cap could be passed
    without a sign. What may have been charged is all that was held for it."""
    if verdict.debited is Debited.NO:
        return Amount(0)
    if verdict.charge is not None:
        return verdict.charge
    return max(operation.hold, situation.held) if verdict.debited is Debited.UNKNOWN else operation.hold


def _halts(verdict: Verdict, situation: Situation) -> bool:
    """Whether a rule that speaks of one job speaks of all by now: so many in a row, or no success to prove it wrong."""
    if verdict.unproven_halt and situation.proven:
        return False
    enough = verdict.halt_after or (1 if verdict.unproven_halt else None)
    return enough is not None and situation.streak + 1 >= enough


def _decision(
    event: JobEvent,
    lane: LaneMove,
    verdict: Verdict,
    amount: Amount,
    *,
    spent: bool = False,
    due_us: int = 0,
    final: bool = True,
    doubt: bool = False,
) -> Decision:
    return Decision(
        event=event,
        spent=spent,
        lane=lane,
        debited=verdict.debited,
        amount=amount,
        reason=verdict.rule,
        due_us=due_us,
        final=final,
        doubt=doubt,
    )


def _doubt(job: Job, verdict: Verdict, situation: Situation, amount: Amount) -> Decision:
    """Hold it, or re-send it once, marked. A halt or pause verdict shuts the lane all the same."""
    lane = {Action.HALT: LaneMove.HALT, Action.PAUSE: LaneMove.PAUSE}.get(verdict.action, LaneMove.FAILURE)
    resend = situation.policy is InDoubtPolicy.RESEND_ONCE and not job.possible_double_charge
    if not resend or _used_up(job, verdict, situation):
        return _decision(JobEvent.DOUBT, lane, verdict, amount, spent=True, doubt=True)
    due_us = _due_us(verdict, situation, _backoff_us(job, situation))
    return _decision(JobEvent.RETRY, lane, verdict, amount, spent=True, due_us=due_us, doubt=True)


def _retry(
    job: Job, operation: Operation, answer: Answer, verdict: Verdict, situation: Situation, amount: Amount
) -> Decision:
    if _halts(verdict, situation):
        return _decision(JobEvent.RELEASE, LaneMove.HALT, verdict, amount)
    status = answer.status or 0
    outage = answer.fault is not None or status >= 500
    # Behind an open circuit even a readable "try again later" proves nothing: many providers say it with HTTP 200.
    down = situation.shut is Shut.CIRCUIT or situation.spared
    lane = LaneMove.FAILURE if outage or down else LaneMove.ANSWER
    if verdict.debited is Debited.YES and not (operation.safe or verdict.resend):
        # Paid for, and no use: sending it again would surely be charged again. A person may (`retry`).
        return _decision(JobEvent.FAIL, lane, verdict, amount, spent=True)
    if lane is LaneMove.FAILURE and (situation.probe or down):
        # The provider is in trouble, not the job: it goes back unharmed and the lane waits.
        backoff_us = _backoff_us(job, situation) if situation.spared else 0
        return _decision(JobEvent.RELEASE, lane, verdict, amount, due_us=_due_us(verdict, situation, backoff_us))
    if _used_up(job, verdict, situation):
        return _decision(JobEvent.FAIL, lane, verdict, amount, spent=True, final=False)
    due_us = _due_us(verdict, situation, _backoff_us(job, situation))
    return _decision(JobEvent.RETRY, lane, verdict, amount, spent=True, due_us=due_us)


def _used_up(job: Job, verdict: Verdict, situation: Situation) -> bool:
    return job.attempts_spent + 1 >= (verdict.attempts or situation.retry.attempts)


def _due_us(verdict: Verdict, situation: Situation, backoff_us: int) -> int:
    """When the job may go again, never before the provider asks it to; 0: at once."""
    asked = asked_seconds(verdict, now_us=situation.now_us)
    wait_us = max(backoff_us, 0 if asked is None else round(asked * 1e6))
    return situation.now_us + wait_us if wait_us else 0


def _backoff_us(job: Job, situation: Situation) -> int:
    seconds = full_jitter(
        job.attempts_spent + 1,
        base_seconds=situation.retry.base_seconds,
        cap_seconds=situation.retry.cap_seconds,
        chance=situation.chance,
    )
    return round(seconds * 1e6)
