"""A backup in the place of its database: copies have a rollback journal, and are worked on as the original was."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runner.store import journal
from runner.store.remains import restore_command
from tests.cli.place import Provider, inside, names, seen, write_list

LOAD = ("load", "leads.csv", "-p", "defastra.email")
RUN = ("run", "leads-defastra-email", "--yes")


def _by_runner(folder: Path) -> None:
    assert inside(folder, "db", "backup", "b.db").returncode == 0


def _by_sqlite(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "runner.db")) as source, closing(sqlite3.connect(folder / "b.db")) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _by_vacuum(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "runner.db")) as source:
        source.execute("VACUUM INTO ?", (str(folder / "b.db"),))


def _restore(folder: Path) -> None:
    """With the command that the errors print."""
    command = restore_command(Path("runner.db")).replace("BACKUP", "b.db")
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, timeout=20)
    assert _mode(folder) == "delete"


def _mode(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "runner.db")) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.mark.parametrize("copy", [_by_runner, _by_sqlite, _by_vacuum])
def test_a_copy_in_its_place_is_run_and_exported(folder: Path, copy: Callable[[Path], None]) -> None:
    """While an export reads its rows it writes down what it is about to replace: no lock of its own is in the way."""
    write_list(folder, *names("restored", 3))
    assert inside(folder, *LOAD).returncode == 0
    copy(folder)
    _restore(folder)
    ran = inside(folder, *RUN)
    assert ran.returncode == 0, ran.stderr
    assert (folder / "leads-defastra-email.csv").read_text().count(",succeeded,") == 3
    assert _mode(folder) == "wal"


@pytest.mark.parametrize(
    "writes", [("export", "leads", "-o", "out.csv"), ("pause", "leads"), ("db", "upgrade"), LOAD], ids=" ".join
)
def test_what_only_reads_leaves_a_copy_as_it_is(folder: Path, writes: tuple[str, ...]) -> None:
    """A backup that is looked at stays one file; the first command that writes makes it a database again."""
    write_list(folder, *names("looked", 2))
    assert inside(folder, *LOAD).returncode == 0
    _by_runner(folder)
    _restore(folder)
    for reads in (("status",), ("log",), ("check", *LOAD[1:]), ("db", "status"), ("db", "verify")):
        assert inside(folder, *reads).returncode == 0
        assert _mode(folder) == "delete"
    assert inside(folder, *writes).returncode == 0
    assert _mode(folder) == "wal"


def test_a_copy_that_is_being_read_is_not_sent_from(
    folder: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be made ready for writing: said before the first request, and the same command works afterwards."""
    monkeypatch.setattr(journal, "SWITCH_MS", 50)
    write_list(folder, *names("viewed", 2))
    assert inside(folder, *LOAD).returncode == 0
    _by_runner(folder)
    _restore(folder)
    with closing(sqlite3.connect(folder / "runner.db", isolation_level=None)) as viewer:
        viewer.execute("BEGIN")
        viewer.execute("SELECT count(*) FROM jobs").fetchone()
        refused = inside(folder, *RUN)
        assert inside(folder, "status").returncode == 0
    assert refused.returncode == 1
    assert "runner.db is read by another program, and cannot be made ready for writing meanwhile" in refused.stderr
    assert seen(provider, "viewed") == []
    assert inside(folder, *RUN).returncode == 0
    assert len(seen(provider, "viewed")) == 2
