"""A place for nights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.engine.listening import WISHES_SECONDS
from tests.simulation.nights import night_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder: in memory where there is such a place, since a simulated disk need not turn."""
    with night_folder() as path:
        yield path


@pytest.fixture(autouse=True)
def _poll_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A night sets how often a run looks for wishes; the tests that come after it have the usual pace again."""
    monkeypatch.setattr("runner.engine.listening.WISHES_SECONDS", WISHES_SECONDS)
