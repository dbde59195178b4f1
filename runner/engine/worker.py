"""A worker: one slot's worth of a lane. Takes a turn, makes an attempt, again and again."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from runner.domain.ledger import Refusal
from runner.domain.model import Job
from runner.engine.attempt import admit, carry_out
from runner.engine.gate import Pass
from runner.engine.knocking import knock
from runner.engine.lane import Lane
from runner.engine.permit import Permit
from runner.engine.settling import Settled, told
from runner.errors import StoreError

CAP_SECONDS = 1.0
"""How often a lane at its cap looks again while requests are in flight that may turn out not to be charged."""


async def worker(lane: Lane) -> None:
    """Work until the lane is done, shut for the rest of the run, or asked to stop."""
    settled: Settled | None = None
    permit = lane.own.permit()
    try:
        with _failing(lane), lane.at_work() as scope:
            while not lane.stopped() and not lane.surplus():
                # All else below may go round without waiting: a cancelled caller must not pay for one more job.
                await checkpoint_if_cancelled()
                if lane.feed.dry or not permit.held:
                    await told(lane, settled)
                    await _wait_for_turn(lane, permit)
                    continue
                leave = lane.gate.enter(lane.shared.clock.monotonic())
                if leave is None:
                    await told(lane, settled)
                    await _wait_for_gate(lane)
                    continue
                if not await _slot(lane, leave, settled):
                    continue
                refusal = None
                try:
                    job = None if leave.probe else lane.feed.ready()
                    if job is None:
                        await told(lane, settled)
                        job = await _take(lane, leave)
                    if job is None:
                        lane.leave(leave)
                        continue
                    settled, refusal = await _attempt(lane, leave, job, permit, scope, settled)
                finally:
                    lane.account.slots.give()
                if refusal is not None:
                    await _wait_at_cap(lane)
    finally:
        permit.close()
        lane.wake()  # what this one would have done next is another's now
        await told(lane, settled)
        await lane.flush_reports()


@contextmanager
def _failing(lane: Lane) -> Generator[None]:
    """A failing store ends the run at once, as a stop does: what others have opened and not sent is withdrawn."""
    try:
        yield
    except StoreError:
        if lane.shared.stop.reason is None:
            lane.shared.stop.set("store")
        raise


async def _wait_for_turn(lane: Lane, permit: Permit) -> None:
    """What concerns this batch alone is waited for before gate and slot: other batches must not wait for it too."""
    if lane.feed.dry:
        permit.give_back()
        await _wait_for_work(lane)
    else:
        lane.limited = True
        await lane.queue(permit.take)


async def _slot(lane: Lane, leave: Pass, settled: Settled | None) -> bool:
    """A slot of the account, in turn with other batches. False: the lane shut meanwhile, or nobody is there."""
    if lane.gate.knocks(leave, lane.shared.clock.monotonic()):
        await told(lane, settled)
        if not await knock(lane, leave):
            return False
    slots = lane.account.slots
    if not slots.take_now(lane):
        await told(lane, settled)
        if not await lane.queue(partial(slots.take, lane)):
            lane.leave(leave)
            return False
    return True


async def _attempt(
    lane: Lane, leave: Pass, job: Job, permit: Permit, scope: anyio.CancelScope, settled: Settled | None
) -> tuple[Settled | None, Refusal | None]:
    """One attempt, if nothing refuses it: what is not told yet, and the cap that has no room for it at the moment."""
    lane.active += 1
    lane.idle = False
    lane.shared.taken_up()
    sent = False
    try:
        admission = await admit(lane, leave, job, permit, settled)
        lane.refused = isinstance(admission, Refusal)
        if isinstance(admission, Refusal):
            return settled, admission
        if admission is not None:
            sent = scope.shield = True
            settled = await carry_out(lane, admission, settled)
        return settled, None
    finally:
        scope.shield = False
        lane.active -= 1
        another = lane.feed.over(job)
        if sent and (another or not lane.active):
            lane.wake()  # not after a refusal: two workers at a cap would wake each other without end


async def _take(lane: Lane, leave: Pass) -> Job | None:
    """The next job; a probe takes the one whose answer will tell."""
    gate, job = lane.gate, None
    if leave.probe and gate.probe_job is not None:
        job = await lane.feed.take_only(gate.probe_job)
    elif leave.probe and gate.probe_after is not None:
        operation, after = gate.probe_after
        job = await lane.feed.take_next(operation, after=after)
    if job is not None:
        return job
    return await (lane.feed.take_probe() if leave.probe else lane.feed.take())


async def _wait_at_cap(lane: Lane) -> None:
    if not lane.stopped():
        await lane.sleep(lane.shared.clock.monotonic() + CAP_SECONDS, at_cap=True)


async def _wait_for_gate(lane: Lane) -> None:
    await lane.flush_reports()
    if not lane.stopped():
        await lane.sleep(lane.gate.wake_at())


async def _wait_for_work(lane: Lane) -> None:
    """Nothing is due: until something comes back or falls due; the last one out says that the lane is done."""
    await lane.flush_reports()
    if lane.stopped() or not lane.feed.dry:
        return
    lane.idle = await _is_idle(lane)
    if lane.idle:
        lane.shared.finish_when_idle()
    if lane.stopped() or not lane.feed.dry:
        return
    wake_at = lane.feed.wake_at()
    await lane.sleep(wake_at)
    if wake_at is not None and lane.shared.clock.monotonic() >= wake_at:
        lane.feed.look_again()


async def _is_idle(lane: Lane) -> bool:
    """Nothing is queued, nothing in flight. The store is asked once more, by whoever comes to that first."""
    if lane.feed.next_due_us is not None or lane.active:
        return False
    return lane.idle or (await lane.feed.is_over() and not lane.active)
