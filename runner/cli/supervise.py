"""One run under supervision: signals drain it, a bar or lines show it, its rows go to stdout if asked."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

import anyio

from runner.cli.live import LiveProgress
from runner.cli.logs import log_event
from runner.cli.progress import ProgressMode, Tally
from runner.cli.shown import Lines, Shown, progress
from runner.cli.terminal import Screen, last_words
from runner.engine.events import Event
from runner.engine.stop import StopSignal
from runner.system import SystemClock, drive, signals

if TYPE_CHECKING:
    from runner.app import Runner
    from runner.work.outlook import Preflight
    from runner.work.results import RunResult

BEAT_SECONDS = 5.0
"""How often it is looked whether a line is due: one a minute, counted from the last."""

LAST_WORDS = "ended at once: what was still on the way, if anything, is in doubt; the same command goes on"


def supervise(
    library: Runner,
    screen: Screen,
    plans: Sequence[Preflight],
    *,
    mode: ProgressMode,
    arguments: Mapping[str, Any],
    to_stdout: TextIO | None,
) -> list[RunResult]:
    """Run batches side by side; `plans`: what each is to do. `arguments`: `Runner.run_all`'s.

    `to_stdout` takes the rows if they were meant for stdout.
    Raises what `Runner.run_all` raises. A second signal ends the process.
    """
    # A run makes no garbage in cycles, but each collection would walk all that start-up left behind.
    gc.collect()
    gc.freeze()
    tallies = [tally_of(plan, arguments) for plan in plans]
    shown = progress(mode, screen, tallies)
    with ExitStack() as stack:
        if isinstance(shown, LiveProgress):
            stack.enter_context(shown)
        outcome = drive(partial(_supervised, library, [plan.batch for plan in plans], shown, arguments, to_stdout))
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def tally_of(plan: Preflight, arguments: Mapping[str, Any]) -> Tally:
    """The counts of one batch, with all that ends the run before everything is asked."""
    ends = {"--until": arguments.get("until"), "--for": arguments.get("for_")}
    stops = (*plan.caps, *(f"{flag} {value}" for flag, value in ends.items() if value))
    return Tally(plan.batch, plan.requests, plan=plan, stops=stops, limit=arguments.get("limit"))


async def _supervised(
    library: Runner,
    batches: Sequence[str],
    shown: Shown,
    arguments: Mapping[str, Any],
    to_stdout: TextIO | None,
) -> list[RunResult] | Exception:
    # Errors are carried out as values: a task group would wrap them in a group, and the exit code is theirs.
    stop = StopSignal()
    tell = _Teller(shown)
    outcome: list[RunResult] | Exception
    words = (shown.cursor_text() if isinstance(shown, LiveProgress) else "") + LAST_WORDS
    async with anyio.create_task_group() as group, signals(stop, last_words=partial(last_words, words)):
        if isinstance(shown, Lines):
            group.start_soon(_beat, shown)
        try:
            outcome = await library.arun_all(batches, on_event=tell, stop=stop, **arguments)
            if outcome[0].target == "-" and to_stdout is not None:
                await anyio.to_thread.run_sync(_rows_to, library, batches[0], to_stdout, arguments["guard"])
        except Exception as error:
            outcome = error
        group.cancel_scope.cancel()
    return outcome


class _Teller:
    """The observer of a run: into the log, onto the screen."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def __call__(self, event: Event) -> None:
        """Log and show one event."""
        log_event(event)
        self._shown(event)


async def _beat(shown: Lines) -> None:
    clock = SystemClock()
    while True:
        await clock.sleep_until(clock.monotonic() + BEAT_SECONDS)
        shown.beat(clock.now_us())


def _rows_to(library: Runner, batch: str, stream: TextIO, guard: bool) -> None:
    try:
        library.export(batch, stream, guard=guard)
        stream.flush()
    except BrokenPipeError:
        return  # whoever read them has enough; the run is over and stored all the same
