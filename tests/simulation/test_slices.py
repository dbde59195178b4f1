"""A slice of the simulation with a random seed, which a failure names; `make soak` runs the full figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.prove import prove
from tests.simulation.nights import judge
from tests.simulation.options import Mode
from tests.simulation.proofs import mutants, nights, traces
from tests.simulation.seeds import SEEDS, Seed

pytestmark = pytest.mark.slice


def test_nights_in_which_things_go_wrong(tmp_path: Path) -> None:
    """Faults, crashes, disks and people to the end: nothing is lost, and nothing is paid twice unknowingly."""
    prove(nights, tmp_path, nights=20, mode=Mode.SAFETY, processes=1)


def test_nights_that_heal(tmp_path: Path) -> None:
    """Once nothing goes wrong any more the same command gets the list done."""
    prove(nights, tmp_path, nights=8, mode=Mode.LIVENESS, processes=1)


def test_a_seed_is_a_night(tmp_path: Path) -> None:
    """Traced twice, in processes with different hash seeds: line by line the same."""
    prove(traces, tmp_path, seeds=2)


def test_planted_bugs_are_noticed(tmp_path: Path) -> None:
    """Some of those that most nights would notice."""
    prove(mutants, tmp_path, most=2, nights=150)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.number}-{seed.mode}")
def test_a_night_that_found_something(seed: Seed) -> None:
    """It does not find it again."""
    assert judge(seed.number, seed.mode).violations == []
