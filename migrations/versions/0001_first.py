"""The first schema: tables, indexes, triggers and the five public views, in `0001_first.sql` beside this file."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From an empty file to 0001."""
    connection = op.get_bind()
    for statement in Path(__file__).with_suffix(".sql").read_text("utf-8").split("\n\n"):
        connection.exec_driver_sql(statement)
