"""The files for answers: where they are, and whose."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import runner
from runner.errors import StoreError
from runner.store.spill import Spill, answers_path, notices, places

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


def test_answers_beside_the_database_that_belong_to_another_user_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are this database's, paid for. In a folder for everybody they may be planted, and are passed over."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("runner.store.spill._TEMPORARY", ())
    database = tmp_path / "runner.db"
    beside, shared = places(database)[0], places(database)[-1]
    shared.parent.mkdir()
    shared.write_text("planted\n")
    beside.write_text("an answer\n")
    assert [line.file for line in Spill(database).read()] == [beside, shared]
    me = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: me + 1)
    with pytest.raises(StoreError, match="belongs to another user") as refused:
        Spill(database).read()
    assert refused.value.fix == f"sudo chown $USER {beside}"
    assert notices(database) == [f"{beside} belongs to another user: it holds answers of an earlier run"]
    beside.unlink()
    assert Spill(database).read() == []
