"""What tests of long nights ask for."""

from __future__ import annotations

import pytest

from runner.engine import listening


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at another terminal: to look for wishes twice a second is most of what hours of waiting cost."""
    monkeypatch.setattr(listening, "WISHES_SECONDS", 600.0)
