"""`run`: locks, recovery, and who may work now. What happens to the batches then is in `together`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from runner.domain.model import BatchId, InDoubtPolicy
from runner.domain.states import BatchState
from runner.engine.closing import MOMENTS, Closing
from runner.engine.ports import Clock, Observer, RunOptions
from runner.engine.stop import StopSignal
from runner.errors import BusyError
from runner.store.locks import Lock, is_locked, lock_account, lock_database, wait_for
from runner.store.values import BatchInfo
from runner.work.accounts import Account, Wires, accounts_of
from runner.work.caps import Wanted, run_options
from runner.work.ending import signal_exit
from runner.work.following import is_followed, source_url
from runner.work.known import oldest
from runner.work.outside import elsewhere
from runner.work.standing import is_paused_by_person, parked_until
from runner.work.steer import bury
from runner.work.tables import Goal
from runner.work.together import Ended, Order, TakenUp, Tell, carry_out, work_together
from runner.work.tools import Tools
from runner.work.until import next_moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the rows of one batch go."""

    kept: Mapping[str, object]  # what is kept with it of that, at its last value
    table: Goal | None


_NOTHING: Final[Mapping[BatchId, Places]] = MappingProxyType({})

STEERED_SECONDS = 0.5
"""A `pause` or `retry` in another terminal holds the database for a moment: that is no run to be refused for."""


async def run(
    batches: Sequence[BatchId],
    wanted: Wanted,
    *,
    tools: Tools,
    observer: Observer,
    stop: StopSignal,
    tell: Tell,
    wait_seconds: float = 0.0,
    places: Mapping[BatchId, Places] = _NOTHING,
) -> None:
    """Work on batches side by side until each is done, halted, parked, capped or stopped; `tell` is told of each.

    `wanted` holds for each of them; `places` are kept with them, as its caps are. Before the first request: BusyError
    (database or account, after `wait_seconds`), ConfigError (a key), UsageError (a cap that cannot hold). StoreError
    when the database fails under way: what was in flight is awaited, and kept beside it for the next run.
    """
    store, clock = tools.store, tools.clock
    for batch in batches:
        _options(tools, store.reports.batch(batch), wanted)
    until_us = None if wanted.until is None else next_moment(wanted.until, now_us=clock.now_us())
    over = partial(_is_over, stop, Closing(clock, until_us=until_us))
    async with AsyncExitStack() as stack:
        take = partial(lock_database, store.path, clock=clock)
        if not await _held(stack, take, clock=clock, seconds=max(wait_seconds, STEERED_SECONDS), over=over):
            await _tell_all(tell, batches, _given_up(stop))
            return
        once = _Told(tell, tuple(bury(store, tools.profiles)))
        # Once more: the run before this one may have kept another cap. Locks and keys come first: what is refused here
        # must leave the batches as they were.
        orders = [_order(tools, info, wanted, places.get(info.id)) for info in await _awake(tools, batches, once)]
        accounts = {account.fingerprint for order in orders for account in order.accounts}
        for fingerprint in sorted(accounts):
            take = partial(lock_account, fingerprint, database=store.path, clock=clock, folder=tools.seams.lock_folder)
            if not await _held(stack, take, clock=clock, seconds=wait_seconds, over=over):
                await _tell_all(once, [order.info.id for order in orders], _given_up(stop))
                return
        # Queueing for an account takes hours: what was decided meanwhile holds.
        awake = {info.id: info for info in await _awake(tools, [order.info.id for order in orders], once)}
        orders = [replace(order, info=awake[order.info.id]) for order in orders if order.info.id in awake]
        # A key that cannot travel is found here, before caps are kept and failures and doubts are queued again.
        wires = Wires(tools, (account for order in orders for account in order.accounts), stack)
        for order in orders:
            place = places.get(order.info.id)
            kept = place.kept if place is not None else {}
            once.taken_up[order.info.id] = await _take_up(tools, order, wanted, kept, stop)
        closing = Closing(clock, until_us=until_us, seconds=wanted.for_seconds)  # queueing is no part of `--for`
        await work_together(tools, orders, wires, observer=observer, stop=stop, tell=once, closing=closing)


async def refuse_beside(database: Path, *, clock: Clock) -> None:
    """BusyError where another run is at work on the database: before a list is loaded that could not be sent. Leaves
    nothing behind where there is no database yet."""
    if is_locked(database):
        (await wait_for(partial(lock_database, database, clock=clock), clock=clock, seconds=STEERED_SECONDS)).release()


class _Told:
    """Adds to what a batch ended with what was done for it before: notices go to the first one that is told."""

    def __init__(self, tell: Tell, notices: tuple[str, ...]) -> None:
        self.taken_up: dict[BatchId, TakenUp] = {}
        self._tell = tell
        self._notices = notices

    async def __call__(self, batch: BatchId, ended: Ended) -> None:
        taken_up = self.taken_up.get(batch, ended.taken_up)
        notices, self._notices = self._notices, ()
        await self._tell(batch, replace(ended, taken_up=taken_up, notices=(*notices, *ended.notices)))


async def _tell_all(tell: Tell, batches: Sequence[BatchId], ended: Ended) -> None:
    for batch in batches:
        await tell(batch, ended)


async def _held(
    stack: AsyncExitStack, take: Callable[[], Lock], *, clock: Clock, seconds: float, over: Callable[[], bool]
) -> bool:
    """Hold a lock until the stack unwinds; False when the run was asked to stop while it waited. BusyError."""
    try:
        lock = await wait_for(take, clock=clock, seconds=seconds, given_up=over)
    except BusyError:
        if not over():
            raise
        return False
    stack.enter_context(lock)
    return True


def _is_over(stop: StopSignal, queueing: Closing) -> bool:
    """Whether the run was asked to stop, or its moment came, while it still queued behind others."""
    if stop.reason is None and (reason := queueing.over()) is not None:
        stop.set(reason)
    return stop.reason is not None


def _given_up(stop: StopSignal) -> Ended:
    came = (f"--{stop.reason} came while another run was at work: nothing was sent",) if stop.reason in MOMENTS else ()
    return Ended(exit_code=signal_exit(stop.reason) or 5, stop_reason=stop.reason, notices=came)


async def _awake(tools: Tools, batches: Sequence[BatchId], tell: Tell) -> list[BatchInfo]:
    """Those that may go on now, as they stand; of the others it is told at once why they rest."""
    awake: list[BatchInfo] = []
    for batch in batches:
        info = carry_out(tools, tools.store.reports.batch(batch))
        resting = _resting(info, tools.clock.now_us())
        if resting is None:
            awake.append(info)
        else:
            await tell(batch, Ended(exit_code=resting))
    return awake


def _resting(info: BatchInfo, now_us: int) -> int | None:
    """The exit code of a batch that must not go on now: cancelled, paused by a person, or parked; else None."""
    if info.state is BatchState.CANCELLED or is_paused_by_person(info):
        return 5
    return None if parked_until(info, now_us) is None else 6


def _options(tools: Tools, info: BatchInfo, wanted: Wanted) -> RunOptions:
    operations = tools.profiles.of_batch(info.operations, info.source)
    settings, dearer = tools.settings, tools.store.forecast.dearer()
    return run_options(
        wanted, info.settings, settings.run, operations.values(), daily=settings.daily_cap, dearer=dearer
    )


def _order(tools: Tools, info: BatchInfo, wanted: Wanted, places: Places | None) -> Order:
    options = _options(tools, info, wanted)
    operations = tools.profiles.of_batch(info.operations, info.source)
    resending = options.in_doubt is InDoubtPolicy.RESEND_ONCE
    accounts: list[Account] = accounts_of(tools, info, operations, options, resending=resending)
    if wanted.poll_seconds is not None and is_followed(info):
        source_url(tools, info)
    return Order(
        info=info,
        accounts=tuple(accounts),
        request_hashes=tools.profiles.request_hashes(operations, info.source),
        options=options,
        poll_seconds=wanted.poll_seconds,
        table=places.table if places is not None else None,
        reread=partial(_reread, tools, info, wanted),
    )


def _reread(tools: Tools, info: BatchInfo, wanted: Wanted, kept: Mapping[str, Any]) -> RunOptions:
    """The options of a run at work, from the settings that are kept with its batch by now."""
    return _options(tools, replace(info, settings=kept), wanted.of_one_run())


async def _take_up(
    tools: Tools, order: Order, wanted: Wanted, place: Mapping[str, object], stop: StopSignal
) -> TakenUp:
    """Keep what was asked with the batch, the place of its rows too: no kill forgets it. Then queue what this run takes
    up again, failures and doubts, and take the answers of other batches."""
    info, steering = order.info, tools.store.steering
    kept: Mapping[str, object] = {
        name: value for name, value in {**wanted.kept(), **place}.items() if info.settings.get(name) != value
    }
    if kept:
        steering.keep(info.id, kept)
    requeued = steering.requeue_unfinished(info.id) if info.state is BatchState.COMPLETED else 0
    released = 0
    if order.options.in_doubt is InDoubtPolicy.RESEND_ONCE:
        released = steering.release_doubts(info.id, info.operations)
    reused = 0
    if wanted.reuse_seconds is not None:
        since_us = oldest(wanted.reuse_seconds, tools.clock.now_us())
        take_over = partial(
            tools.store.answered.take_over, info.id, request_hashes=order.request_hashes, since_us=since_us
        )
        reused = await elsewhere(tools, partial(take_over, given_up=lambda: stop.reason is not None))
    return TakenUp(requeued=requeued, released=released, reused=reused)
