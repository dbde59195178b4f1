"""Batches at work side by side: started, run by one engine, each moved to its end state when its turn is over."""

from __future__ import annotations

import os
import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import anyio

from runner.domain.model import BatchId, RunId
from runner.domain.states import BatchEvent, BatchState, JobState
from runner.engine.closing import Closing
from runner.engine.events import RunEnded, StoreTrouble
from runner.engine.ports import Observer, RunOptions
from runner.engine.run import Accounts, BatchRun, RunSummary, cause, prepare
from runner.engine.stop import StopSignal
from runner.engine.tuning import Reread
from runner.errors import StorageFullError
from runner.store.values import BatchInfo, Trouble, Wish
from runner.work.accounts import Account, Wires
from runner.work.beside import Beside
from runner.work.ending import ending, signal_exit
from runner.work.outside import elsewhere
from runner.work.status import PERSON, exit_code, worst_exit
from runner.work.tables import Goal
from runner.work.tools import Tools
from runner.work.upserts import write_all
from runner.work.wallets import Wallets
from runner.work.words import release


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """What was done for a batch before its run began, in jobs."""

    requeued: int = 0  # failures that were not final
    released: int = 0  # doubts, under `resend-once`
    reused: int = 0  # given the answer of another batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a run came to for one batch; how the batch stands is in the store."""

    exit_code: int
    run: RunId | None = None  # None: the batch was not touched
    stop_reason: str | None = None
    taken_up: TakenUp = TakenUp()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A batch that is to be worked on, under this run's options."""

    info: BatchInfo
    accounts: tuple[Account, ...]
    request_hashes: Mapping[str, str]  # by operation
    options: RunOptions
    poll_seconds: float | None = None  # `--follow`: between two looks at its list
    table: Goal | None = None  # where its rows go while they are settled
    reread: Reread  # for settings that a person changes while the run is at work


Tell = Callable[[BatchId, Ended], Awaitable[None]]
"""Called once for each batch, as soon as nothing more happens to it in this run."""


async def work_together(
    tools: Tools,
    orders: Sequence[Order],
    wires: Wires,
    *,
    observer: Observer,
    stop: StopSignal,
    tell: Tell,
    closing: Closing,
) -> None:
    """Start the batches, let the engine run, and move each to its end state. Nothing due: a batch is not touched.

    The caller holds the locks. `closing`: when the run ends whatever is left. Batches that ask the same account take
    turns, the one with the least to do first.
    """
    due = [order for order in orders if _is_due(tools, order)]
    for order in orders:
        if order not in due:
            waiting = tools.store.reports.status(order.info.id).by_state
            code = exit_code(order.info.state, order.info.reason, waiting)
            await tell(order.info.id, Ended(exit_code=code, notices=await _written(tools, order, None)))
    if not due:
        return
    due.sort(key=lambda order: _queued(tools, order))
    steering = tools.store.steering
    run = steering.start_run(
        pid=os.getpid(),
        host=platform.node(),
        version=release(),
        options=_shown(due, closing),
        asked={order.info.id: order.request_hashes for order in due},
    )
    codes: list[int] = []
    wallets = Wallets(tools, run, {order.info.id: order.accounts for order in due})

    async def ended(order: Order, summary: RunSummary | None, beside: Beside | None) -> None:
        result = _finish(tools, order.info, run, summary, stop)
        result = replace(result, notices=await _written(tools, order, beside))
        await wallets.ended(order.info.id)
        codes.append(result.exit_code)
        if summary is not None:
            left = tools.store.reports.batch(order.info.id)
            at_us = tools.clock.now_us()
            observer(RunEnded(batch=order.info.id, at_us=at_us, state=left.state.value, reason=left.reason))
        await tell(order.info.id, result)

    try:
        for order in due:
            if tools.store.reports.batch(order.info.id).state is BatchState.COMPLETED:
                steering.change(order.info.id, BatchEvent.REOPEN)
            steering.change(order.info.id, BatchEvent.START, run=run)
        await _run_all(tools, due, wires, run, observer=observer, stop=stop, ended=ended, closing=closing)
        steering.end_run(run, exit_code=worst_exit(codes))
    except StorageFullError as error:  # at its first word and its last one, too
        raise tools.store.halt(run, error) from error


async def _run_all(
    tools: Tools,
    due: Sequence[Order],
    wires: Wires,
    run: RunId,
    *,
    observer: Observer,
    stop: StopSignal,
    ended: Callable[[Order, RunSummary | None, Beside | None], Awaitable[None]],
    closing: Closing,
) -> None:
    sending = [order for order in due if (order.options.follow or _queued(tools, order)) and stop.reason is None]
    for order in due:
        if order not in sending:
            await ended(order, None, None)
    if not sending:
        return

    def trouble(what: Trouble) -> None:
        for order in sending:
            observer(StoreTrouble(batch=order.info.id, at_us=tools.clock.now_us(), reason=what.value))

    beside = {
        order.info.id: Beside(
            tools, order.info, run=run, poll_seconds=order.poll_seconds, table=order.table, observer=observer
        )
        for order in sending
    }
    async with tools.store.writing(stop=stop, tell=trouble):
        accounts = Accounts()
        ready = [
            await prepare(
                batch=order.info.id,
                run=run,
                lanes=[wires.lane(account) for account in order.accounts],
                accounts=accounts,
                store=tools.store.jobs,
                clock=tools.clock,
                randomness=tools.seams.randomness,
                options=order.options,
                observer=beside[order.info.id].observer,
                stop=stop,
                fault_point=tools.seams.fault_point,
                name=order.info.name,
                closing=closing,
                reread=order.reread,
            )
            for order in sending
        ]

        async def work(order: Order, batch: BatchRun) -> None:
            async with beside[order.info.id].at_work():
                summary = await batch.work()
            await ended(order, summary, beside[order.info.id])

        try:
            async with anyio.create_task_group() as group:
                for order, batch in zip(sending, ready, strict=True):
                    group.start_soon(work, order, batch)
        except BaseExceptionGroup as errors:
            raise cause(errors) from errors


async def _written(tools: Tools, order: Order, beside: Beside | None) -> tuple[str, ...]:
    """The table of a batch that is at its end is brought up to date; what is to be told of that."""
    if beside is not None:
        cancelled = tools.store.reports.batch(order.info.id).state is BatchState.CANCELLED
        return await beside.finish(all_rows=cancelled)
    if order.table is None:
        return ()
    return await elsewhere(tools, partial(write_all, tools, tools.store.reports.batch(order.info.id), order.table))


def _is_due(tools: Tools, order: Order) -> bool:
    """A completed batch is opened again only where something of it waits, or is waited for."""
    return order.info.state is not BatchState.COMPLETED or order.options.follow or bool(_queued(tools, order))


def _queued(tools: Tools, order: Order) -> int:
    return tools.store.reports.status(order.info.id).by_state[JobState.QUEUED]


def _finish(tools: Tools, info: BatchInfo, run: RunId, summary: RunSummary | None, stop: StopSignal) -> Ended:
    steering, reports = tools.store.steering, tools.store.reports
    stopped = None if summary is None else summary.stop_reason
    if summary is None and stop.reason is not None:  # asked to stop before the first request
        stopped = stop.reason
        summary = RunSummary(stop_reason=stopped, lanes=(), queued=True)
    end = ending(summary, reports.status(info.id).by_state)
    steering.change(info.id, end.event, run=run, reason=end.reason, resume_at_us=end.resume_at_us)
    if end.cancel:
        steering.change(info.id, BatchEvent.CANCEL, run=run, reason=PERSON)
    carry_out(tools, reports.batch(info.id))  # asked for after the engine had looked for the last time
    status = reports.status(info.id)
    codes = [exit_code(status.batch.state, status.batch.reason, status.by_state)]
    signalled = signal_exit(stopped)
    code = worst_exit(codes if signalled is None else [*codes, signalled])
    return Ended(exit_code=code, run=run, stop_reason=stopped)


def carry_out(tools: Tools, info: BatchInfo) -> BatchInfo:
    """A cancel that was asked of a run which ended before it looked."""
    if info.requested_state == Wish.CANCEL and info.state in (BatchState.READY, BatchState.PAUSED, BatchState.HALTED):
        tools.store.steering.change(info.id, BatchEvent.CANCEL, reason=PERSON)
        return tools.store.reports.batch(info.id)
    return info


def _shown(orders: Sequence[Order], closing: Closing) -> dict[str, object]:
    """The options as `v_runs` shows them: no secret is among them."""
    shown = [_options(order) for order in orders]
    ends: dict[str, object] = {"until_us": closing.until_us, "for_seconds": closing.seconds}
    return ends | (shown[0] if len(shown) == 1 else {"batches": shown})


def _options(order: Order) -> dict[str, object]:
    options = order.options
    spend = options.max_spend or {}
    return {
        "batch": order.info.name,
        "in_doubt": options.in_doubt.value,
        "max_wait_seconds": options.max_wait_seconds,
        "limit": options.limit,
        "max_requests": (options.max_requests or {}).get(None),
        "max_spend_millionths": {who or "": int(amount) for who, amount in spend.items()} or None,
        "max_spend_per_day_millionths": dict(options.max_spend_per_day or {}) or None,
        "in_flight": options.in_flight,
        "rate": options.rate,
        "max_failed": options.max_failed,
        "follow": options.follow,
    }
