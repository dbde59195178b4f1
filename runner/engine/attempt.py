"""One attempt, in order: the heart.

Gate, slot, hold and rate come first; then a second look; then the intent is committed; then a third look; then the
one request. From the commit on nothing is cancelled. The answer is weighed and stored in one transaction, and only
then told.
"""

from __future__ import annotations

from runner.domain.backoff import DAY_US, utc_day
from runner.domain.ledger import MAX_SPEND_PER_DAY, Refusal
from runner.domain.model import UNSENT, Answer, Fault, Job, Request
from runner.domain.provider import Operation
from runner.engine.gate import Pass
from runner.engine.lane import Lane
from runner.engine.permit import Permit
from runner.engine.ports import Opening, UnsendableError
from runner.engine.settling import Admission, Settled, settle, tell, told, withdraw
from runner.errors import StoreError

STALE_SECONDS = 10.0
"""An intent that took longer to be committed, to a file that another program held or while the machine slept, is
withdrawn: after a crash nobody knows when its request left, only that it was within this time of `opened_us`."""


async def admit(
    lane: Lane, leave: Pass, job: Job, permit: Permit, before: Settled | None
) -> Admission | Refusal | None:
    """Hold, rate and the second look; else everything is given back, the job to its feed: if midnight passed meanwhile
    too, for it would be paid for from another day's room. A Refusal: a cap has no room as long as requests are in
    flight.

    `before` is this worker's last answer: it is told before any longer wait.
    """
    operation = lane.operations[job.operation]
    budget, clock = lane.shared.budget, lane.shared.clock
    price, today = budget.price(operation.key, operation.hold), utc_day(clock.now_us())
    hold = budget.hold(lane.provider.name, price, unit=operation.unit, day=today)
    if isinstance(hold, Refusal):
        await told(lane, before)
        _put_back(lane, leave, job)
        if hold.final:
            of_today = hold.cap == MAX_SPEND_PER_DAY
            lane.cap(hold.cap, resume_at_us=(today + 1) * DAY_US if of_today else None)
        return None if hold.final else hold
    if not lane.throttle.try_acquire():
        await told(lane, before)
        lane.limited = True
        if not await lane.queue(lane.throttle.acquire):
            budget.give_back(hold)
            _put_back(lane, leave, job)
            return None
    opened_us = clock.now_us()
    turned = not permit.held or utc_day(opened_us) != hold.day  # another pace, another day: both have to be asked anew
    if turned or not lane.may_send(leave) or lane.shared.limit_reached(job):
        lane.throttle.give_back()
        budget.give_back(hold)
        _put_back(lane, leave, job)
        if lane.shared.limit_reached(job):
            lane.cap("limit")
        return None
    if lane.shared.options.limit is not None:
        lane.shared.opened.add(job.id)
    return Admission(
        leave=leave,
        flight=lane.flight(permit),
        job=job,
        operation=operation,
        hold=hold,
        opened_us=opened_us,
        client_request_id=lane.shared.randomness.attempt_id(),
    )


def _put_back(lane: Lane, leave: Pass, job: Job) -> None:
    lane.feed.put_back(job)
    lane.leave(leave)


async def carry_out(lane: Lane, admission: Admission, before: Settled | None) -> Settled:
    """Commit the intent, look a third time, send the one request, and hand its answer to the store.

    Run it shielded: from the commit on, a cancelled task would lose what may have been paid for. The commit of
    `before` rides with the one that opens this attempt, so that the two cost one wait.
    """
    shared = lane.shared
    leave, job, operation, hold = admission.leave, admission.job, admission.operation, admission.hold
    client_request_id = admission.client_request_id
    request, refused, unsendable = _prepare(lane, operation, job, client_request_id)
    opening = Opening(
        run=shared.run,
        job=job.id,
        batch=job.batch,
        operation=job.operation,
        provider=lane.provider.name,
        account=lane.account.fingerprint,
        number=job.attempts + 1,
        opened_us=admission.opened_us,
        within_seconds=STALE_SECONDS + lane.provider.http.timeout_seconds,
        client_request_id=client_request_id,
        method=operation.method,
        path=request.path if request is not None else operation.path,
        held=hold.amount,
        unit=operation.unit,
    )
    asked = shared.clock.monotonic()
    attempt = await shared.asked.on(shared.store.open(opening))
    shared.fault_point("opened")
    try:
        await tell(lane, before)
    except StoreError:
        withdraw(lane, admission, attempt)  # else it would be found open, and in doubt
        raise
    if not lane.may_send(leave) or shared.clock.monotonic() - asked > STALE_SECONDS:
        return withdraw(lane, admission, attempt)
    flight = admission.flight
    started = shared.clock.awake.monotonic()  # that the machine slept meanwhile says nothing of the provider
    answer = refused if request is None else await lane.wire.on(lane.transport.send(request, arrived=flight.arrived))
    seconds = shared.clock.awake.monotonic() - started
    lane.answered(seconds)
    lane.own.over(flight, sent=answer.fault not in UNSENT)
    shared.fault_point("answered")
    return settle(lane, admission, attempt, answer, seconds=seconds, unsendable=unsendable)


def _prepare(lane: Lane, operation: Operation, job: Job, attempt_id: str) -> tuple[Request | None, Answer, str | None]:
    """The request; or the answer in its place, with the reason if it is a matter of this row alone."""
    try:
        return lane.transport.prepare(operation, job.params, attempt_id=attempt_id), Answer(), None
    except UnsendableError as error:
        return None, Answer(fault=Fault.INVALID, detail=str(error)), error.reason
