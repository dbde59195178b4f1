"""Brings a file to the schema this version works with: creates, recognises, backs up and upgrades, or refuses.

alembic is imported only when there is something to do: opening a current file costs two small reads.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from runner.engine.ports import Clock
from runner.errors import SchemaError, UsageError
from runner.store.database import Connect, Database, create_private
from runner.store.journal import use_write_ahead_log
from runner.store.links import draft_of, refuse_linked
from runner.store.locks import lock_database
from runner.store.remains import empty_error, refuse_missing
from runner.store.tables import APPLICATION_ID, HEAD

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What was done to have a current file."""

    is_new: bool
    backup: Path | None  # the copy of the older file, beside it


def prepare(
    path: Path,
    *,
    clock: Clock,
    create: bool = True,
    scripts: Path | None = None,
    head: str = HEAD,
    connect: Connect = sqlite3.connect,
) -> Prepared:
    """Create or upgrade `path` to `head`. `scripts` is the folder of migrations; None: the shipped ones.

    Raises UsageError (missing and `create` is false, or nothing can be made there), SchemaError (newer, not ours, not
    where it was, of two names and to be changed, or empty and `create` is false), BusyError (a run is at work on an
    older file), StoreError.
    """
    if not path.exists():
        refuse_missing(path)
        if not create:
            raise UsageError(
                f"there is no database at {path}",
                why="nothing was loaded there yet",
                fix="runner load FILE -p PROVIDER.OPERATION, or --db ANOTHER-FILE",
            )
        return Prepared(is_new=_create(path, scripts=scripts, connect=connect), backup=None)
    database = Database(path, connect=connect)
    version = _version(database)
    if version == head:
        return Prepared(is_new=False, backup=None)
    if version is None and not create:
        raise empty_error(path)
    refuse_linked(path)
    if version is None:
        path.chmod(0o600)  # as if it had been made here: it will hold what was paid for
        _upgrade(database, scripts=scripts)
        return Prepared(is_new=True, backup=None)
    return Prepared(is_new=False, backup=_renew(database, version, clock=clock, scripts=scripts))


def _create(path: Path, *, scripts: Path | None, connect: Connect) -> bool:
    """Make the whole file under another name first: nobody ever sees half a database. False: another was quicker."""
    draft = draft_of(path)
    with suppress(OSError):  # where nothing can be removed, nothing can be made: that is said next
        draft.unlink()  # left by a process of the same number that was killed
    create_private(draft, fix="--db FILE in a folder you may write to, and for `run` -o FILE there too")
    try:
        database = Database(draft, connect=connect)
        use_write_ahead_log(database)
        _upgrade(database, scripts=scripts)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        except OSError:
            if path.exists():
                return False
            draft.rename(path)  # a file system without hard links
    finally:
        draft.unlink(missing_ok=True)
    return True


def _version(database: Database) -> str | None:
    """The revision of a file of ours; None: an empty file. SchemaError for anything else."""
    with database.reading() as connection:
        application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
        if application != APPLICATION_ID:
            if tables == 0 and application == 0:
                return None
            raise SchemaError(
                f"{database.path.name} is not a runner database",
                why="it was made by another program, and is left as it is",
                fix="--db ANOTHER-FILE",
            )
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def _renew(database: Database, version: str, *, clock: Clock, scripts: Path | None) -> Path:
    """Copy an older file, then upgrade it, under the database lock: no run of the older version may be at work."""
    from alembic.script import ScriptDirectory

    known = {revision.revision for revision in ScriptDirectory.from_config(_config(scripts)).walk_revisions()}
    if version not in known:
        raise SchemaError(
            f"{database.path.name} was written by a newer version of runner",
            why=f"its schema is {version}; this version knows up to {max(known)}",
            fix="pip install --upgrade bulk-runner",
        )
    with lock_database(database.path, clock=clock):
        stamp = datetime.fromtimestamp(clock.now_us() // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        copy = database.path.with_name(f"{database.path.name}.{version}-{stamp}.backup")
        database.backup(copy)
        _upgrade(database, scripts=scripts)
    return copy


def _upgrade(database: Database, *, scripts: Path | None) -> None:
    from alembic import command

    config = _config(scripts)
    use_write_ahead_log(database)
    with database.upgrading() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def pristine(connection: sa.Connection) -> None:
    """Make the schema of this version in an empty database that is kept nowhere: what others are compared with."""
    from alembic import command

    config = _config(None)
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def _config(scripts: Path | None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts or _shipped()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _shipped() -> Path:
    """`runner/_migrations` in an installed wheel, else `migrations` beside the package."""
    package = Path(__file__).parent.parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
