"""A run: the lanes of its batches at work, until nothing is left or something stops them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import anyio

from runner.domain.model import BatchId, RunId
from runner.domain.provider import Operation, Provider
from runner.engine.account import Account, SharedLane
from runner.engine.budgets import Budgets
from runner.engine.closing import Closing, keep_to
from runner.engine.events import RunStarted, RunStopping
from runner.engine.faultpoints import FaultPoint, no_fault
from runner.engine.lane import Lane
from runner.engine.listening import listen
from runner.engine.permit import OwnPace
from runner.engine.ports import Clock, JobStore, LaneReport, Observer, Randomness, RunOptions, Transport
from runner.engine.realtime import RealTime
from runner.engine.shared import Shared
from runner.engine.stop import StopSignal
from runner.engine.tuning import Reread, Tuning, most_in_flight, own_limits
from runner.engine.waiting import Pending
from runner.engine.watchdog import Watchdog
from runner.engine.worker import worker

PACE_KEPT_SECONDS = 600.0
"""So long the next run on an account keeps to the pace that an earlier one learned."""


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
    followed: bool = False  # it would have waited for more
    resume_at_us: int | None = None  # when the first cap that ended a lane has room again by itself


class Accounts:
    """The provider accounts of a run, shared by all its batches."""

    def __init__(self) -> None:
        self._known: dict[str, Account] = {}
        self._time: RealTime | None = None
        self.budgets = Budgets()

    def time(self, clock: Clock) -> RealTime:
        """The time of the run, over the machine's `clock`: one for all its batches."""
        if self._time is None:
            self._time = RealTime(clock)
        return self._time

    def lanes(self) -> list[SharedLane]:
        """Those at work, of all batches."""
        return [lane for account in self._known.values() for lane in account.lanes]

    def of(self, setup: LaneSetup, *, clock: RealTime) -> Account:
        """The account of a lane, made on first use."""
        if setup.account not in self._known:
            self._known[setup.account] = Account(setup.provider, setup.account, clock=clock)
        return self._known[setup.account]


async def prepare(
    *,
    batch: BatchId,
    run: RunId,
    lanes: Sequence[LaneSetup],
    accounts: Accounts,
    store: JobStore,
    clock: Clock,
    randomness: Randomness,
    options: RunOptions,
    observer: Observer,
    stop: StopSignal,
    fault_point: FaultPoint = no_fault,
    name: str = "",
    closing: Closing | None = None,
    reread: Reread | None = None,
) -> BatchRun:
    """A batch (`name`: as people know it) with its lanes onto `accounts`, as earlier runs left them; nothing is sent.
    `closing`: when the run ends whatever is left. `reread`: the options that hold once a person changed what is kept
    with the batch.

    Prepare all batches of a run before the first one works: what any of them was told holds for the account.
    """
    time = accounts.time(clock)
    operations: dict[str, list[Operation]] = {}
    for setup in lanes:
        time.listen(setup.transport.forget_idle)
        operations.setdefault(setup.account, []).extend(setup.operations)
    shared = Shared(
        run=run,
        batch=batch,
        name=name,
        store=store,
        asked=Pending(clock),
        clock=time,
        randomness=randomness,
        options=options,
        budget=await accounts.budgets.of(batch, operations, options, store=store, clock=time),
        stop=StopSignal(),
        observer=observer,
        fault_point=fault_point,
        proven=set(await store.proven(batch)),
    )
    last = {report.provider: report for report in await store.lanes(batch)}
    for setup in lanes:
        account = accounts.of(setup, clock=time)
        lane = await _lane(setup, shared, account)
        asked = await store.asked_to_wait(setup.provider.name, time.now_us())
        lane.resume(last.get(setup.provider.name), asked)
        await _resume_pace(setup.provider, account, store, time)
        account.lanes.append(lane)
        shared.lanes.append(lane)
    return BatchRun(shared, stop, accounts, closing or Closing(clock), reread or (lambda _: shared.options))


class BatchRun:
    """One batch of a run. Asked to pause or cancel, it stops alone; `stop` ends all."""

    def __init__(self, shared: Shared, stop: StopSignal, accounts: Accounts, closing: Closing, reread: Reread) -> None:
        self._shared = shared
        self._stop = stop
        self._accounts = accounts
        self._closing = closing
        self._reread = reread

    async def work(self) -> RunSummary:
        """Until the batch is done, halted, parked, capped or stopped.

        Nothing on the wire is ever cancelled: a stop drains. Raises StoreError when the store fails; a provider's
        trouble is in the summary.
        """
        shared, working = self._shared, self._shared.lanes
        for lane in working:
            lane.resume_halt()
        providers = tuple(lane.provider.name for lane in working)
        at_us = shared.clock.now_us()
        shared.observer(RunStarted(batch=shared.batch, at_us=at_us, providers=providers, name=shared.name))
        with ExitStack() as undo:
            undo.callback(self._stop.listen(self._pass_on))
            undo.callback(self._leave)
            for lane in working:
                undo.callback(shared.stop.listen(lane.interrupt))
            undo.callback(shared.stop.listen(self._tell_stopping))
            if self._stop.reason is not None:
                self._pass_on()
            watchdog = Watchdog(shared, self._accounts.lanes, self._stop)
            try:
                async with anyio.create_task_group() as guarded:
                    guarded.start_soon(watchdog.watch)
                    try:
                        await _work(shared, working, self._closing, self._reread)
                    finally:
                        await self._give_back()
                    queued = await self._is_queued()
                    guarded.cancel_scope.cancel()
            except BaseExceptionGroup as group:
                raise cause(group) from group
            watchdog.bark()
            reports = tuple(lane.snapshot(None) for lane in working)
        resume_at_us = min((lane.resume_at_us for lane in working if lane.resume_at_us is not None), default=None)
        return RunSummary(
            stop_reason=shared.stop.reason,
            lanes=reports,
            queued=queued,
            followed=shared.options.follow,
            resume_at_us=resume_at_us,
        )

    async def _give_back(self) -> None:
        """What was claimed and not sent; what is stored and not told."""
        for lane in self._shared.lanes:
            if not lane.abandoned:
                with lane.shielded():
                    await lane.feed.close()
                    await lane.flush_reports()

    async def _is_queued(self) -> bool:
        shared = self._shared
        for lane in shared.lanes:
            due_us = await shared.asked.on(shared.store.next_due(shared.batch, tuple(lane.operations)))
            if due_us is not None:
                return True
        return False

    def _pass_on(self) -> None:
        self._shared.stop.set(self._stop.reason or "")

    def _leave(self) -> None:
        """What happens on the accounts from now on is no matter of this batch; its turn is the others'."""
        for lane in self._shared.lanes:
            lane.account.lanes.remove(lane)
            for other in lane.account.lanes:
                other.wake()

    def _tell_stopping(self) -> None:
        shared = self._shared
        in_flight = sum(len(lane.wire) for lane in shared.lanes)
        at_us, reason = shared.clock.now_us(), shared.stop.reason or ""
        shared.observer(RunStopping(batch=shared.batch, at_us=at_us, reason=reason, in_flight=in_flight))


def cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first thing that went wrong, out of the task groups' wrapping."""
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf


async def _lane(setup: LaneSetup, shared: Shared, account: Account) -> Lane:
    provider, options = setup.provider, shared.options
    throttle, own_throttle = await account.pace(own_limits(provider, account, options), shared.store)
    return Lane(
        provider,
        {operation.key: operation for operation in setup.operations},
        shared=shared,
        transport=setup.transport,
        throttle=throttle,
        own=OwnPace(own_throttle),
        account=account,
        workers=most_in_flight(provider, options),
    )


async def _resume_pace(provider: Provider, account: Account, store: JobStore, clock: Clock) -> None:
    """As slow as an earlier run was told to go a short while ago, on whatever batch."""
    if account.adaptation.slowed:
        return
    last = await store.slowed(provider.name, clock.now_us() - round(PACE_KEPT_SECONDS * 1e6))
    if last is not None:
        account.adaptation.resume(last.share, last.found)


async def _work(shared: Shared, lanes: Sequence[Lane], closing: Closing, reread: Reread) -> None:
    async with anyio.create_task_group() as background:
        background.start_soon(keep_to, closing, shared, lanes)  # first: what is over before it began sends nothing
        async with anyio.create_task_group() as workers:
            tuning = Tuning(shared, lanes, reread, hire=lambda lane: workers.start_soon(worker, lane))
            background.start_soon(listen, shared, lanes, tuning)
            for lane in lanes:
                lane.report(None)
                for _ in range(lane.workers):
                    workers.start_soon(worker, lane)
        background.cancel_scope.cancel()
