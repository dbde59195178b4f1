"""`run`: locks, recovery, one engine run over a batch, its end state. What is exported after it is not its matter."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata

from runner.domain.model import BatchId, InDoubtPolicy, RunId
from runner.domain.provider import Limit, Operation, Provider
from runner.domain.states import BatchEvent, BatchState, JobState
from runner.engine.events import RunEnded
from runner.engine.ports import Clock, Observer, RunOptions
from runner.engine.run import LaneSetup, RunSummary, run_batch
from runner.engine.stop import StopSignal
from runner.errors import BusyError, ConfigError
from runner.settings import Secret
from runner.store.locks import Lock, account_fingerprint, lock_account, lock_database, wait_for
from runner.store.values import BatchInfo, Wish
from runner.work.caps import Wanted, run_options
from runner.work.ending import ending, signal_exit
from runner.work.standing import is_paused_by_person
from runner.work.status import PERSON, RESET, exit_code, worst_exit
from runner.work.steer import bury
from runner.work.tools import Tools

STEERED_SECONDS = 0.5
"""A `pause` or `retry` in another terminal holds the database for a moment: that is no run to be refused for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a run came to; how the batch stands is in the store."""

    exit_code: int
    stop_reason: str | None = None
    requeued: int = 0
    released: int = 0
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One provider account of a run, before its lane is built."""

    provider: Provider
    operations: tuple[Operation, ...]
    secret: Secret | None
    fingerprint: str


async def run(
    batch: BatchId, wanted: Wanted, *, tools: Tools, observer: Observer, stop: StopSignal, wait_seconds: float = 0.0
) -> Ended:
    """Work on a batch until it is done, halted, parked, capped or stopped.

    Before the first request: BusyError (database or account, after `wait_seconds`), ConfigError (a key), UsageError (a
    cap that cannot hold). StoreError when the database fails under way: what was in flight is then in doubt.
    """
    store, clock = tools.store, tools.clock
    info = store.reports.batch(batch)
    operations = tools.profiles.of_batch(info.operations, info.source)
    options = run_options(wanted, info.settings, tools.settings.run, operations.values())
    async with AsyncExitStack() as stack:
        take = partial(lock_database, store.path, clock=clock)
        if not await _held(stack, take, clock=clock, seconds=max(wait_seconds, STEERED_SECONDS), stop=stop):
            return _given_up(stop)
        notices = tuple(bury(store, tools.profiles))
        info, resting = _look(tools, batch)
        if resting is not None:
            return Ended(exit_code=resting, notices=notices)
        # Once more: the run before this one may have kept another cap.
        options = run_options(wanted, info.settings, tools.settings.run, operations.values())
        # Locks and keys first: what is refused here must leave the batch as it was.
        accounts = _accounts(tools, info, operations, options)
        for account in sorted(accounts, key=lambda one: one.fingerprint):
            take = partial(
                lock_account, account.fingerprint, database=store.path, clock=clock, folder=tools.seams.lock_folder
            )
            if not await _held(stack, take, clock=clock, seconds=wait_seconds, stop=stop):
                return replace(_given_up(stop), notices=notices)
        info, resting = _look(tools, batch)  # queueing for an account takes hours: what was decided meanwhile holds
        if resting is not None:
            return Ended(exit_code=resting, notices=notices)
        if kept := {name: value for name, value in wanted.kept().items() if info.settings.get(name) != value}:
            store.steering.keep(info.id, kept)
        requeued = store.steering.requeue_unfinished(info.id) if info.state is BatchState.COMPLETED else 0
        released = 0
        if options.in_doubt is InDoubtPolicy.RESEND_ONCE:
            released = store.steering.release_doubts(info.id, info.operations)
        ended = await _work(tools, info, accounts, options, observer=observer, stop=stop)
        return replace(ended, requeued=requeued, released=released, notices=notices)


async def _held(
    stack: AsyncExitStack, take: Callable[[], Lock], *, clock: Clock, seconds: float, stop: StopSignal
) -> bool:
    """Hold a lock until the stack unwinds; False when the run was asked to stop while it waited. BusyError."""
    try:
        lock = await wait_for(take, clock=clock, seconds=seconds, given_up=lambda: stop.reason is not None)
    except BusyError:
        if stop.reason is None:
            raise
        return False
    stack.enter_context(lock)
    return True


def _given_up(stop: StopSignal) -> Ended:
    return Ended(exit_code=signal_exit(stop.reason) or 5, stop_reason=stop.reason)


def _look(tools: Tools, batch: BatchId) -> tuple[BatchInfo, int | None]:
    """The batch as it stands now, and the exit code if it rests."""
    info = _carry_out(tools, tools.store.reports.batch(batch))
    return info, _resting(info, tools.clock.now_us())


def _carry_out(tools: Tools, info: BatchInfo) -> BatchInfo:
    """A cancel that was asked of a run which ended before it looked."""
    if info.requested_state == Wish.CANCEL and info.state in (BatchState.READY, BatchState.PAUSED, BatchState.HALTED):
        tools.store.steering.change(info.id, BatchEvent.CANCEL, reason=PERSON)
        return tools.store.reports.batch(info.id)
    return info


def _resting(info: BatchInfo, now_us: int) -> int | None:
    """The exit code of a batch that must not go on now: cancelled, paused by a person, or parked; else None."""
    if info.state is BatchState.CANCELLED or is_paused_by_person(info):
        return 5
    parked = info.state is BatchState.PAUSED and info.reason == RESET
    return 6 if parked and info.resume_at_us is not None and now_us < info.resume_at_us else None


def _accounts(tools: Tools, info: BatchInfo, operations: Mapping[str, Operation], options: RunOptions) -> list[Account]:
    """The accounts to work with: those with something to send, and those whose key is there in case work is added."""
    status = tools.store.reports.status(info.id)
    states = [JobState.QUEUED]
    if info.state is BatchState.COMPLETED and status.unfinished:
        states.append(JobState.FAILED)
    if options.in_doubt is InDoubtPolicy.RESEND_ONCE:
        states.append(JobState.IN_DOUBT)
    waiting_at_all = any(count[state] for count in status.jobs.values() for state in states)
    accounts: list[Account] = []
    if not waiting_at_all:
        return accounts
    for provider in tools.profiles.by_provider(operations, info.source).values():
        mine = tuple(operation for operation in operations.values() if operation.provider == provider.name)
        counts = [status.jobs[operation.key] for operation in mine if operation.key in status.jobs]
        waiting = any(count[state] for count in counts for state in states)
        try:
            secret = tools.settings.keys.of(provider)
        except ConfigError:
            if waiting:
                raise
            continue
        key = "" if secret is None else secret.reveal()
        fingerprint = account_fingerprint(provider.http.base_url, key)
        _refuse_twin(provider, [one.provider for one in accounts if one.fingerprint == fingerprint])
        accounts.append(Account(provider=provider, operations=mine, secret=secret, fingerprint=fingerprint))
    return accounts


def _refuse_twin(provider: Provider, twins: Sequence[Provider]) -> None:
    """Two lanes on one key would each keep to the limits, and both together would not."""
    for twin in twins:
        raise ConfigError(
            f"{twin.name} and {provider.name} have the same address and key",
            why="The same key is the same account: together they would ask faster than it allows.",
            fix=f'[providers.{provider.name}.http.auth] secret = {{ env = "ANOTHER_KEY" }} in runner.toml',
        )


async def _work(
    tools: Tools,
    info: BatchInfo,
    accounts: list[Account],
    options: RunOptions,
    *,
    observer: Observer,
    stop: StopSignal,
) -> Ended:
    """Start the batch, let the engine run, and move the batch to its end state. Nothing due: nothing is touched."""
    store = tools.store
    waiting = store.reports.status(info.id).by_state
    if info.state is BatchState.COMPLETED:
        if not waiting[JobState.QUEUED]:
            return Ended(exit_code=exit_code(info.state, info.reason, waiting))
        if store.reports.batch(info.id).state is BatchState.COMPLETED:
            store.steering.change(info.id, BatchEvent.REOPEN)
    async with AsyncExitStack() as stack:
        # A key that cannot travel is found here, before the batch is touched.
        lanes = [_lane(tools, account, options, stack) for account in accounts]
        run_id = store.steering.start_run(
            pid=os.getpid(), host=platform.node(), version=_version(), options=_shown(info, options)
        )
        store.steering.change(info.id, BatchEvent.START, run=run_id)
        summary = None
        if waiting[JobState.QUEUED] and stop.reason is None:
            async with store.writing():
                summary = await run_batch(
                    batch=info.id,
                    run=run_id,
                    lanes=lanes,
                    store=store.jobs,
                    clock=tools.clock,
                    randomness=tools.seams.randomness,
                    options=options,
                    observer=observer,
                    stop=stop,
                )
    ended = _finish(tools, info, run_id, summary, stop)
    if summary is not None:
        left = store.reports.batch(info.id)
        observer(RunEnded(batch=info.id, at_us=tools.clock.now_us(), state=left.state.value, reason=left.reason))
    return ended


def _lane(tools: Tools, account: Account, options: RunOptions, stack: AsyncExitStack) -> LaneSetup:
    provider = account.provider
    if options.rate is not None:  # the wire too must know a slow lane: there an idle connection is never used again
        own = Limit(at_most=options.rate[0], per_seconds=options.rate[1])
        provider = replace(provider, limits=(*provider.limits, own))
    transport = tools.transport(provider, account.secret)
    stack.push_async_callback(transport.aclose)
    return LaneSetup(
        provider=account.provider,
        operations=account.operations,
        transport=transport,
        account=account.fingerprint,
    )


def _finish(tools: Tools, info: BatchInfo, run_id: RunId, summary: RunSummary | None, stop: StopSignal) -> Ended:
    steering, reports = tools.store.steering, tools.store.reports
    stopped = None if summary is None else summary.stop_reason
    if summary is None and stop.reason is not None:  # asked to stop before the first request
        stopped = stop.reason
        summary = RunSummary(stop_reason=stopped, lanes=(), queued=True)
    end = ending(summary, reports.status(info.id).by_state)
    steering.change(info.id, end.event, run=run_id, reason=end.reason, resume_at_us=end.resume_at_us)
    if end.cancel:
        steering.change(info.id, BatchEvent.CANCEL, run=run_id, reason=PERSON)
    _carry_out(tools, reports.batch(info.id))  # asked for after the engine had looked for the last time
    status = reports.status(info.id)
    codes = [exit_code(status.batch.state, status.batch.reason, status.by_state)]
    signalled = signal_exit(stopped)
    code = worst_exit(codes if signalled is None else [*codes, signalled])
    steering.end_run(run_id, exit_code=code)
    return Ended(exit_code=code, stop_reason=stopped)


def _version() -> str:
    try:
        return metadata.version("bulk-runner")
    except metadata.PackageNotFoundError:  # run from a source folder that was never installed
        return "unknown"


def _shown(info: BatchInfo, options: RunOptions) -> dict[str, object]:
    """The options as `v_runs` shows them: no secret is among them."""
    spend = options.max_spend or {}
    return {
        "batch": info.name,
        "in_doubt": options.in_doubt.value,
        "max_wait_seconds": options.max_wait_seconds,
        "limit": options.limit,
        "max_requests": (options.max_requests or {}).get(None),
        "max_spend_millionths": {who or "": int(amount) for who, amount in spend.items()} or None,
        "in_flight": options.in_flight,
        "rate": options.rate,
        "max_failed": options.max_failed,
    }
