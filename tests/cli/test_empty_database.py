"""A database that is empty, or was set aside as damaged: it is never taken for a place where nothing was paid."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.store import open_store
from runner.system import SystemClock
from tests.cli.place import RUN, inside, names, write_list

READS = (
    (),
    ("status",),
    ("status", "leads"),
    ("explain", "leads", "1"),
    ("log",),
    ("spend",),
    ("doubt", "list"),
    ("doubt", "resolve", "leads", "--all", "--as", "charged"),
    ("export", "leads", "-o", "out.csv"),
    ("pause", "leads"),
    ("retry", "leads"),
    ("run", "--all"),
    ("check", "leads.csv", "-p", "defastra.email"),
    ("db", "status"),
    ("db", "verify"),
    ("db", "upgrade"),
    ("db", "backup", "copy.db"),
)


@pytest.mark.parametrize("command", READS, ids=" ".join)
def test_an_empty_file_stays_empty_and_is_told_in_one_way(folder: Path, command: tuple[str, ...]) -> None:
    """Whatever only reads, or decides about batches: exit 2, the same words, and the file as it was."""
    write_list(folder, *names("w", 2))
    path = folder / "runner.db"
    path.touch(mode=0o644)
    told = inside(folder, *command)
    assert (told.returncode, told.stdout) == (2, "")
    assert "runner.db is empty" in told.stderr
    assert "If it held batches, it was truncated" in told.stderr
    assert path.stat().st_size == 0
    assert not (folder / "copy.db").exists()


def test_a_run_begins_anew_in_an_empty_file_and_says_so(folder: Path) -> None:
    """Only a load or a run makes a database of it, for its owner alone; said as long as no batch is in it."""
    write_list(folder, *names("x", 2))
    path = folder / "runner.db"
    path.touch(mode=0o644)
    first = inside(folder, *RUN)
    assert first.returncode == 0, first.stderr
    assert (
        "nothing paid earlier is known here; the file was empty: if it held batches, it was truncated" in first.stderr
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert "nothing paid earlier" not in inside(folder, *RUN).stderr


def test_a_database_without_a_batch_is_not_taken_for_one(folder: Path) -> None:
    """It was made, and nothing came of the load: the next run says again that nothing is known, and only once."""
    write_list(folder, *names("y", 2))
    open_store(folder / "runner.db", clock=SystemClock()).close()
    told = inside(folder, "load", "leads.csv", "-p", "defastra.email").stderr
    assert told.count(f"no batch is in {folder / 'runner.db'}: nothing paid earlier is known here") == 1
    assert "nothing paid earlier" not in inside(folder, *RUN).stderr


def test_a_database_that_was_set_aside_is_missed(folder: Path) -> None:
    """The proposed command without a backup changes nothing; where its first half was done, nobody begins anew."""
    write_list(folder, *names("z", 2))
    assert inside(folder, *RUN, "-q").returncode == 0
    path = folder / "runner.db"
    backup = path.read_bytes()
    path.write_bytes(backup[: len(backup) // 2])
    told = inside(folder, "spend")
    assert told.returncode == 2
    fix = told.stderr.rpartition("in its place: ")[2].strip()
    subprocess.run(["sh", "-c", fix], cwd=folder, capture_output=True, timeout=20)
    assert path.stat().st_size == len(backup) // 2
    (folder / "runner.db.damaged").mkdir()
    path.rename(folder / "runner.db.damaged" / "runner.db")
    for command in (*READS, RUN, ("load", "leads.csv", "-p", "defastra.email")):
        told = inside(folder, *command)
        assert (told.returncode, told.stdout) == (2, ""), command
        assert "runner.db was set aside as damaged, and no backup is in its place" in told.stderr, command
    (folder / "BACKUP").write_bytes(backup)
    fix = told.stderr.partition("fix: ")[2].partition("   (")[0]
    subprocess.run(["sh", "-c", fix], cwd=folder, check=True, timeout=20)
    assert inside(folder, "db", "verify").returncode == 0
