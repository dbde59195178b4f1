"""No test reads the settings or locks of whoever runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.crm import Crm
from tests.app.place import Place


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """User settings and runtime folder inside the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder, a world without end of money, and virtual time."""
    folder = tmp_path / "work"
    folder.mkdir()
    return Place(folder)


@pytest.fixture
def crm(place: Place) -> Crm:
    """With two people in it."""
    crm = Crm(place.folder)
    crm.insert("b1", "d1")
    return crm
