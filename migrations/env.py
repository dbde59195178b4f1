"""Runs migrations for `runner.store.migrate`, or, for developers, writes the next one by comparing with the tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.migration import MigrationContext
from alembic.operations import MigrationScript, Operations
from alembic.script import ScriptDirectory

from runner.store.tables import metadata


def number_revision(_: Any, __: Any, directives: list[MigrationScript]) -> None:
    """Revisions are numbered 0001, 0002, ...: a folder of migrations reads in order."""
    newest = ScriptDirectory.from_config(context.config).get_current_head()
    directives[0].rev_id = f"{int(newest or 0) + 1:04d}"


def migrate(connection: sa.Connection) -> None:
    """Bring the database behind `connection` to the asked revision, inside the caller's transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite changes a table by copying it
        transactional_ddl=True,  # the store's connections begin for real, so a failed upgrade leaves nothing behind
        process_revision_directives=number_revision,
    )
    with context.begin_transaction():
        context.run_migrations()


def compare_scratch() -> None:
    """For developers: what the tables have that an empty database at the newest revision lacks."""
    script = ScriptDirectory.from_config(context.config)
    with sa.create_engine("sqlite://").begin() as connection:
        scratch = MigrationContext.configure(connection)
        with Operations.context(scratch):
            for revision in reversed(list(script.walk_revisions())):
                revision.module.upgrade()
        scratch.stamp(script, "head")
        migrate(connection)


handed = context.config.attributes.get("connection")
if handed is None:
    compare_scratch()
else:
    migrate(handed)
