"""What one run sent and what it cost, counted from what the engine tells; the user's observer is kept harmless."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio.to_thread

from runner.domain.model import UNSENT, BatchId
from runner.domain.typed import typed_name
from runner.engine.events import AttemptClosed, Event
from runner.engine.ports import Observer
from runner.engine.stop import StopSignal
from runner.errors import UsageError
from runner.settings import parse_duration
from runner.store.values import BatchInfo
from runner.work.aim import aimed
from runner.work.caps import Wanted
from runner.work.deliver import export
from runner.work.means import told_by
from runner.work.notify import Notifier
from runner.work.outputs import AUTO, NONE, STDOUT, settle_target
from runner.work.replaceable import check_target, flows
from runner.work.results import Exported, Receipt, RunResult
from runner.work.run import Places, run
from runner.work.shape import Shape
from runner.work.standing import standing
from runner.work.sums import Counted
from runner.work.tables import KEPT, kept_table, settle_table
from runner.work.together import Ended
from runner.work.tools import Tools

OBSERVER_FAILED = "observer"


class Receipts:
    """An observer that counts for each batch, then passes the event on.

    An observer must not raise: it is called in the middle of accounts. If the user's does, the run drains and
    `reraise` throws the error once everything is stored.
    """

    def __init__(self, observer: Observer | None, stop: StopSignal, *, notifier: Observer = lambda _: None) -> None:
        """`notifier` is told first; it does not raise."""
        self._by_batch: dict[BatchId, Counted] = {}
        self._notifier = notifier
        self._observer = observer
        self._stop = stop
        self._error: Exception | None = None

    def __call__(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, AttemptClosed) and event.fault not in UNSENT:
            self.of(event.batch).count(event)
        self._notifier(event)
        if self._observer is None or self._error is not None:
            return
        try:
            self._observer(event)
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Remember what went wrong outside of the engine: the run drains, all batches of it; `reraise` throws it."""
        self._error = self._error or error
        self._stop.set(OBSERVER_FAILED)

    def of(self, batch: BatchId) -> Counted:
        """What was counted for a batch so far."""
        return self._by_batch.setdefault(batch, Counted())

    def reraise(self) -> None:
        """Throw what the user's observer raised, if it did."""
        if self._error is not None:
            raise self._error


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where a run's rows go. `output`: see `Runner.run`."""

    output: str | Path | None = None
    overwrite: bool = False
    guard: bool = True
    to_table: str | None = None
    database: str | None = None  # of `to_table`


async def run_and_deliver(
    infos: Sequence[BatchInfo],
    wanted: Wanted,
    delivery: Delivery,
    *,
    tools: Tools,
    wait: float | str | None,
    observer: Observer | None,
    stop: StopSignal,
    on_result: Callable[[RunResult], None] | None = None,
) -> list[RunResult]:
    """Run batches side by side and write the rows of each when it ends; the results in the order of `infos`.

    Targets are checked before the first request; errors are those of `run`. `on_result` is told of each batch that ends
    while others go on. UsageError: a batch is named twice, or one file is to take the rows of several.
    """
    by_id = {info.id: info for info in infos}
    _check_several(infos, delivery)
    targets = {info.id: settle_target(info, delivery.output, tools.settings.directory) for info in infos}
    for info in infos:
        if (path := _file(targets[info.id])) is not None:
            check_target(info, path, overwrite=delivery.overwrite, tools=tools)
    notifier = Notifier(
        tools, told_by(tools.settings, tools.profiles, tools.seams, batches=tools.store.reports.batches), by_id, stop
    )
    receipts = Receipts(observer, stop, notifier=notifier)
    seconds = tools.settings.run.wait or 0.0 if wait is None else parse_duration(wait, name="--wait")
    results: dict[BatchId, RunResult] = {}

    async def tell(batch: BatchId, ended: Ended) -> None:
        # Called in the middle of what other batches do: what fails here must not cut them off.
        try:
            result = await _deliver(
                by_id[batch], ended, receipts.of(batch).receipt(tools.prices), targets[batch], delivery, tools=tools
            )
            results[batch] = result
            notifier.ended(batch, result)
            if on_result is not None:
                on_result(result)
        except Exception as error:
            receipts.fail(error)

    places = {info.id: _places(info, targets[info.id], delivery, tools=tools) for info in infos}
    failure: Exception | None = None
    async with notifier.at_work():
        try:
            await run(
                list(by_id),
                wanted,
                tools=tools,
                observer=receipts,
                stop=stop,
                tell=tell,
                wait_seconds=seconds,
                places=places,
            )
            receipts.reraise()
        except Exception as error:  # raised below: a group of tasks would wrap it
            failure = error
        notifier.over(failure)
    if failure is not None:
        for notice in notifier.notices:
            failure.add_note(notice)
        raise failure
    return _with_notices([results[info.id] for info in infos], notifier.notices)


def _with_notices(results: list[RunResult], notices: tuple[str, ...]) -> list[RunResult]:
    """What is told of the run as a whole stands with its first batch."""
    return [replace(results[0], notices=(*results[0].notices, *notices)), *results[1:]] if notices else results


def _places(info: BatchInfo, target: str | None, delivery: Delivery, *, tools: Tools) -> Places:
    goal = settle_table(info, delivery.to_table, delivery.database, overwrite=delivery.overwrite, tools=tools)
    kept: dict[str, object] = {"output": target} if target is not None and _is_kept(delivery, target) else {}
    if delivery.to_table is not None:
        kept[KEPT] = kept_table(goal)
    return Places(kept=kept, table=goal)


def _is_kept(delivery: Delivery, target: str | None) -> bool:
    # Where this one run was piped to: the next one without -o must not pour rows onto a terminal, or into no pipe.
    path = _file(target)
    passing = path is not None and flows(path) and os.fspath(path) != os.devnull
    return delivery.output not in (None, AUTO, STDOUT) and not passing


def _check_several(infos: Sequence[BatchInfo], delivery: Delivery) -> None:
    names = [info.name for info in infos]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"the batch {twice} is named twice",
            why="It can be worked on once at a time.",
            fix=f"runner run {typed_name(twice)}",
        )
    if len(infos) > 1 and delivery.output not in (None, AUTO, NONE):
        raise UsageError(
            f"-o {delivery.output} is one place for the rows of {len(infos)} batches",
            why="Each batch has a file of its own.",
            fix="the same command without -o: each batch is written to BATCH.csv beside its list",
        )
    if len(infos) > 1 and delivery.to_table not in (None, NONE):
        raise UsageError(
            f"--to-table {delivery.to_table} is one place for the rows of {len(infos)} batches",
            why="Each batch has a table of its own, which is kept with it.",
            fix=f"runner run {infos[0].typed} --to-table {delivery.to_table}, and the others likewise",
        )


def _file(target: str | None) -> Path | None:
    return Path(target) if target is not None and target not in (NONE, STDOUT) else None


async def _deliver(
    info: BatchInfo, ended: Ended, receipt: Receipt, target: str | None, delivery: Delivery, *, tools: Tools
) -> RunResult:
    kept = tools.store.reports.batch(info.id).settings
    if _is_kept(delivery, target) and kept.get("output") != target:  # one that rests: its run kept nothing
        tools.store.steering.keep(info.id, {"output": target})
    exported: Exported | None = None
    notices = ended.notices
    if (path := _file(target)) is not None:
        shape = Shape(guard=delivery.guard)
        write = partial(
            export, tools.store.reports.batch(info.id), path, shape=shape, overwrite=delivery.overwrite, tools=tools
        )
        # Virtual time knows no threads; a real loop has signals to hear while a long list is written.
        told = partial(_written, write, batch=info.name)
        exported, trouble = told() if tools.seams.inline_writes else await anyio.to_thread.run_sync(told)
        notices += trouble
    return RunResult(
        batch=info.name,
        exit_code=ended.exit_code,
        status=standing(
            info,
            store=tools.store,
            profiles=tools.profiles,
            defaults=tools.settings.run,
            now_us=tools.clock.now_us(),
            prices=tools.prices,
            flags=tools.settings.typed,
            daily=tools.settings.daily_cap,
        ),
        sent=receipt.sent,
        charged=receipt.charged,
        not_charged=receipt.not_charged,
        in_doubt=receipt.in_doubt,
        receipt=receipt,
        run=ended.run,
        interrupted=ended.stop_reason,
        requeued=ended.taken_up.requeued,
        released=ended.taken_up.released,
        reused=ended.taken_up.reused,
        target=target,
        exported=exported,
        notices=tuple(aimed(notice, tools.settings.flags) for notice in notices),
    )


def _written(write: Callable[[], Exported], *, batch: str) -> tuple[Exported | None, tuple[str, ...]]:
    """Paid answers are stored by now: a target that went bad meanwhile is told, and does not hide how the run ended."""
    try:
        return write(), ()
    except UsageError as error:
        why = error.why.rstrip(".")
        return None, (
            f"not written: {error.what} ({why}); the answers are stored: runner export {typed_name(batch)} -o FILE",
        )
