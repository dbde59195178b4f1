"""Run one proof with a seed that a failure names."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

Proof = Callable[..., str]
"""(folder, seed=..., its figures) -> its counts in one line. Raises AssertionError on a violation."""


def prove(proof: Proof, folder: Path, *, seed: int | None = None, **figures: object) -> str:
    """The proof's counts. The AssertionError of a violation begins with the seed."""
    drawn = random.SystemRandom().randrange(2**31) if seed is None else seed
    try:
        return proof(folder, seed=drawn, **figures)
    except AssertionError as violation:
        raise AssertionError(f"{proof.__name__} with seed {drawn}: {violation}") from violation
