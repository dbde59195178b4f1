"""A database with a second name, as `ln`, `cp -al` and those that merge equal files make it: nothing is paid twice."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from runner.store.locks import lock_database
from runner.system import SystemClock
from tests.cli.place import RUN, inside, names, write_list

BATCH = "leads-defastra-email"
LOAD = ("load", "leads.csv", "-p", "defastra.email")
WRITES = (
    RUN,
    ("run", BATCH),
    (*LOAD, "--new"),
    ("pause", BATCH),
    ("resume", BATCH),
    ("cancel", BATCH),
    ("tune", BATCH, "--rate", "1/s"),
    ("retry", BATCH),
    ("doubt", "resolve", BATCH, "--all", "--as", "charged", "--yes"),
    ("export", BATCH, "-o", "out.csv"),
    ("report", BATCH, "-o", "out.html"),
    ("db", "upgrade"),
    ("db", "erase", "--match", "ada@example.com", "--yes"),
    ("db", "purge", "--older-than", "1d", "--yes"),
)
READS: tuple[tuple[str, ...], ...] = (("status",), ("status", BATCH), ("check", *LOAD[1:]))
SILENT: tuple[tuple[str, ...], ...] = (
    ("log",),
    ("spend",),
    ("explain", BATCH, "1"),
    ("db", "verify"),
    ("db", "backup", "copy.db"),
)
SECOND = "runner.db has a second name (a hard link)"


@pytest.fixture
def loaded(folder: Path) -> Path:
    """The folder, with a batch of two."""
    write_list(folder, *names("linked", 2))
    assert inside(folder, *LOAD).returncode == 0
    return folder


def snapshot(folder: Path) -> Path:
    """What `cp -al` makes of it."""
    other = folder / "snap"
    other.mkdir()
    for file in [file for file in folder.iterdir() if file.is_file()]:
        os.link(file, other / file.name)
    return other


def cut_off(folder: Path) -> Path:
    """The folder as a run that was killed leaves it: what was decided last is in the write-ahead log alone."""
    place = folder / "cut-off"
    with closing(sqlite3.connect(folder / "runner.db")) as beside:
        beside.execute("BEGIN")
        beside.execute("SELECT count(*) FROM batches").fetchone()
        assert inside(folder, "pause", BATCH).returncode == 0
        shutil.copytree(folder, place)
    assert (place / "runner.db-wal").stat().st_size
    return place


def contents(folder: Path) -> list[bytes]:
    """What is kept of a database; its index is made anew from that."""
    return [(folder / name).read_bytes() for name in ("runner.db", "runner.db-wal")]


def paste_fix(told: str, folder: Path) -> None:
    """As a person would."""
    command = told.partition("give this one files of its own: ")[2].splitlines()[0]
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, timeout=20)


def test_nothing_is_written_to_a_file_of_two_names(loaded: Path) -> None:
    """Each command that would: exit 2 with a command that mends it, and the file as it was."""
    (loaded / "hard.db").hardlink_to(loaded / "runner.db")
    before = (loaded / "runner.db").read_bytes()
    for command in WRITES:
        told = inside(loaded, *command)
        assert (told.returncode, told.stdout) == (2, ""), (command, told.stderr)
        assert f"error: {SECOND}" in told.stderr, command
        assert "what is sent under one would be sent again under the other" in told.stderr
    assert (loaded / "runner.db").read_bytes() == before


def test_who_only_reads_is_told_and_reads(loaded: Path) -> None:
    """A notice, and the answer."""
    (loaded / "hard.db").hardlink_to(loaded / "runner.db")
    for command in READS:
        told = inside(loaded, *command)
        assert told.returncode == 0, (command, told.stderr)
        assert f"{SECOND}: nothing is sent or written" in told.stderr, command
    for command in SILENT:
        assert inside(loaded, *command).returncode == 0, command


def test_the_fix_keeps_what_only_the_log_knows(loaded: Path) -> None:
    """File and log are two of a killed run's, and the other copy stays as it is."""
    place = cut_off(loaded)
    other = snapshot(place)
    others = contents(other)
    told = inside(place, *RUN)
    assert told.returncode == 2
    paste_fix(told.stderr, place)
    assert contents(other) == others
    assert "paused" in inside(place, "status", BATCH).stdout
    assert inside(place, "resume", BATCH).returncode == 0
    assert inside(place, "db", "verify").returncode == 0
    assert inside(place, *RUN).returncode == 0
    assert contents(other) == others
    assert not list(place.glob("*.own"))


@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_a_log_or_an_index_of_two_names_is_no_better(loaded: Path, end: str) -> None:
    """Whoever gave the file alone one of its own; the fix is one for what is left, in a folder with a blank."""
    place = cut_off(loaded).rename(loaded / "my leads")
    index = place / "runner.db-shm"
    index.touch()
    (place / "other").hardlink_to(place / f"runner.db{end}")
    told = inside(place, "resume", BATCH)
    assert told.returncode == 2
    assert f"runner.db{end} has a second name" in told.stderr
    paste_fix(told.stderr, place)
    assert inside(place, "resume", BATCH).returncode == 0


def test_a_run_at_work_can_still_be_stopped(loaded: Path) -> None:
    """Under its own name, not under the other one, although the lock is one file too."""
    other = snapshot(loaded)
    with lock_database(loaded / "runner.db", clock=SystemClock()):
        stopped, elsewhere = inside(loaded, "pause", BATCH), inside(other, "pause", BATCH)
        retried = inside(loaded, "retry", BATCH)
    assert stopped.returncode == 0, stopped.stderr
    assert elsewhere.returncode == 2
    assert retried.returncode == 2
    assert "once the run has ended, give this one files of its own" in elsewhere.stderr


@pytest.mark.parametrize("command", [("status", BATCH), ("resume", BATCH)], ids=" ".join)
def test_the_name_under_which_a_database_was_made_locks_nobody_out(loaded: Path, command: tuple[str, ...]) -> None:
    """Its process was cut off between two steps: the name is taken away; one that leads elsewhere is left."""
    left, strange = loaded / ".runner.db.4711.new", loaded / ".runner.db.4712.new"
    left.hardlink_to(loaded / "runner.db")
    strange.write_text("a draft of another process")
    told = inside(loaded, *command)
    assert told.returncode == 0, told.stderr
    assert "second name" not in told.stderr
    assert not left.exists()
    assert strange.exists()
