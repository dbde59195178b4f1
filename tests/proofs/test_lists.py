"""Slices of the proofs about lists in and out; `make soak` runs the full figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.cells import cells
from tests.proofs.lists.judge import lists
from tests.proofs.prove import prove

pytestmark = pytest.mark.slice


def test_files_in_every_spelling_with_every_accident(tmp_path: Path) -> None:
    """What went in comes out of a list, its export and its batch, or an error says why not."""
    prove(lists, tmp_path, files=300, loads=6)


def test_what_the_patterns_accept(tmp_path: Path) -> None:
    """The libraries read it the same way."""
    prove(cells, tmp_path, values=4_000)
