"""Many nights: one after the other in one process, or shared out over several; and what came of them together."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.simulation.counters import count
from tests.simulation.night import run_night
from tests.simulation.options import Mode
from tests.simulation.oracles import Oracles
from tests.simulation.record import End, Night

SHARE = 25
"""Nights that a process is given at once."""

SHARES = 8
"""So many of them for one process, then a new one takes over: of the tasks of killed lives, which never end, some stay
in memory, 0.2 MB a night, and by the five thousandth a night takes half as long again."""

MEMORY = Path("/dev/shm")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What nights came to, added up."""

    nights: int = 0
    lives: int = 0
    crashes: int = 0
    sends: int = 0
    seconds: float = 0.0  # simulated
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """The nights of another one too."""
        self.nights += other.nights
        self.lives += other.lives
        self.crashes += other.crashes
        self.sends += other.sends
        self.seconds += other.seconds
        self.violations += other.violations
        self.counts.update(other.counts)

    def __str__(self) -> str:
        """Its figures in one line."""
        hours = self.seconds / 3600
        return (
            f"{self.nights:,} nights, {self.lives:,} lives, {self.crashes:,} crashes, {self.sends:,} requests, "
            f"{hours:,.0f} hours simulated"
        )


@contextmanager
def night_folder() -> Iterator[Path]:
    """A folder for one night: in memory where the machine has such a place, since a simulated disk need not turn."""
    base = MEMORY if MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="night-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def judge(seed: int, mode: Mode) -> Tally:
    """One night under all oracles. Whatever goes wrong in it is a violation, with the command that repeats it."""
    tally = Tally(nights=1)
    with night_folder() as folder:
        try:
            night = run_night(seed, mode=mode, folder=folder, watch=Oracles())
        except Exception as violation:
            said = str(violation) if isinstance(violation, AssertionError) and str(violation) else _trace(violation)
            tally.violations.append(f"{said}\n    python -m tests.simulation {seed} --mode {mode}")
        else:
            _sum(tally, night)
            tally.counts = count(night)
    return tally


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error)).strip()


def _sum(tally: Tally, night: Night) -> None:
    tally.lives = len(night.lives)
    tally.crashes = sum(life.end is End.CRASHED for life in night.lives)
    tally.sends = len(night.books)
    tally.seconds = night.lives[-1].ended_at if night.lives else 0.0


def judge_all(seeds: Iterable[int], mode: Mode) -> Tally:
    """Several, one after the other."""
    tally = Tally()
    for seed in seeds:
        tally.add(judge(seed, mode))
    return tally


def shared_out(seeds: Sequence[int], mode: Mode, *, processes: int = 2) -> Tally:
    """The same, by several processes."""
    tally = Tally()
    shares = [seeds[start : start + SHARE] for start in range(0, len(seeds), SHARE)]
    # Not an executor: one that renews its processes may wait for ever for the next (Python issue 115634).
    with get_context("spawn").Pool(processes, maxtasksperchild=SHARES) as pool:
        for part in pool.imap(partial(judge_all, mode=mode), shares):
            tally.add(part)
    return tally


def digest(seed: int) -> str:
    """A night in a few words: which it was and, in 32 characters, everything that happened in it."""
    mode = Mode.LIVENESS if seed % 4 == 3 else Mode.SAFETY
    with night_folder() as folder:
        night = run_night(seed, mode=mode, folder=folder)
        return f"{seed} {mode} {night.trace.count} {night.trace.digest}"
