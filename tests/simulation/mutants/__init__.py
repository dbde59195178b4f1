"""Bugs that could have been made: small edits of the real code, each of which the simulation must notice."""

from __future__ import annotations

from tests.simulation.mutants.money import MONEY
from tests.simulation.mutants.pace import PACE
from tests.simulation.mutants.patch import Mutant
from tests.simulation.mutants.recovering import RECOVERING
from tests.simulation.mutants.sending import SENDING

MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in (*SENDING, *RECOVERING, *MONEY, *PACE)}
"""All of them, by name."""
