"""Locks: one holder, who is named, who loses them by dying, and for whom one can wait."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import runner
from runner.errors import BusyError, RunnerError, UsageError
from runner.store.database import Database
from runner.store.locks import account_fingerprint, is_locked, lock_account, lock_database, wait_for
from tests.store.world import HandClock

ROOT = Path(runner.__file__).parent.parent
HOLDER = (
    "import pathlib, sys\nfrom runner.errors import BusyError\nfrom runner.store.locks import lock_database\n"
    "from tests.store.world import HandClock\n"
    "sys.stdin.read(1)\n"
    "try:\n    lock = lock_database(pathlib.Path(sys.argv[1]), clock=HandClock())\n"
    "except BusyError as busy:\n    print('busy', busy.why, flush=True)\n"
    "else:\n    print('held', flush=True)\nsys.stdin.read(1)\n"
)


def holder(database: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("x")
    process.stdin.flush()
    return process.stdout.readline()


def test_looking_tells_whether_somebody_is_at_work_and_leaves_no_trace(tmp_path: Path, clock: HandClock) -> None:
    """No file is made, the holder's name stays, and a look never stands in a run's way."""
    database = tmp_path / "a.db"
    assert not is_locked(database)
    assert list(tmp_path.iterdir()) == []
    with lock_database(database, clock=clock):
        signed = (tmp_path / "a.db.lock").read_bytes()
        assert is_locked(database)
        assert (tmp_path / "a.db.lock").read_bytes() == signed
    assert not is_locked(database)
    lock_database(database, clock=clock).release()


def test_two_processes_race_and_one_wins(tmp_path: Path, clock: HandClock) -> None:
    """Exactly one of several processes holds the database; the others name it; its death lets the next one in."""
    racers = [holder(tmp_path / "a.db") for _ in range(3)]
    try:
        said = [told(racer) for racer in racers]
        assert sorted(line.split()[0] for line in said) == ["busy", "busy", "held"]
        winner = racers[[line.startswith("held") for line in said].index(True)]
        assert all(f"process {winner.pid}," in line for line in said if line.startswith("busy"))
        winner.kill()
        winner.wait()
        lock_database(tmp_path / "a.db", clock=clock).release()
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()


def test_the_refusal_names_the_holder(tmp_path: Path, clock: HandClock) -> None:
    """Process, start and database are told, and the way to queue."""
    with lock_database(tmp_path / "a.db", clock=clock), pytest.raises(BusyError) as busy:
        lock_database(tmp_path / "a.db", clock=clock)
    assert busy.value.exit_code == 7
    assert f"process {os.getpid()}, started 2026-11-18T" in busy.value.why
    assert "a.db" in busy.value.why
    assert "--wait" in busy.value.fix


def test_a_symbolic_link_is_the_same_database(tmp_path: Path, clock: HandClock) -> None:
    """Two names of one file are one lock."""
    (tmp_path / "a.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    with lock_database(tmp_path / "a.db", clock=clock), pytest.raises(BusyError):
        lock_database(tmp_path / "link.db", clock=clock)


def test_an_account_is_locked_for_every_database(tmp_path: Path, clock: HandClock) -> None:
    """Another database with the same address and key is refused; another key is not; no key is in any name."""
    account = account_fingerprint("https://api.example.com", "obviously-fake-key")
    other = account_fingerprint("https://api.example.com", "another-fake-key")
    with lock_account(account, database=tmp_path / "a.db", clock=clock, folder=tmp_path / "run"):
        with pytest.raises(BusyError, match=r"account") as busy:
            lock_account(account, database=tmp_path / "b.db", clock=clock, folder=tmp_path / "run")
        assert "a.db" in busy.value.why
        lock_account(other, database=tmp_path / "b.db", clock=clock, folder=tmp_path / "run").release()
    lock_account(account, database=tmp_path / "b.db", clock=clock, folder=tmp_path / "run").release()
    assert not [path for path in (tmp_path / "run").iterdir() if "fake" in path.name]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "run").iterdir()} == {0o600}


def test_account_locks_lie_in_the_users_own_folder(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a folder given it is the user's runtime directory, made for the user alone."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    lock_account("f" * 64, database=tmp_path / "a.db", clock=clock).release()
    assert (tmp_path / "runner" / f"{'f' * 64}.lock").exists()
    assert stat.S_IMODE((tmp_path / "runner").stat().st_mode) == 0o700


@pytest.mark.anyio
async def test_waiting_takes_its_turn(tmp_path: Path, clock: HandClock) -> None:
    """It looks once a second, gets the lock when it is free, and tells who holds it when the time is over."""
    held = lock_database(tmp_path / "a.db", clock=clock)
    with pytest.raises(BusyError):
        await wait_for(lambda: lock_database(tmp_path / "a.db", clock=clock), clock=clock, seconds=2.5)
    assert clock.slept == pytest.approx([1.0, 1.0, 0.5])
    held.release()
    (await wait_for(lambda: lock_database(tmp_path / "a.db", clock=clock), clock=clock, seconds=0)).release()


def test_a_folder_that_holds_no_locks_is_said(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems know none: a mistake of the command, no crash; and nobody can say that no run is at work."""

    def unknown(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    database = tmp_path / "a.db"
    (tmp_path / "a.db.lock").touch()
    monkeypatch.setattr("fcntl.flock", unknown)
    with pytest.raises(UsageError, match="cannot hold locks") as refused:
        lock_database(database, clock=clock)
    assert (refused.value.why, refused.value.fix) == (os.strerror(errno.ENOLCK), "--db FILE, on a local disk")
    with pytest.raises(UsageError, match="cannot hold locks") as refused:
        lock_account("f" * 64, database=database, clock=clock, folder=tmp_path)
    assert refused.value.fix.startswith("export XDG_RUNTIME_DIR=")
    assert is_locked(database)


def test_a_lock_is_held_where_nothing_can_be_written(tmp_path: Path, clock: HandClock) -> None:
    """On a full disk nobody can sign it: it keeps others out all the same."""
    database = tmp_path / "a.db"
    cramped = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n{HOLDER}"
    with subprocess.Popen(
        [sys.executable, "-c", cramped, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert told(process) == "held\n"
        with pytest.raises(BusyError) as busy:
            lock_database(database, clock=clock)
        assert busy.value.why == "another process holds its lock"
        process.communicate("x")


@pytest.mark.parametrize("ours", [True, False])
def test_a_file_that_another_runner_writes_to_is_no_other_programs(
    tmp_path: Path, clock: HandClock, ours: bool
) -> None:
    """A second load beside a long one is told whose turn it is; only a stranger's lock is a failure."""
    path = tmp_path / "runner.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder, lock_database(path, clock=clock):
        lock = tmp_path / "runner.db.lock"
        if not ours:
            lock.write_text(json.dumps(json.loads(lock.read_text()) | {"pid": os.getpid() + 1}))
        holder.execute("BEGIN EXCLUSIVE")
        impatient = Database(path, connect=lambda *a, **k: sqlite3.connect(*a, **{**k, "timeout": 0}))
        with pytest.raises(RunnerError) as told, impatient.write_now():
            pass
    if ours:
        assert (told.value.code, told.value.what) == ("store", "runner.db is locked by another program")
    else:
        assert (told.value.exit_code, told.value.what) == (7, "runner.db is locked")
        assert f"process {os.getpid() + 1}, started 2026-11-18T" in told.value.why
        assert "30 seconds" in told.value.why
        assert "run the same command again" in told.value.fix
