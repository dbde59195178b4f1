"""`python -m tests.simulation.soak --nights 10000 --liveness 2000 --seed S`: the simulation's full figures.

Nights of both modes under all oracles, every situation that has to come up, every planted bug, and traces. Over two
processes about an hour. Exit 1 if anything does not hold; a violation comes with the command that repeats it.
"""

from __future__ import annotations

import argparse
import random
import time
from functools import partial
from pathlib import Path

from tests.simulation import proofs
from tests.simulation.options import Mode


def main() -> int:
    """Run them one after the other; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=10_000, help="in which faults go on to the end")
    parser.add_argument("--liveness", type=int, default=2_000, help="nights that heal, and have to finish")
    parser.add_argument("--mutants", type=int, help="so many of the planted bugs, drawn (default: all)")
    parser.add_argument("--traces", type=int, default=20, help="seeds traced twice")
    parser.add_argument("--seed", type=int, help="the first one (default: random)")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    wanted = {
        "nights": partial(proofs.nights, nights=given.nights, mode=Mode.SAFETY, show=print),
        "nights-liveness": partial(proofs.nights, nights=given.liveness, mode=Mode.LIVENESS, show=print),
        "mutants": partial(proofs.mutants, most=given.mutants, show=print),
        "traces": partial(proofs.traces, seeds=given.traces),
    }
    sizes = {
        "nights": given.nights,
        "nights-liveness": given.liveness,
        "mutants": given.mutants,
        "traces": given.traces,
    }
    held = [_run(name, proof, seed) for name, proof in wanted.items() if sizes[name] != 0]
    return 0 if all(held) else 1


def _run(name: str, proof: partial[str], seed: int) -> bool:
    began = time.monotonic()
    try:
        counts, word = proof(Path(), seed=seed), "holds"
    except AssertionError as violation:
        counts, word = str(violation), "VIOLATED"
    print(f"{name}: {word} in {time.monotonic() - began:.0f} s: {counts}", flush=True)
    return word == "holds"


if __name__ == "__main__":
    raise SystemExit(main())
