"""`db status|upgrade|backup`: the database file itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.domain.typed import typed_file
from runner.errors import BatchError, SchemaError
from runner.settings import at_home
from runner.work.named import is_there
from runner.work.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseStatus:
    """The database file."""

    path: Path
    exists: bool
    revision: str | None
    newest: str
    size_bytes: int
    batches: int


def status(session: Session) -> DatabaseStatus:
    """The file and its schema, read without changing it. SchemaError: not a runner database, empty, or set aside."""
    from runner.store.remains import refuse_missing
    from runner.store.tables import HEAD

    path = session.path
    exists = path.exists()
    refuse_missing(path)
    revision = _revision(path) if exists else None
    return DatabaseStatus(
        path=path,
        exists=exists,
        revision=revision,
        newest=HEAD,
        size_bytes=path.stat().st_size if exists else 0,
        batches=len(session.store().reports.batches()) if revision == HEAD else 0,
    )


def _revision(path: Path) -> str:
    from runner.store.database import Database
    from runner.store.remains import empty_error, is_empty
    from runner.store.tables import APPLICATION_ID

    if is_empty(path):
        raise empty_error(path)
    with Database(path).reading() as connection:
        if connection.exec_driver_sql("PRAGMA application_id").scalar_one() != APPLICATION_ID:
            raise SchemaError(
                f"{path.name} is not a runner database", why="Another program made it.", fix="--db ANOTHER-FILE"
            )
        return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


def upgrade(session: Session) -> DatabaseStatus:
    """Opening brings a file to this version's schema, with a copy of the old one beside it."""
    session.store(write=True)
    return status(session)


def backup(session: Session, target: Path) -> Path:
    """A consistent copy, beside a run if need be. BatchError: the target exists."""
    place = session.settings.directory / at_home(target)
    if is_there(place):
        raise BatchError(
            f"{place.name} exists already",
            why="A copy never replaces a file.",
            fix=f"runner db backup {typed_file(f'{place.stem}-2{place.suffix}')}",
        )
    return session.store().backup(place)
