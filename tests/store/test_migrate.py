"""Files: made, recognised, upgraded from a copy, refused."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

import runner
from runner.errors import BusyError, SchemaError, StoreError, UsageError
from runner.store import open_store
from runner.store.locks import lock_database
from runner.store.migrate import prepare
from runner.store.tables import HEAD, metadata
from tests.store.world import HandClock, loaded, query

SCRIPTS = Path(runner.__file__).parent.parent / "migrations"
OBJECTS = """
SELECT name, sql FROM sqlite_master
WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name <> 'alembic_version'
"""


def shape(lines: list[tuple[str, str]]) -> dict[str, str]:
    return {name: "".join(sql.split()) for name, sql in lines}


def test_upgrade_leads_to_the_tables(tmp_path: Path, clock: HandClock) -> None:
    """Tables and indexes made by the migrations are, letter by letter, those of the metadata."""
    prepare(tmp_path / "a.db", clock=clock)
    memory = sa.create_engine("sqlite://")
    metadata.create_all(memory)
    with memory.connect() as connection:
        wanted = shape([tuple(line) for line in connection.exec_driver_sql(OBJECTS)])
    memory.dispose()
    assert shape(query(tmp_path / "a.db", OBJECTS)) == wanted


def test_head_is_the_newest_migration() -> None:
    """The revision the code expects is the last one in the folder."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_files_are_private(tmp_path: Path, clock: HandClock) -> None:
    """Database, log and index are 0600, a folder made for them 0700."""
    path = tmp_path / "new" / "runner.db"
    with open_store(path, clock=clock, inline=True) as store:
        loaded(store)
        holder = sqlite3.connect(path)
        holder.execute("SELECT count(*) FROM batches").fetchone()
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
        assert modes == dict.fromkeys(("runner.db", "runner.db-wal", "runner.db-shm", "runner.db.lock"), 0o600)
        holder.close()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_new_is_said_once(tmp_path: Path, clock: HandClock) -> None:
    """Only the call that made the file says that it is new."""
    for expected in (True, False):
        with open_store(tmp_path / "a.db", clock=clock) as store:
            assert store.is_new is expected


def test_missing_file_is_not_made_when_not_asked(tmp_path: Path, clock: HandClock) -> None:
    """`create=False` refuses with a fix and leaves nothing behind."""
    with pytest.raises(UsageError) as refused:
        open_store(tmp_path / "a.db", clock=clock, create=False)
    assert refused.value.fix
    assert not list(tmp_path.iterdir())


def test_the_log_of_a_database_that_is_gone_never_reaches_a_new_one(tmp_path: Path, clock: HandClock) -> None:
    """Whoever removed the file alone after a kill is told; the fix works, and so does an empty log."""
    path, log = tmp_path / "a.db", tmp_path / "a.db-wal"
    log.write_bytes(b"pages of another file")
    with pytest.raises(StoreError, match="is gone, but") as refused:
        open_store(path, clock=clock)
    assert [file.name for file in tmp_path.iterdir()] == ["a.db-wal"]
    subprocess.run(refused.value.fix.partition("or: ")[2], shell=True, check=True)
    log.touch()
    with open_store(path, clock=clock) as store:
        assert store.is_new
    assert (tmp_path / "a.db-wal.old").read_bytes() == b"pages of another file"


def test_a_place_where_nothing_can_be_made_is_a_mistake_of_the_command(tmp_path: Path, clock: HandClock) -> None:
    """A database, its lock or a copy under something that is no folder: exit 2, with the reason and a fix."""
    blocked = tmp_path / "file.txt"
    blocked.touch()
    with open_store(tmp_path / "runner.db", clock=clock) as store:
        for make in (
            lambda: open_store(blocked / "runner.db", clock=clock),
            lambda: lock_database(blocked / "runner.db", clock=clock),
            lambda: store.backup(blocked / "copy.db"),
        ):
            with pytest.raises(UsageError) as refused:
                make()
            assert all((refused.value.what, refused.value.why, refused.value.fix))
            assert refused.value.exit_code == 2
    with pytest.raises(UsageError, match="no file can be made") as refused:
        open_store(blocked / "deeper" / "runner.db", clock=clock)
    assert "-o FILE" in refused.value.fix, "the rows would be refused next, in the same folder"


def test_other_files_are_left_alone(tmp_path: Path, clock: HandClock) -> None:
    """Another program's database, and a file that is no database, are refused unchanged."""
    other, text = tmp_path / "other.db", tmp_path / "text.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    text.write_text("id,email\n" * 200)
    for path in (other, text):
        before = path.read_bytes()
        with pytest.raises(SchemaError):
            open_store(path, clock=clock)
        assert path.read_bytes() == before


def test_newer_file_is_refused(tmp_path: Path, clock: HandClock) -> None:
    """A schema this version does not know is not guessed at."""
    prepare(tmp_path / "a.db", clock=clock)
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(SchemaError, match="newer version"):
        open_store(tmp_path / "a.db", clock=clock)


def next_version(tmp_path: Path, body: str) -> Path:
    """The shipped migrations and one more."""
    folder = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "0002_more.py").write_text(
        "from alembic import op\nrevision = '0002'\ndown_revision = '0001'\n"
        f"def upgrade():\n    op.execute('CREATE TABLE more (x)')\n    {body}\n"
    )
    return folder


def test_older_file_is_copied_then_upgraded(tmp_path: Path, clock: HandClock) -> None:
    """The copy beside the file is private and still has the old schema and every row."""
    path, folder = tmp_path / "a.db", next_version(tmp_path, "pass")
    with open_store(path, clock=clock, inline=True) as store:
        loaded(store, 5)
    done = prepare(path, clock=clock, scripts=folder, head="0002")
    assert done.backup is not None
    assert stat.S_IMODE(done.backup.stat().st_mode) == 0o600
    assert query(path, "SELECT version_num FROM alembic_version") == [("0002",)]
    assert query(done.backup, "SELECT version_num FROM alembic_version") == [("0001",)]
    assert query(path, "SELECT count(*) FROM rows") == query(done.backup, "SELECT count(*) FROM rows") == [(5,)]


def test_failed_upgrade_changes_nothing(tmp_path: Path, clock: HandClock) -> None:
    """A migration that fails half-way is undone as a whole."""
    path, folder = tmp_path / "a.db", next_version(tmp_path, "op.execute('CREATE TABLE rows (x)')")
    prepare(path, clock=clock)
    with pytest.raises(StoreError) as failed:
        prepare(path, clock=clock, scripts=folder, head="0002")
    assert "already exists" in failed.value.why
    assert query(path, "SELECT version_num FROM alembic_version") == [("0001",)]
    assert query(path, "SELECT count(*) FROM sqlite_master WHERE name = 'more'") == [(0,)]


def test_no_upgrade_under_a_run(tmp_path: Path, clock: HandClock) -> None:
    """While a run of the older version holds the database lock, its file is not changed."""
    path, folder = tmp_path / "a.db", next_version(tmp_path, "pass")
    prepare(path, clock=clock)
    with lock_database(path, clock=clock), pytest.raises(BusyError):
        prepare(path, clock=clock, scripts=folder, head="0002")
    assert query(path, "SELECT version_num FROM alembic_version") == [("0001",)]


def test_two_processes_make_one_file(tmp_path: Path) -> None:
    """Of two processes that open a missing file at once one makes it, both can use it, and no draft stays."""
    program = (
        "import sys, pathlib; sys.stdin.read(1)\n"
        "from tests.store.world import HandClock; from runner.store.migrate import prepare\n"
        "print(prepare(pathlib.Path(sys.argv[1]), clock=HandClock()).is_new)\n"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "a.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=SCRIPTS.parent,
        )
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("x")
        racer.stdin.flush()
    said = sorted(racer.communicate()[0].strip() for racer in racers)
    assert said == ["False", "True"]
    # Whichever closes last tidies up after SQLite; closing in the same moment, each may leave that to the other.
    assert {path.name for path in tmp_path.iterdir()} - {"a.db-wal", "a.db-shm"} == {"a.db"}


def test_a_current_file_loads_no_alembic(tmp_path: Path, clock: HandClock) -> None:
    """Opening a file that needs nothing, the common case, does not pay for the migration tool."""
    prepare(tmp_path / "a.db", clock=clock)
    program = (
        "import sys, pathlib\nfrom tests.store.world import HandClock\nfrom runner.store import open_store\n"
        "open_store(pathlib.Path(sys.argv[1]), clock=HandClock()).close()\nprint('alembic' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.db")],
        capture_output=True,
        text=True,
        check=True,
        cwd=SCRIPTS.parent,
    )
    assert done.stdout.strip() == "False"


def test_package_loads_no_database_library() -> None:
    """`runner.store` and its values cost the command line no SQLAlchemy."""
    program = "import sys, runner.store, runner.store.values\nprint('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=SCRIPTS.parent
    )
    assert done.stdout.strip() == "False"
