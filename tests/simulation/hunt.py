"""`python -m tests.simulation.hunt BUG FIRST NIGHTS`: how many nights until a planted bug is noticed.

A child process plants the bug before it imports anything of the runner, and runs nights in order until the first
violation. A bug that no night notices means that the simulation, or an oracle, is too weak.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.simulation.mutants import MUTANTS
from tests.simulation.mutants.patch import ROOT, plant

MOST_NIGHTS = 4000
MOST_ROWS = 80
"""Larger nights are left out: they take longer and show no other bugs."""

LIVENESS_EVERY = 5  # a night of five heals: some bugs only keep a run from ending
CHILD_SECONDS = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """How a planted bug fared."""

    name: str
    nights: int  # that it took, or that it survived
    seed: int | None  # None: it survived
    violation: str

    @property
    def dead(self) -> bool:
        """A night noticed it."""
        return self.seed is not None


def hunt(name: str, first: int, nights: int = MOST_NIGHTS) -> Kill:
    """From seed `first` on, in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation.hunt", name, str(first), str(nights)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert done.returncode == 0, f"{name}: {done.stderr[-2000:]}"
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Kill(name=name, nights=said["nights"], seed=said["seed"], violation=said["violation"])


def hunt_all(names: list[str], first: int, nights: int = MOST_NIGHTS, *, processes: int = 2) -> list[Kill]:
    """Several at a time, each in its own process."""
    with ThreadPoolExecutor(processes) as pool:
        return list(pool.map(lambda name: hunt(name, first, nights), names))


def _nights(name: str, first: int, nights: int) -> dict[str, Any]:
    """In the child."""
    plant(MUTANTS[name])
    from tests.simulation.draw import draw  # only now: they import the runner, and with it the bug
    from tests.simulation.nights import judge
    from tests.simulation.options import Mode

    played, seed = 0, first - 1
    while played < nights:
        seed += 1
        mode = Mode.LIVENESS if seed % LIVENESS_EVERY == 0 else Mode.SAFETY
        if sum(batch.rows for batch in draw(seed, mode).batches) > MOST_ROWS:
            continue
        played += 1
        violations = judge(seed, mode).violations
        if violations:
            return {"nights": played, "seed": seed, "violation": violations[0]}
    return {"nights": played, "seed": None, "violation": ""}


if __name__ == "__main__":
    print(json.dumps(_nights(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
