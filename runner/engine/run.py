"""A run: all lanes of a batch at work in one task group, until nothing is left or something stops them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from runner.domain.ledger import Budget
from runner.domain.model import BatchId, Job, RunId
from runner.domain.provider import Limit, Operation, Provider
from runner.engine.attempt import admit, carry_out
from runner.engine.events import RunStarted, RunStopping
from runner.engine.gate import Pass
from runner.engine.lane import Lane, Shared
from runner.engine.ports import Clock, JobStore, LaneReport, Observer, Randomness, RunOptions, Transport
from runner.engine.settling import Settled, told
from runner.engine.stop import StopSignal
from runner.engine.throttle import Throttle, longest_seconds

WISHES_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSetup:
    """One provider account of a run: what the engine is given to work with."""

    provider: Provider
    operations: Sequence[Operation]
    transport: Transport
    account: str  # fingerprint of base URL and key


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """How a run ended. What it did is in the store."""

    stop_reason: str | None  # the StopSignal's reason: nobody stopped it if None
    lanes: tuple[LaneReport, ...]  # as they ended: done, halted, parked; with the cap's name as reason of a done lane
    queued: bool  # some job still waits


async def run_batch(
    *,
    batch: BatchId,
    run: RunId,
    lanes: Sequence[LaneSetup],
    store: JobStore,
    clock: Clock,
    randomness: Randomness,
    options: RunOptions,
    observer: Observer,
    stop: StopSignal,
) -> RunSummary:
    """Work on one batch until it is done, halted, parked, capped or stopped.

    Nothing on the wire is ever cancelled: a stop drains. Raises StoreError when the store fails; a provider's trouble
    is in the summary.
    """
    budget = await _budget(store, batch, options)
    shared = Shared(
        run=run,
        batch=batch,
        store=store,
        clock=clock,
        randomness=randomness,
        options=options,
        budget=budget,
        stop=stop,
        observer=observer,
        proven=set(await store.proven(batch)),
    )
    last = {report.provider: report for report in await store.lanes(batch)}
    working = shared.lanes = [await _lane(setup, shared, last) for setup in lanes]
    observer(RunStarted(batch=batch, at_us=clock.now_us(), providers=tuple(lane.provider.name for lane in working)))
    with ExitStack() as undo:
        for lane in working:
            undo.callback(stop.listen(lane.interrupt))
        undo.callback(stop.listen(lambda: _tell_stopping(shared, working)))
        try:
            await _work(shared, working)
        except BaseExceptionGroup as group:
            raise _cause(group) from group
        finally:
            with anyio.CancelScope(shield=True):
                for lane in working:
                    await lane.feed.close()
                    await lane.flush_reports()
    queued = False
    for lane in working:
        queued = queued or await store.next_due(batch, tuple(lane.operations)) is not None
    reports = tuple(lane.snapshot(None) for lane in working)
    return RunSummary(stop_reason=stop.reason, lanes=reports, queued=queued)


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first thing that went wrong, out of the task groups' wrapping."""
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf


async def _budget(store: JobStore, batch: BatchId, options: RunOptions) -> Budget:
    budget = Budget(max_requests=options.max_requests, max_spend=options.max_spend)
    for spent in await store.spending(batch):
        budget.carry(spent.provider, requests=spent.requests, debited=spent.debited, in_doubt=spent.in_doubt)
    return budget


async def _lane(setup: LaneSetup, shared: Shared, last: Mapping[str, LaneReport]) -> Lane:
    provider, options = setup.provider, shared.options
    limits = list(provider.limits)
    if options.rate is not None:
        limits.append(Limit(at_most=options.rate[0], per_seconds=options.rate[1]))
    throttle = Throttle(limits, clock=shared.clock, pace=provider.pace)
    since_us = shared.clock.now_us() - round(longest_seconds(limits) * 1e6)
    if limits:
        throttle.restore(await shared.store.recent(setup.account, since_us))
    lane = Lane(
        provider,
        {operation.key: operation for operation in setup.operations},
        shared=shared,
        transport=setup.transport,
        throttle=throttle,
        account=setup.account,
        workers=min(provider.in_flight, options.in_flight or provider.in_flight),
    )
    lane.resume(last.get(provider.name))
    return lane


def _tell_stopping(shared: Shared, lanes: Sequence[Lane]) -> None:
    in_flight = sum(lane.active for lane in lanes)
    at_us = shared.clock.now_us()
    shared.observer(RunStopping(batch=shared.batch, at_us=at_us, reason=shared.stop.reason or "", in_flight=in_flight))


async def _work(shared: Shared, lanes: Sequence[Lane]) -> None:
    async with anyio.create_task_group() as background:
        background.start_soon(_listen, shared, lanes)
        async with anyio.create_task_group() as workers:
            for lane in lanes:
                lane.report(None)
                for _ in range(lane.workers):
                    workers.start_soon(_worker, lane)
        background.cancel_scope.cancel()


async def _listen(shared: Shared, lanes: Sequence[Lane]) -> None:
    """Twice a second: what another terminal asked for, and work that was added meanwhile."""
    visible = (await shared.store.wishes(shared.batch)).visible_job
    while shared.stop.reason is None:
        await shared.clock.sleep_until(shared.clock.monotonic() + WISHES_SECONDS)
        wishes = await shared.store.wishes(shared.batch)
        if wishes.requested_state is not None:
            shared.stop.set(f"requested:{wishes.requested_state}")
        if wishes.visible_job != visible:
            visible = wishes.visible_job
            for lane in lanes:
                lane.feed.look_again()
                lane.wake()
        for lane in lanes:
            await _look_for_decisions(lane)
            await lane.flush_reports()


async def _look_for_decisions(lane: Lane) -> None:
    """A retry, or a doubt resolved in another terminal, puts jobs back that an idle lane would not look for."""
    if not lane.stopped() and lane.feed.dry:
        due_us = await lane.shared.store.next_due(lane.shared.batch, tuple(lane.operations))
        if due_us is not None and due_us <= lane.shared.clock.now_us():
            lane.idle = False
            lane.feed.look_again()
            lane.wake()


async def _worker(lane: Lane) -> None:
    """One slot of a lane: takes a job, makes an attempt, again and again."""
    settled: Settled | None = None
    try:
        with anyio.CancelScope() as scope:  # one for all its attempts: making one costs more than a decision
            while not lane.stopped():
                # All else below may go round without waiting: a cancelled caller must not pay for one more job.
                await checkpoint_if_cancelled()
                leave = lane.gate.enter(lane.shared.clock.monotonic())
                if leave is None:
                    await told(lane, settled)
                    if not lane.stopped():
                        await _wait_for_gate(lane)
                    continue
                job = None if leave.probe else lane.feed.ready()
                if job is None:
                    await told(lane, settled)
                    job = await _take(lane, leave)
                if job is None:
                    lane.gate.leave(leave)
                    await _wait_for_work(lane)
                    continue
                lane.active += 1
                lane.idle = False
                admission = None
                try:
                    admission = await admit(lane, leave, job, settled)
                    if admission is not None:
                        scope.shield = True
                        settled = await carry_out(lane, admission, settled)
                finally:
                    scope.shield = False
                    lane.active -= 1
                    if admission is not None and not lane.active:
                        lane.wake()  # not after a refusal: two workers at a cap would wake each other without end
    finally:
        await told(lane, settled)
        await lane.flush_reports()


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
    return await lane.feed.take()


async def _wait_for_gate(lane: Lane) -> None:
    await lane.flush_reports()
    if not lane.stopped():
        await lane.sleep(lane.gate.wake_at())


async def _wait_for_work(lane: Lane) -> None:
    """Nothing is due: until something comes back or falls due; the last one out says that the lane is done."""
    await lane.flush_reports()
    if lane.stopped() or not lane.feed.dry:
        return
    if lane.feed.next_due_us is None and not lane.active:
        lane.idle = True
        lane.shared.finish_when_idle()
        if lane.stopped():
            return
    wake_at = lane.feed.wake_at()
    await lane.sleep(wake_at)
    if wake_at is not None and lane.shared.clock.monotonic() >= wake_at:
        lane.feed.look_again()
