"""What one run sent and what it cost, counted from what the engine tells; the user's observer is kept harmless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread

from runner.domain.model import UNSENT, Debited
from runner.engine.events import AttemptClosed, Event
from runner.engine.ports import Observer
from runner.engine.stop import StopSignal
from runner.errors import UsageError
from runner.settings import parse_duration
from runner.store.values import BatchInfo
from runner.work.caps import Wanted
from runner.work.deliver import AUTO, NONE, STDOUT, check_target, export, settle_target
from runner.work.results import Exported, RunResult
from runner.work.run import run
from runner.work.shape import Shape
from runner.work.standing import standing
from runner.work.tools import Tools

OBSERVER_FAILED = "observer"


class Receipt:
    """An observer that counts, then passes the event on.

    An observer must not raise: it is called in the middle of accounts. If the user's does, the run drains and
    `reraise` throws the error once everything is stored.
    """

    def __init__(self, observer: Observer | None, stop: StopSignal) -> None:
        self.sent = 0
        self.charged = 0
        self.not_charged = 0
        self.in_doubt = 0
        self._observer = observer
        self._stop = stop
        self._error: Exception | None = None

    def __call__(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, AttemptClosed) and event.fault not in UNSENT:
            self.sent += 1
            self.charged += event.debited is Debited.YES
            self.not_charged += event.debited is Debited.NO
            self.in_doubt += event.debited is Debited.UNKNOWN
        if self._observer is None or self._error is not None:
            return
        try:
            self._observer(event)
        except Exception as error:
            self._error = error
            self._stop.set(OBSERVER_FAILED)

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


async def run_and_deliver(
    info: BatchInfo,
    wanted: Wanted,
    delivery: Delivery,
    *,
    tools: Tools,
    wait: float | str | None,
    observer: Observer | None,
    stop: StopSignal | None,
) -> RunResult:
    """Run a batch and write its rows. The target is checked before the first request; errors are those of `run`."""
    target = settle_target(info, delivery.output, tools.settings.directory)
    path = Path(target) if target not in (None, NONE, STDOUT) else None
    if path is not None:
        check_target(info, path, overwrite=delivery.overwrite)
    stop = stop or StopSignal()
    receipt = Receipt(observer, stop)
    seconds = tools.settings.run.wait or 0.0 if wait is None else parse_duration(wait, name="--wait")
    ended = await run(info.id, wanted, tools=tools, observer=receipt, stop=stop, wait_seconds=seconds)
    # stdout is where this one run was piped to: the next one without -o must not pour rows onto a terminal.
    if delivery.output not in (None, AUTO, STDOUT) and info.settings.get("output") != target:
        tools.store.steering.keep(info.id, {"output": target})
    exported: Exported | None = None
    notices = ended.notices
    if path is not None:
        shape = Shape(guard=delivery.guard)
        write = partial(
            export, tools.store.reports.batch(info.id), path, shape=shape, overwrite=delivery.overwrite, tools=tools
        )
        # Virtual time knows no threads; a real loop has signals to hear while a long list is written.
        told = partial(_written, write, batch=info.name)
        exported, trouble = told() if tools.seams.inline_writes else await anyio.to_thread.run_sync(told)
        notices += trouble
    receipt.reraise()
    return RunResult(
        batch=info.name,
        exit_code=ended.exit_code,
        status=standing(info, store=tools.store, profiles=tools.profiles, now_us=tools.clock.now_us()),
        sent=receipt.sent,
        charged=receipt.charged,
        not_charged=receipt.not_charged,
        in_doubt=receipt.in_doubt,
        interrupted=ended.stop_reason,
        requeued=ended.requeued,
        released=ended.released,
        target=target,
        exported=exported,
        notices=notices,
    )


def _written(write: Callable[[], Exported], *, batch: str) -> tuple[Exported | None, tuple[str, ...]]:
    """Paid answers are stored by now: a target that went bad meanwhile is told, and does not hide how the run ended."""
    try:
        return write(), ()
    except UsageError as error:
        why = error.why.rstrip(".")
        return None, (f"not written: {error.what} ({why}); the answers are stored: runner export {batch} -o FILE",)
