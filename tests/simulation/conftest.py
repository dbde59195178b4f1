"""A place for nights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.nights import night_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder: in memory where there is such a place, since a simulated disk need not turn."""
    with night_folder() as path:
        yield path
