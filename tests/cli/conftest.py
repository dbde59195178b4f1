"""A provider on loopback, a folder whose settings point to it, and a clock that shows UTC."""

import time
from collections.abc import Iterator

import pytest

from tests.cli.place import sandbox, use


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """One sandbox for tests that do not read its counts from the start."""
    with sandbox(tmp_path_factory.mktemp("sandbox")) as served:
        yield served


@pytest.fixture
def folder(tmp_path, provider):
    """A folder whose runner.toml points to the sandbox."""
    use(tmp_path, provider.base_url)
    return tmp_path


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks on the screen are local ones."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
