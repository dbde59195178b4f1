"""When to strike a command: anywhere in its life, beginning with the first instructions."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.proofs.place import Process, pause, received
from tests.proofs.stories import Story

START_SECONDS = 0.6
SENDING_SECONDS = 0.3
WRITES = 24
GLANCE_SECONDS = 0.001
LOOK_SECONDS = 0.02


def wait_for_a_moment(told: Story, process: Process, chance: Random) -> None:
    """Return at any time of a life: at its start; at a write to the database, for migration, load, recovery, opening,
    settling and export are all followed by one; most of the time while requests are on the way."""
    where = chance.random()
    if where < 0.15:
        pause(chance.uniform(0.0, START_SECONDS))
    elif where < 0.5:
        _wait_for_writes(told.place.folder, process, int(WRITES ** chance.random()))
        pause(chance.choice((0.0, chance.uniform(0.0, 0.003))))
    else:
        _wait_for_a_request(told, process)
        pause(chance.uniform(0.0, SENDING_SECONDS))


def _wait_for_writes(folder: Path, process: Process, count: int) -> None:
    """Until the database, or its log, changed so often; or the command is over."""
    files = [folder / name for name in ("runner.db", "runner.db-wal")]
    before = [_state(file) for file in files]
    while count > 0 and process.popen.poll() is None:
        pause(GLANCE_SECONDS)
        now = [_state(file) for file in files]
        count -= now != before
        before = now


def _wait_for_a_request(told: Story, process: Process) -> None:
    """Until the provider has a new one; or the command is over."""
    before = received(told.world)
    while process.popen.poll() is None and received(told.world) == before:
        pause(LOOK_SECONDS)


def _state(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
