"""One answer: read, weighed, and handed to the store as one transaction; told to observers once it is there."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from runner.domain.body import parse_body
from runner.domain.columns import project
from runner.domain.decide import Decision, LaneMove, Situation, decide, unsendable
from runner.domain.ledger import Hold
from runner.domain.model import UNSENT, Action, Answer, AttemptId, Debited, Job, Outcome, Verdict
from runner.domain.provider import Kept, Operation
from runner.domain.rules import classify
from runner.domain.states import JobEvent
from runner.engine.consequences import apply
from runner.engine.events import AttemptClosed
from runner.engine.gate import Pass
from runner.engine.lane import Lane
from runner.engine.ports import Settlement
from runner.engine.throttle import Flight


class Admission(NamedTuple):
    """A job with everything it needs to be sent: a pass, room under the caps, and leave by both throttles."""

    leave: Pass
    flight: Flight
    job: Job
    operation: Operation
    hold: Hold
    opened_us: int  # on the day of the hold
    client_request_id: str


@dataclass(slots=True)
class Settled:
    """An answer on its way into the store: told, once, when it is there."""

    stored: Awaitable[None]
    event: AttemptClosed | None
    told: bool = False


async def told(lane: Lane, settled: Settled | None) -> None:
    """Wait until it is stored, then tell observers. Never interrupted: what was paid for is kept."""
    if settled is not None and not settled.told and not lane.abandoned:
        with lane.shielded():
            await tell(lane, settled)


async def tell(lane: Lane, settled: Settled | None) -> None:
    """`told`, for a caller that is shielded itself."""
    if settled is not None and not settled.told:
        await lane.shared.asked.on(settled.stored)
        settled.told = True
        if settled.event is not None:
            lane.shared.observer(settled.event)


class Weighed(NamedTuple):
    """What an answer came to."""

    answer: Answer
    verdict: Verdict
    situation: Situation
    decision: Decision
    outcome: Outcome | None
    action: Action  # what was done: a rule that fails a row halts instead while its operation is unproven


def settle(
    lane: Lane,
    admission: Admission,
    attempt: AttemptId,
    answer: Answer,
    *,
    seconds: float,
    unsendable: str | None = None,
) -> Settled:
    """Weigh the answer, move the lane in memory at once, and hand everything to the store as one transaction.

    `unsendable`: why this row alone could not be sent.
    """
    job = admission.job
    weighed = _weigh(lane, admission, answer) if unsendable is None else _set_aside(lane, answer, unsendable)
    decision = weighed.decision
    requeue = _count(lane, job, attempt, weighed)
    _ration(lane, job, decision)
    apply(lane, decision, weighed.verdict, answer, job, admission.leave, seconds=seconds)
    sent = answer.fault not in UNSENT
    budget = lane.shared.budget
    budget.settle(admission.hold, sent=sent, debited=decision.debited, amount=decision.amount)
    if decision.debited is Debited.YES:
        budget.charged(job.operation, decision.amount)
    if weighed.verdict.balance is not None:
        lane.account.funds.state(weighed.verdict.balance, admission.operation.unit)
    stored = lane.shared.store.settle(_settlement(lane, admission, attempt, weighed, requeue))
    if decision.event in (JobEvent.RETRY, JobEvent.RELEASE):
        lane.feed.requeued(decision.due_us)
    return Settled(stored, _event(lane, admission, weighed, seconds))


def _ration(lane: Lane, job: Job, decision: Decision) -> None:
    """What the answer means for the budget of retries; a job that was released, or not sent, spent nothing."""
    retries = lane.account.retries
    if decision.event is JobEvent.SUCCEED:
        retries.succeeded(job.id)
    elif decision.spent:
        retries.spent(job.id)
    else:
        retries.spare(job.id)


def _weigh(lane: Lane, admission: Admission, answer: Answer) -> Weighed:
    operation, shared = admission.operation, lane.shared
    parsed, verdict = _read(lane, operation, answer)
    situation = Situation(
        policy=shared.options.in_doubt,
        retry=lane.provider.retry,
        proven=operation.key in shared.proven,
        shut=lane.gate.shut,
        probe=admission.leave.probe,
        spared=lane.gate.spares(admission.job.id),
        now_us=shared.clock.now_us(),
        chance=shared.randomness.uniform(),
        streak=0 if verdict.halt_after is None else shared.streaks.length(operation.key, verdict.rule),
        held=admission.hold.amount,
    )
    decision = decide(admission.job, operation, answer, verdict, situation)
    return Weighed(
        answer=answer,
        verdict=verdict,
        situation=situation,
        decision=decision,
        outcome=_outcome(operation, decision, parsed),
        action=Action.HALT if decision.lane is LaneMove.HALT else verdict.action,
    )


def _set_aside(lane: Lane, answer: Answer, reason: str) -> Weighed:
    """A row whose file is gone, say: no rule speaks of it, and the provider saw nothing."""
    decision = unsendable(reason)
    situation = Situation(
        policy=lane.shared.options.in_doubt,
        retry=lane.provider.retry,
        proven=False,
        shut=lane.gate.shut,
        probe=False,
        now_us=lane.shared.clock.now_us(),
        chance=0.0,
    )
    return Weighed(
        answer=answer,
        verdict=Verdict(rule=reason, action=Action.FAIL, debited=Debited.NO, recognised=True),
        situation=situation,
        decision=decision,
        outcome=Outcome(reason=reason, final=False),
        action=Action.FAIL,
    )


def _count(lane: Lane, job: Job, attempt: AttemptId, weighed: Weighed) -> tuple[AttemptId, ...]:
    """Keep the streak of the operation; when it trips, the attempts whose jobs were judged too early."""
    streaks, decision, verdict = lane.shared.streaks, weighed.decision, weighed.verdict
    if decision.lane is LaneMove.NOTHING:
        return ()
    if decision.lane is LaneMove.HALT and verdict.action in (Action.FAIL, Action.RETRY):
        return streaks.trip(job.operation, verdict.rule)
    # One that no longer halts would only grow: a list of a million rows may be out of scope from end to end.
    halts = verdict.halt_after is not None and not (verdict.unproven_halt and weighed.situation.proven)
    if halts and decision.event in (JobEvent.FAIL, JobEvent.RETRY):
        streaks.extend(job.operation, verdict.rule, attempt)
    elif decision.event in (JobEvent.SUCCEED, JobEvent.FAIL):
        streaks.end(job.operation)
    return ()


def _settlement(
    lane: Lane, admission: Admission, attempt: AttemptId, weighed: Weighed, requeue: tuple[AttemptId, ...]
) -> Settlement:
    verdict, decision = weighed.verdict, weighed.decision
    # Here, and not in the store: what is not to be kept is in no file beside the database either.
    stripped = lane.provider.store is Kept.FIELDS and weighed.answer.status is not None
    return Settlement(
        attempt=attempt,
        client_request_id=admission.client_request_id,
        job=admission.job.id,
        closed_us=weighed.situation.now_us,
        answer=replace(weighed.answer, headers=(), body=b"") if stripped else weighed.answer,
        rule=verdict.rule,
        action=weighed.action,
        debited=decision.debited,
        amount=decision.amount,
        error_code=verdict.error_code,
        error_message=verdict.error_message,
        provider_request_id=verdict.provider_request_id,
        wait_seconds=_wait_seconds(lane, decision, weighed.situation),
        event=decision.event,
        spent=decision.spent,
        due_us=decision.due_us,
        outcome=weighed.outcome,
        released_from_doubt=decision.released_from_doubt,
        requeue=requeue,
        balance=verdict.balance,
        stripped=stripped,
    )


def _event(lane: Lane, admission: Admission, weighed: Weighed, seconds: float) -> AttemptClosed:
    job, decision = admission.job, weighed.decision
    return AttemptClosed(
        batch=job.batch,
        at_us=weighed.situation.now_us,
        provider=lane.provider.name,
        operation=job.operation,
        job=job.id,
        number=job.attempts + 1,
        status=weighed.answer.status,
        fault=weighed.answer.fault,
        rule=weighed.verdict.rule,
        action=weighed.action,
        debited=decision.debited,
        amount=decision.amount,
        unit=admission.operation.unit,
        event=decision.event,
        seconds=seconds,
        balance=weighed.verdict.balance,
        due_us=(decision.due_us or None) if decision.event is JobEvent.RETRY else None,
    )


def withdraw(lane: Lane, admission: Admission, attempt: AttemptId) -> Settled:
    """The lane shut while the intent was being committed: nothing is sent, nothing counts."""
    job = admission.job
    lane.own.over(admission.flight, sent=False)
    lane.shared.budget.give_back(admission.hold)
    lane.leave(admission.leave)
    lane.account.retries.spare(job.id)
    lane.shared.opened.discard(job.id)
    stored = lane.shared.store.settle(
        Settlement.withdrawn(
            attempt=attempt,
            client_request_id=admission.client_request_id,
            job=job.id,
            closed_us=lane.shared.clock.now_us(),
        )
    )
    lane.feed.requeued(0)
    return Settled(stored, None)


def _read(lane: Lane, operation: Operation, answer: Answer) -> tuple[Any, Verdict]:
    """Parse and classify. Whatever goes wrong here, the answer itself is stored: it may have been paid for."""
    try:
        parsed = parse_body(answer)
        return parsed, classify(lane.provider, operation, answer, parsed)
    except Exception as error:  # a defect of ours must not lose what the provider sent
        verdict = Verdict(
            rule="unrecognised",
            action=Action.HALT,
            debited=Debited.UNKNOWN,
            recognised=False,
            error_message=f"{type(error).__name__} while reading the answer",
            advice="The answer is stored. Please report this with `runner explain`.",
        )
        return None, verdict


def _outcome(operation: Operation, decision: Decision, parsed: Any) -> Outcome | None:
    if decision.event is JobEvent.SUCCEED:
        found, columns = project(operation, parsed)
        return Outcome(reason=decision.reason, final=True, found=found, columns=columns)
    if decision.event in (JobEvent.FAIL, JobEvent.DOUBT):
        return Outcome(reason=decision.reason, final=decision.final)
    return None


def _wait_seconds(lane: Lane, decision: Decision, situation: Situation) -> float | None:
    """How long this answer makes the job or its lane wait; None: not at all."""
    if decision.event not in (JobEvent.RETRY, JobEvent.RELEASE):
        return None
    waits = [(decision.due_us - situation.now_us) / 1e6] if decision.due_us else []
    if decision.event is JobEvent.RELEASE and lane.gate.closed is None and lane.gate.shut is not None:
        waits.append(max(0.0, lane.gate.until - lane.shared.clock.monotonic()))
    return max(waits, default=None)
