"""${message}

Policy. People keep paid answers in these files for years. A migration
* runs in one transaction on a user's own file, of which a copy was taken first; it loses no row, attempt, answer or event;
* is never edited once released: what it does to a file must stay what it did;
* imports nothing from `runner`, which moves on while this page stays;
* changes a table with `op.batch_alter_table` (SQLite copies it) and then makes its triggers and views anew;
* keeps the public views' columns: new ones at the end, none renamed;
* comes with a test that upgrades a file written by the version before; there is no downgrade: the copy is the way back.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From ${down_revision} to ${up_revision}."""
    ${upgrades if upgrades else "pass"}
