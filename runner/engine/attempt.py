"""One attempt, in order: the heart.

Gate, slot, hold and rate come first; then a second look; then the intent is committed; then a third look; then the
one request. From the commit on nothing is cancelled. The answer is weighed and stored in one transaction, and only
then told.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, NamedTuple

import anyio

from runner.domain.body import parse_body
from runner.domain.columns import project
from runner.domain.decide import Decision, LaneMove, Situation, decide
from runner.domain.ledger import Hold, Refusal
from runner.domain.model import (
    UNSENT,
    Action,
    Amount,
    Answer,
    AttemptId,
    Debited,
    Fault,
    Job,
    Outcome,
    Request,
    Verdict,
)
from runner.domain.provider import Operation
from runner.domain.rules import classify
from runner.domain.states import JobEvent
from runner.engine.consequences import apply
from runner.engine.events import AttemptClosed
from runner.engine.gate import Pass
from runner.engine.lane import Lane
from runner.engine.ports import Opening, Settlement, UnsendableError


@dataclass(slots=True)
class Settled:
    """An answer on its way into the store: told, once, when it is there."""

    stored: Awaitable[None]
    event: AttemptClosed | None
    told: bool = False


async def told(lane: Lane, settled: Settled | None) -> None:
    """Wait until it is stored, then tell observers. Never interrupted: what was paid for is kept."""
    if settled is not None and not settled.told:
        with anyio.CancelScope(shield=True):
            await _told(lane, settled)


async def _told(lane: Lane, settled: Settled | None) -> None:
    if settled is not None and not settled.told:
        await settled.stored
        settled.told = True
        if settled.event is not None:
            lane.shared.observer(settled.event)


class Admission(NamedTuple):
    """A job with everything it needs to be sent: a pass, room under the caps, and a permit of the throttle."""

    leave: Pass
    job: Job
    operation: Operation
    hold: Hold


async def admit(lane: Lane, leave: Pass, job: Job, before: Settled | None) -> Admission | None:
    """Hold, rate and the second look; None if refused (everything is given back, the job is back in its feed).

    `before` is this worker's last answer: it is told before any longer wait.
    """
    operation = lane.operations[job.operation]
    hold = lane.shared.budget.hold(lane.provider.name, operation.hold)
    if isinstance(hold, Refusal):
        await told(lane, before)
        await _over_the_cap(lane, leave, job, hold)
        return None
    if not lane.throttle.try_acquire():
        await told(lane, before)
        lane.limited = True
        if not await lane.queue(lane.throttle.acquire):
            lane.shared.budget.give_back(hold)
            _put_back(lane, leave, job)
            return None
    if not lane.may_send(leave) or lane.shared.limit_reached(job):
        lane.throttle.give_back()
        lane.shared.budget.give_back(hold)
        _put_back(lane, leave, job)
        if lane.shared.limit_reached(job):
            lane.cap("limit")
        return None
    if lane.shared.options.limit is not None:
        lane.shared.opened.add(job.id)
    return Admission(leave=leave, job=job, operation=operation, hold=hold)


def _put_back(lane: Lane, leave: Pass, job: Job) -> None:
    lane.feed.put_back(job)
    lane.gate.leave(leave)


async def _over_the_cap(lane: Lane, leave: Pass, job: Job, refusal: Refusal) -> None:
    """Requests in flight may still turn out not to be charged: wait for them; else this lane is done."""
    _put_back(lane, leave, job)
    if refusal.final:
        lane.cap(refusal.cap)
    else:
        lane.active -= 1
        await lane.sleep(lane.shared.clock.monotonic() + 1.0)
        lane.active += 1


async def carry_out(lane: Lane, admission: Admission, before: Settled | None) -> Settled:
    """Commit the intent, look a third time, send the one request, and hand its answer to the store.

    Run it shielded: from the commit on, a cancelled task would lose what may have been paid for. The commit of
    `before` rides with the one that opens this attempt, so that the two cost one wait.
    """
    shared = lane.shared
    leave, job, operation, hold = admission.leave, admission.job, admission.operation, admission.hold
    client_request_id = shared.randomness.attempt_id()
    request, refused = _prepare(lane, operation, job, client_request_id)
    opening = Opening(
        run=shared.run,
        job=job.id,
        batch=job.batch,
        operation=job.operation,
        provider=lane.provider.name,
        account=lane.account,
        number=job.attempts + 1,
        opened_us=shared.clock.now_us(),
        timeout_seconds=lane.provider.http.timeout_seconds,
        client_request_id=client_request_id,
        method=operation.method,
        path=request.path if request is not None else operation.path,
        held=hold.amount,
        unit=operation.unit,
    )
    attempt = await shared.store.open(opening)
    await _told(lane, before)
    if not lane.may_send(leave):
        return _withdraw(lane, leave, job, hold, attempt)
    started = shared.clock.monotonic()
    answer = refused if request is None else await lane.transport.send(request)
    seconds = shared.clock.monotonic() - started
    if answer.fault is None or answer.fault not in UNSENT:
        lane.throttle.finish()
    else:
        lane.throttle.give_back()
    return _settle(lane, leave, job, operation, hold, attempt, answer, seconds)


def _prepare(lane: Lane, operation: Operation, job: Job, attempt_id: str) -> tuple[Request | None, Answer]:
    try:
        return lane.transport.prepare(operation, job.params, attempt_id=attempt_id), Answer()
    except UnsendableError as error:
        return None, Answer(fault=Fault.INVALID, detail=str(error))


def _withdraw(lane: Lane, leave: Pass, job: Job, hold: Hold, attempt: AttemptId) -> Settled:
    """The lane shut while the intent was being committed: nothing is sent, nothing counts."""
    lane.throttle.give_back()
    lane.shared.budget.give_back(hold)
    lane.gate.leave(leave)
    lane.shared.opened.discard(job.id)
    stored = lane.shared.store.settle(
        Settlement(
            attempt=attempt,
            job=job.id,
            closed_us=lane.shared.clock.now_us(),
            answer=Answer(fault=Fault.WITHDRAWN),
            rule="withdrawn",
            action=None,
            debited=Debited.NO,
            amount=Amount(0),
            error_code=None,
            error_message=None,
            provider_request_id=None,
            wait_seconds=None,
            event=JobEvent.RELEASE,
            spent=False,
            due_us=0,
            outcome=None,
        )
    )
    lane.feed.requeued(0)
    return Settled(stored, None)


def _settle(
    lane: Lane,
    leave: Pass,
    job: Job,
    operation: Operation,
    hold: Hold,
    attempt: AttemptId,
    answer: Answer,
    seconds: float,
) -> Settled:
    """Weigh the answer, move the lane in memory at once, and hand everything to the store as one transaction."""
    shared = lane.shared
    parsed, verdict = _read(lane, operation, answer)
    situation = Situation(
        policy=shared.options.in_doubt,
        retry=lane.provider.retry,
        proven=operation.key in shared.proven,
        shut=lane.gate.shut,
        probe=leave.probe,
        now_us=shared.clock.now_us(),
        chance=shared.randomness.uniform(),
    )
    decision = decide(job, operation, answer, verdict, situation)
    apply(lane, decision, verdict, answer, job, leave)
    # What was done is kept: a rule that fails a row halts instead while its operation is unproven.
    action = Action.HALT if decision.lane is LaneMove.HALT else verdict.action
    sent = answer.fault not in UNSENT
    shared.budget.settle(hold, sent=sent, debited=decision.debited, amount=decision.amount)
    stored = shared.store.settle(
        Settlement(
            attempt=attempt,
            job=job.id,
            closed_us=situation.now_us,
            answer=answer,
            rule=verdict.rule,
            action=action,
            debited=decision.debited,
            amount=decision.amount,
            error_code=verdict.error_code,
            error_message=verdict.error_message,
            provider_request_id=verdict.provider_request_id,
            wait_seconds=_wait_seconds(lane, decision, situation),
            event=decision.event,
            spent=decision.spent,
            due_us=decision.due_us,
            outcome=_outcome(operation, decision, parsed),
            released_from_doubt=decision.released_from_doubt,
        )
    )
    if decision.event in (JobEvent.RETRY, JobEvent.RELEASE):
        lane.feed.requeued(decision.due_us)
    event = AttemptClosed(
        batch=job.batch,
        at_us=situation.now_us,
        provider=lane.provider.name,
        operation=job.operation,
        job=job.id,
        number=job.attempts + 1,
        status=answer.status,
        fault=answer.fault,
        rule=verdict.rule,
        action=action,
        debited=decision.debited,
        amount=decision.amount,
        unit=operation.unit,
        event=decision.event,
        seconds=seconds,
    )
    return Settled(stored, event)


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
    if decision.event is JobEvent.RETRY and decision.due_us:
        return (decision.due_us - situation.now_us) / 1e6
    if decision.event is JobEvent.RELEASE and lane.gate.closed is None and lane.gate.shut is not None:
        return max(0.0, lane.gate.until - lane.shared.clock.monotonic())
    return None
