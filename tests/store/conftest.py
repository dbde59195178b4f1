"""A store on a real file, writing inline: tests of the thread open their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.store import open_store
from runner.store.store import Store
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
