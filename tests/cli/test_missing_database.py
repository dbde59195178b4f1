"""A database that is not where it was: it is never taken for one that was never made."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import runner
from runner.errors import SchemaError
from runner.store.locks import lock_database
from runner.system import SystemClock
from tests.cli.place import inside, names, write_list

LOAD = ("load", "leads.csv", "-p", "defastra.email")
READS = (
    (),
    ("status",),
    ("status", "leads"),
    ("log",),
    ("spend",),
    ("explain", "leads", "1"),
    ("report", "leads", "-o", "out.html"),
    ("doubt", "list"),
    ("doubt", "resolve", "leads", "--all", "--as", "charged"),
    ("pause", "leads"),
    ("resume", "leads"),
    ("cancel", "leads", "--yes"),
    ("retry", "leads"),
    ("tune", "leads", "--max-requests", "5"),
    ("db", "purge", "--older-than", "1d", "--yes"),
    ("db", "backup", "copy.db"),
    ("export", "leads", "-o", "out.csv"),
    ("db", "status"),
    ("db", "verify"),
    ("check", *LOAD[1:]),
)
MORE = (LOAD, ("run", *LOAD[1:]), ("run", "--all"), ("status", "--json"))


@pytest.mark.parametrize("command", [*READS, LOAD], ids=" ".join)
def test_a_database_that_was_moved_away_under_a_run_is_missed(folder: Path, command: tuple[str, ...]) -> None:
    """Who is at work on it is named, nothing begins anew, and the log of that run is left where it is."""
    write_list(folder, *names("gone", 2))
    log = folder / "runner.db-wal"
    log.write_bytes(b"what the run has paid for")
    with lock_database(folder / "runner.db", clock=SystemClock()):
        told = inside(folder, *command)
    assert (told.returncode, told.stdout) == (2, "")
    assert "runner.db is gone while a run is at work on it" in told.stderr
    assert f"process {os.getpid()}, started" in told.stderr
    assert f"put it back: mv WHERE-IT-IS-NOW {folder / 'runner.db'}" in told.stderr
    assert "-wal" not in told.stderr
    assert log.read_bytes() == b"what the run has paid for"
    assert not (folder / "runner.db").exists()


@pytest.mark.parametrize("command", [*READS, *MORE], ids=" ".join)
def test_what_a_killed_run_left_beside_a_missing_database_is_missed_by_all(
    folder: Path, command: tuple[str, ...]
) -> None:
    """Paid answers may be in its log, or were kept beside it: whoever only looks says so as `run` does, and both are
    left as they are."""
    write_list(folder, *names("left", 2))
    left = {"runner.db-wal": b"pages of another file", "runner.db.answers": b"{}\n"}
    for name, content in left.items():
        (folder / name).write_bytes(content)
        told = inside(folder, *command)
        wants_json = "--json" in command
        assert told.returncode == 2, told
        assert wants_json or told.stdout == ""
        error = json.loads(told.stdout)["error"] if wants_json else {}
        assert f"runner.db is gone, but {name} is here" in error.get("what", told.stderr)
        assert (folder / name).read_bytes() == content
        (folder / name).unlink()
    assert not (folder / "runner.db").exists()


def test_both_that_a_killed_run_left_are_moved_by_one_fix(folder: Path) -> None:
    """The fix names all that would be in the way of a new database, and takes nobody's place."""
    write_list(folder, *names("both", 2))
    for name in ("runner.db-wal", "runner.db.answers"):
        (folder / name).write_bytes(name.encode())
    (folder / "runner.db-wal.old").write_bytes(b"of another time")
    told = inside(folder, *LOAD)
    assert "runner.db is gone, but runner.db-wal and runner.db.answers are here" in told.stderr
    subprocess.run(["sh", "-c", told.stderr.partition(" or: ")[2]], check=True, timeout=20)
    assert inside(folder, *LOAD).returncode == 0
    assert (folder / "runner.db.answers.old").read_bytes() == b"runner.db.answers"
    assert (folder / "runner.db-wal.old").read_bytes() == b"of another time"
    assert (folder / "runner.db-wal.old2").read_bytes() == b"runner.db-wal"


def test_doctor_and_the_library_miss_a_database_that_is_gone(folder: Path) -> None:
    """What is found wrong by `doctor`, and an error where a program asks for batches."""
    (folder / "runner.db-wal").write_bytes(b"pages of another file")
    told = inside(folder, "doctor", "--offline")
    assert "runner.db is gone, but runner.db-wal is here" in told.stdout + told.stderr
    with runner.open(folder / "runner.db") as library, pytest.raises(SchemaError, match="is gone"):
        library.batches()


def test_the_log_of_a_database_that_is_gone_is_for_a_person_to_mend(folder: Path) -> None:
    """Nobody is at work any more: exit 2, and the fix works where the folder's name has a blank."""
    place = folder / "my leads"
    place.mkdir()
    (folder / "runner.toml").rename(place / "runner.toml")
    write_list(place, *names("log", 2))
    (place / "runner.db-wal").write_bytes(b"pages of another file")
    told = inside(place, *LOAD)
    assert told.returncode == 2
    subprocess.run(["sh", "-c", told.stderr.partition(" or: ")[2]], check=True, timeout=20)
    assert inside(place, *LOAD).returncode == 0
    assert (place / "runner.db-wal.old").read_bytes() == b"pages of another file"


@pytest.mark.parametrize("command", [*READS, LOAD], ids=" ".join)
def test_a_link_that_leads_nowhere_is_no_new_database(folder: Path, command: tuple[str, ...]) -> None:
    """A disk that is not mounted, say: told where it leads, and what to do."""
    write_list(folder, *names("nowhere", 2))
    (folder / "d.db").symlink_to(Path("nowhere", "x.db"))
    told = inside(folder, *command, "--db", "d.db")
    assert (told.returncode, told.stdout) == (2, "")
    assert f"d.db leads to {folder / 'nowhere' / 'x.db'}, which is not there" in told.stderr
    assert "mount the disk or put the file back, or: --db ANOTHER-FILE" in told.stderr
    assert not (folder / "nowhere").exists()
