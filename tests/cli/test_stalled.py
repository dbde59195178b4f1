"""A run that hung, as people see it: a sentence, an exit code, and a file that says where."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.engine import watchdog
from tests.cli.place import RUN, inside, names, write_list


@pytest.fixture
def hung(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing that is due is sent, and the watchdog loses its patience at the second look."""

    def signs(self: watchdog.Watchdog) -> Iterator[watchdog.Sign]:
        yield "lane", 0

    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(watchdog, "LEAVE_SECONDS", 0.02)
    monkeypatch.setattr(watchdog, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(watchdog.Watchdog, "_signs", signs)
    write_list(folder, *names("hung", 200))
    return folder


def test_a_hang_is_told_and_its_place_is_kept(hung: Path) -> None:
    """Exit 1; the file is its owner's alone and holds no address; the same command goes on."""
    told = inside(hung, *RUN, "-q")
    assert told.returncode == 1
    assert "nothing was sent for ten minutes although requests are due" in told.stderr
    found = re.search(r"Details: (\S+)", told.stderr)
    assert found is not None
    file = Path(found[1].rstrip("."))
    dump = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "lane defastra: " in dump
    assert "runner.engine." in dump
    assert "@example.com" not in dump
    file.unlink()


def test_scripts_are_told_too(hung: Path) -> None:
    """`--json` has the code, `-v` the place itself."""
    told = inside(hung, *RUN, "--json", "-v")
    assert told.returncode == 1
    assert '"code":"stalled"' in told.stdout.replace(" ", "")
    assert "lane defastra: " in told.stderr
    assert "Details: above" in told.stderr
