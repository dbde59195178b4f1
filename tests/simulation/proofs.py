"""The simulation's figures as proofs for `make soak`: nights, nights that heal, planted bugs, traces."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.simulation.counters import SOMETIMES, never
from tests.simulation.hunt import MOST_NIGHTS, Kill, hunt_all
from tests.simulation.mutants import MUTANTS
from tests.simulation.mutants.patch import ROOT
from tests.simulation.nights import Tally, judge_all, shared_out
from tests.simulation.options import Mode

SHOWN = 5
ENOUGH_NIGHTS = 2000
"""From so many on every situation must have come up."""


Show = Callable[[str], None]


def _silent(_: str) -> None:
    """For who wants the last line alone."""


def nights(_: Path, *, seed: int, nights: int, mode: Mode, processes: int = 2, show: Show = _silent) -> str:
    """Nights from `seed` on: no violation, and (in a batch that is large enough) every situation came up."""
    began = time.monotonic()
    seeds = range(seed, seed + nights)
    tally = judge_all(seeds, mode) if processes == 1 else shared_out(seeds, mode, processes=processes)
    show(_situations(tally))
    assert not tally.violations, f"{len(tally.violations)} violations\n" + "\n".join(tally.violations[:SHOWN])
    missing = never(tally.counts, mode) if nights >= ENOUGH_NIGHTS else []
    assert not missing, f"in {nights} nights these never came up: {', '.join(missing)}"
    return f"{tally} in {time.monotonic() - began:,.0f} s; 0 violations"


def _situations(tally: Tally) -> str:
    return "\n".join(f"    {tally.counts[name]:>9,}  {name}" for name in SOMETIMES)


def mutants(
    _: Path,
    *,
    seed: int,
    most: int | None = None,
    nights: int = MOST_NIGHTS,
    show: Show = _silent,
) -> str:
    """Every planted bug dies within so many nights; with `most`, so many are drawn of those that many nights notice."""
    often = [name for name, mutant in MUTANTS.items() if not mutant.rare]
    names = list(MUTANTS) if most is None else Random(seed).sample(often, most)
    kills = hunt_all(names, seed, nights)
    show(_table(kills))
    alive = [kill.name for kill in kills if not kill.dead]
    assert not alive, f"not noticed in {nights} nights: {', '.join(alive)}"
    taken = sorted(kill.nights for kill in kills)
    return f"{len(kills)} planted bugs dead; nights needed: {taken[len(taken) // 2]} (median), {taken[-1]} (most)"


def _table(kills: Iterable[Kill]) -> str:
    return "\n".join(
        f"    {kill.nights:>5} nights  {kill.name}: {kill.violation.splitlines()[0][:90] if kill.dead else 'ALIVE'}"
        for kill in kills
    )


def traces(_: Path, *, seed: int, seeds: int) -> str:
    """The same seeds in two processes each, with different hash seeds: the same nights, line by line."""
    wanted = [str(seed + number) for number in range(seeds)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda hash_seed: _traced(wanted, hash_seed), ("1", "20260101"))
    differ = [one for one, other in zip(first, second, strict=True) if one != other]
    assert not differ, f"another night under another hash seed: {', '.join(differ)}"
    return f"{seeds} seeds traced twice under different hash seeds: identical"


def _traced(seeds: list[str], hash_seed: str) -> list[str]:
    program = "import sys; from tests.simulation.nights import digest; [print(digest(int(s))) for s in sys.argv[1:]]"
    done = subprocess.run(
        [sys.executable, "-c", program, *seeds],
        cwd=ROOT,
        env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()
