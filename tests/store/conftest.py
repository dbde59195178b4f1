"""A store on a real file, writing inline: tests of the thread open their own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from runner.store import open_store
from runner.store.store import Store
from tests.store.failing import Wire, Working
from tests.store.past import past
from tests.store.world import HandClock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    with open_store(tmp_path / "runner.db", clock=clock, inline=True) as opened:
        yield opened


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture(params=[True, False], ids=["inline", "thread"])
def working(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Working]:
    """A run on a store that may fail, with a state folder and a folder for temporary files of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("runner.store.spill._TEMPORARY", ())
    with open_store(
        tmp_path / "runner.db", clock=clock, inline=request.param, connect=wire.connect, fault_point=wire.point
    ) as opened:
        yield Working(opened, clock)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with a past, made once."""
    path, clock = tmp_path_factory.mktemp("verify") / "runner.db", HandClock()
    with open_store(path, clock=clock, inline=True) as store:
        anyio.run(past, store, clock)
    return path


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copy(original, tmp_path / "runner.db"))
