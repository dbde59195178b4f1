"""The files for answers: where they are, and whose."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runner
from runner.store.spill import answers_path, places

ROOT = Path(runner.__file__).parent.parent
CRAMPED = (
    "import pathlib, resource, sys\nfrom runner.store.spill import notices, places\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    "print(notices(pathlib.Path(sys.argv[1])), *places(pathlib.Path(sys.argv[1])))\n"
)


def test_the_places_are_the_same_on_a_full_disk(tmp_path: Path) -> None:
    """Where nothing can be written they are found all the same: a look does not fail, and the next run looks there."""
    database = tmp_path / "runner.db"
    done = subprocess.run(
        [sys.executable, "-c", CRAMPED, str(database)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["[]", *map(str, places(database))]
    assert places(database)[0] == answers_path(database)
    assert list(tmp_path.iterdir()) == []


def test_folders_without_a_full_name_are_no_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would be others for a run that is started elsewhere; and a folder that is named twice is read once."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.setattr("runner.store.spill._TEMPORARY", (str(folder), str(tmp_path / "link")))
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("TMPDIR", "tmp")
    database = tmp_path / "runner.db"
    assert [file.parent for file in places(database) if tmp_path in file.parents] == [tmp_path, folder]
    assert all(file.is_absolute() for file in places(database))
