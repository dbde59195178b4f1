"""A night: several lives of the whole runner on one file, with a world that goes on between them."""

from __future__ import annotations

from pathlib import Path

from tests.simulation.draw import draw
from tests.simulation.options import Mode
from tests.simulation.record import Night, Trace, Watch


def run_night(seed: int, *, mode: Mode, folder: Path, watch: Watch | None = None, keep_trace: bool = False) -> Night:
    """Run the night of a seed in a new folder inside `folder`. AssertionError: `watch` saw a violation."""
    night = Night(
        options=draw(seed, mode),
        folder=folder,
        database=folder / "runner.db",
        accounts={},
        trace=Trace(keep=keep_trace),
    )
    if watch is not None:
        watch.begin(night)
        watch.end(night)
    return night
