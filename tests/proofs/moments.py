"""When to strike a command: anywhere in its life, beginning with the first instructions."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.proofs.place import Place, Process, pause

START_SECONDS = 0.6
LATER_SECONDS = 0.3
WRITES = 24
GLANCE_SECONDS = 0.001


def wait_for_a_moment(place: Place, process: Process, chance: Random) -> None:
    """Return at any time of a life: at its start, or at or after a write to the database, for migration, load,
    recovery, opening, settling and export are all followed by one, however fast the machine is."""
    if chance.random() < 0.2:
        pause(chance.uniform(0.0, START_SECONDS))
        return
    _wait_for_writes(place, process, int(WRITES ** chance.random()))
    pause(chance.choice((0.0, chance.uniform(0.0, 0.003), chance.uniform(0.0, LATER_SECONDS))))


def _wait_for_writes(place: Place, process: Process, count: int) -> None:
    """Until the database, or its log, changed so often; or the command is over."""
    files = [place.folder / name for name in ("runner.db", "runner.db-wal")]
    before = [_state(file) for file in files]
    while count > 0 and process.popen.poll() is None:
        pause(GLANCE_SECONDS)
        now = [_state(file) for file in files]
        count -= now != before
        before = now


def _state(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
