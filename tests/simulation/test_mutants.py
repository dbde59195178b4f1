"""The planted bugs: their words are in the code, and a changed module is what a child imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.mutants.patch import ROOT, Edit, mutant, patched


@pytest.mark.parametrize("name", MUTANTS)
def test_each_bug_can_be_planted(name: str) -> None:
    """Its words stand exactly once in the file, and what is read instead is Python."""
    for file, text in patched(MUTANTS[name].edits).items():
        compile(text, file, "exec")


def test_words_that_are_gone_are_an_error() -> None:
    """A list that no longer fits the code says so."""
    with pytest.raises(AssertionError, match="has 0 times"):
        patched([Edit("runner/engine/attempt.py", "no such words", "")])
    with pytest.raises(AssertionError, match=r"has \d+ times"):
        patched([Edit("runner/engine/attempt.py", "import", "")])


def test_a_planted_bug_is_what_is_imported() -> None:
    """In the process that planted it, and with no file changed."""
    program = (
        "from tests.simulation.mutants.patch import mutant, plant\n"
        'plant(mutant("m", "", ("domain/ledger.py", "return self.sent + self.holds", "return 47")))\n'
        "from runner.domain.ledger import Account\n"
        "print(Account().requests())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "47\n"


def test_a_bug_planted_too_late_is_an_error() -> None:
    """A module that was imported before would stay as it is."""
    import runner.domain.ledger  # noqa: F401 - it has to be there already
    from tests.simulation.mutants.patch import plant

    with pytest.raises(AssertionError, match="imported before"):
        plant(mutant("m", "", ("domain/ledger.py", "return self.sent + self.holds", "return 47")))
