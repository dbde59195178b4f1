"""Which way of showing a run is meant by `--progress`, for one batch or several."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import assert_never

from runner.cli.lines import LineProgress, json_line
from runner.cli.live import LiveProgress
from runner.cli.progress import ProgressMode, Tally
from runner.cli.terminal import Screen, is_live
from runner.domain.model import BatchId
from runner.engine.events import Event, RunEnded, RunStarted
from runner.system import SystemClock


class Lines:
    """Plain or JSON lines of several batches: each event goes to the observer of its batch."""

    def __init__(self, make: Callable[[Tally], LineProgress], tallies: Sequence[Tally]) -> None:
        self._by_name = {tally.batch: make(tally) for tally in tallies}
        self._by_batch: dict[BatchId, LineProgress] = {}

    def __call__(self, event: Event) -> None:
        """Show it as its batch's observer does."""
        if isinstance(event, RunStarted) and event.name in self._by_name:
            self._by_batch[event.batch] = self._by_name[event.name]
        shown = self._by_batch.get(event.batch) or next(iter(self._by_name.values()))
        shown(event)
        if isinstance(event, RunEnded):
            self._by_batch.pop(event.batch, None)

    def beat(self, now_us: int) -> None:
        """A minute without a line of a batch at work is a line with its counts."""
        for shown in self._by_batch.values():
            shown.beat(now_us)


class SilentProgress:
    """Shows nothing."""

    def __call__(self, event: Event) -> None:
        """Ignore it."""


Shown = Lines | LiveProgress | SilentProgress


def progress(mode: ProgressMode, screen: Screen, tallies: Sequence[Tally]) -> Shown:
    """The observer for `--progress`; `auto` is live on a terminal and plain elsewhere."""
    match ProgressMode.NONE if screen.quiet else mode:
        case ProgressMode.AUTO:
            return progress(ProgressMode.LIVE if is_live(sys.stderr) else ProgressMode.PLAIN, screen, tallies)
        case ProgressMode.LIVE:
            return LiveProgress(*tallies, now_us=SystemClock().now_us)
        case ProgressMode.PLAIN:
            return Lines(lambda tally: LineProgress(tally, screen.say), tallies)
        case ProgressMode.JSON:
            return Lines(lambda tally: LineProgress(tally, screen.say, json_line), tallies)
        case ProgressMode.NONE:
            return SilentProgress()
        case unknown:
            assert_never(unknown)
