"""The tables as SQLAlchemy metadata: what the newest migration leads to. Triggers and views live in the migrations.

`..._us` columns are microseconds since the epoch, UTC; amounts are millionths of the provider's unit.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from runner.domain.model import UNSENT, Action, Debited, Fault, Resolution
from runner.domain.states import BatchState, JobState
from runner.store.columns import id_column, number, one_of, ours, part, text
from runner.store.values import Removed, Wish

HEAD: Final = "0001"
"""The revision this version works with; a test holds it to the newest migration."""

APPLICATION_ID: Final = 0x72_75_6E_72
"""SQLite's `application_id` of our files ("runr"): how a file that is not ours is told."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


batches = sa.Table(
    "batches",
    metadata,
    id_column(),
    text("name"),
    text("state"),
    text("reason", null=True),
    number("resume_at_us", null=True),
    text("requested_state", null=True),
    text("settings"),  # JSON objects and lists from here on
    text("source"),
    text("header"),
    text("operations"),
    text("mapping"),
    text("params"),
    text("delivered", null=True),
    text("content_hash"),
    number("visible_row", default=0),  # rows and jobs beyond these marks are still being loaded
    number("visible_job", default=0),
    number("refused", default=0),
    number(
        "load_number", default=0
    ),  # grows with each load: an older one that is still alive stops; odd: rows are being added
    number("created_us"),
    number("touched_us"),
    sa.UniqueConstraint("name"),
    one_of("state", BatchState),
    one_of("requested_state", Wish),
)

rows = sa.Table(
    "rows",
    metadata,
    sa.Column("batch", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    part("number", sa.Integer),
    number("line", null=True),
    text("cells"),
    text("key", null=True),
    sqlite_with_rowid=False,  # kept in the order of the list, which is how they are read
)
sa.Index("uq_rows_batch_key", rows.c.batch, rows.c.key, unique=True, sqlite_where=sa.text("key IS NOT NULL"))

runs = sa.Table(
    "runs",
    metadata,
    id_column(),
    number("started_us"),
    number("ended_us", null=True),
    number("exit_code", null=True),
    number("died", default=0),
    number("pid"),
    text("host"),
    text("version"),
    text("options"),
    sa.CheckConstraint("died IN (0, 1)", name="died"),
)

# By what requests a run asked, as hashes: of a sandbox's address, or of a profile that was edited, they are others.
asked = sa.Table(
    "asked",
    metadata,
    sa.Column("run", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    sa.Column("batch", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    part("operation", sa.Text),
    text("request_hash"),
    number("after_attempt"),  # the last one before it: no index leads from a run to its attempts
    sqlite_with_rowid=False,
)

jobs = sa.Table(
    "jobs",
    metadata,
    id_column(),
    ours("batch", "batches"),
    text("operation"),
    text("key"),
    text("value"),
    text("params"),
    sa.Column("state", sa.Text, nullable=False, server_default=JobState.QUEUED.value),
    number("due_us", default=0),
    ours("run", "runs", null=True),
    number("lease_until_us", null=True),
    number("attempts", default=0),  # opened
    number("attempts_spent", default=0),  # counted against the limit
    number("requests", default=0),  # sent, or perhaps sent: what `v_outcomes.attempts` shows
    number("debits", default=0),  # attempts charged for certain
    number("unknowns", default=0),  # attempts open, or closed with their charge unknown
    number("amount", default=0),  # charged for certain
    number("possible_double_charge", default=0),
    number("crashes", default=0),  # runs that died while it was in flight
    text("reason", null=True),
    number("final", null=True),
    number("found", null=True),
    text("result", null=True),
    number("http_status", null=True),
    text("error_code", null=True),
    text("error_message", null=True),
    number("finished_us", null=True),
    number("erased", default=0),  # its person was erased: only its figures are left, and it is never sent again
    ours("reused", "jobs", null=True),  # whose answer it was given: the one that was asked, never a copy of it
    one_of("state", JobState),
    sa.CheckConstraint("(state = 'running') = (run IS NOT NULL)", name="owner"),
    sa.CheckConstraint("unknowns >= 0 AND debits >= 0 AND requests >= 0", name="counts"),
)
# An index and no constraint of the table: it is built after a long list was written, not before.
sa.Index("uq_jobs_batch_operation_key", jobs.c.batch, jobs.c.operation, jobs.c.key, unique=True)
# The claim reads the first of these only: jobs that are queued, retries by due time, fresh ones by age.
sa.Index(
    "ix_jobs_queued", jobs.c.batch, jobs.c.operation, jobs.c.due_us, jobs.c.id, sqlite_where=sa.text("state = 'queued'")
)
sa.Index("ix_jobs_running", jobs.c.batch, sqlite_where=sa.text("state = 'running'"))
# What `status` counts of them stands in it: a list has millions, and their rows are long.
sa.Index(
    "ix_jobs_failed",
    *(jobs.c.batch, jobs.c.state, jobs.c.final, jobs.c.debits, jobs.c.unknowns),
    sqlite_where=sa.text("state = 'failed'"),
)
sa.Index("ix_jobs_in_doubt", jobs.c.batch, sqlite_where=sa.text("state = 'in_doubt'"))
sa.Index("ix_jobs_marked", jobs.c.batch, sqlite_where=sa.text("possible_double_charge = 1"))
sa.Index("ix_jobs_reused", jobs.c.reused, sqlite_where=sa.text("reused IS NOT NULL"))
sa.Index("ix_jobs_reusing", jobs.c.batch, jobs.c.operation, sqlite_where=sa.text("reused IS NOT NULL"))

row_jobs = sa.Table(
    "row_jobs",
    metadata,
    part("batch", sa.Integer),
    part("row", sa.Integer),
    part("operation", sa.Text),
    ours("job", "jobs", null=True),
    text("invalid", null=True),
    text("value", null=True),  # the raw cell, where it was refused
    sa.ForeignKeyConstraint(["batch", "row"], ["rows.batch", "rows.number"]),
    sa.CheckConstraint("(job IS NULL) = (invalid IS NOT NULL)", name="job_or_invalid"),
    sqlite_with_rowid=False,
)
sa.Index("ix_row_jobs_job", row_jobs.c.job, sqlite_where=sa.text("job IS NOT NULL"))

_SENT: Final = f"fault IS NULL OR ({' AND '.join(f'fault <> {fault.value!r}' for fault in sorted(UNSENT))})"
_STANDING: Final = (
    "CASE WHEN closed_us IS NULL THEN 'held' "
    "WHEN resolution = 'charged' OR debited = 'yes' THEN 'debited' "
    "WHEN resolution = 'not-charged' OR debited = 'no' THEN 'released' "
    "ELSE 'in_doubt' END"
)

attempts = sa.Table(
    "attempts",
    metadata,
    id_column(),
    ours("job", "jobs"),
    ours("batch", "batches"),
    ours("run", "runs"),
    text("operation"),
    text("provider"),
    text("account"),
    number("number"),
    number("opened_us"),
    number("within_us"),
    text("client_request_id"),
    text("method"),
    text("path"),
    text("unit"),
    number("held"),
    number("closed_us", null=True),
    number("http_status", null=True),
    text("fault", null=True),
    text("detail", null=True),
    text("rule", null=True),
    text("action", null=True),
    text("debited", null=True),
    number("amount", null=True),
    text("error_code", null=True),
    text("error_message", null=True),
    text("provider_request_id", null=True),
    number("balance", null=True),  # what the provider said was left after it
    sa.Column("wait_seconds", sa.Float, nullable=True),
    number("spent", null=True),
    text("resolution", null=True),
    number("resolved_us", null=True),
    # The ledger's word for an attempt, and whether a request left (or may have): one definition for totals and views.
    sa.Column("standing", sa.Text, sa.Computed(_STANDING, persisted=False)),
    sa.Column("sent", sa.Integer, sa.Computed(_SENT, persisted=False)),
    sa.UniqueConstraint("client_request_id"),
    sa.UniqueConstraint("job", "number"),
    one_of("fault", Fault),
    one_of("action", Action),
    one_of("debited", Debited),
    one_of("resolution", Resolution),
    sa.CheckConstraint("(closed_us IS NULL) = (debited IS NULL)", name="closed"),
    sa.CheckConstraint("resolution IS NULL OR debited = 'unknown'", name="resolved_doubt"),
)
sa.Index("uq_attempts_open", attempts.c.job, unique=True, sqlite_where=sa.text("closed_us IS NULL"))
sa.Index(
    "ix_attempts_dearer",
    attempts.c.operation,
    attempts.c.unit,
    attempts.c.amount,
    sqlite_where=sa.text("amount > held"),
)
sa.Index("ix_attempts_account", attempts.c.account, attempts.c.closed_us, sqlite_where=sa.text("closed_us IS NOT NULL"))
sa.Index("ix_attempts_doubted", attempts.c.account, attempts.c.opened_us, sqlite_where=sa.text("debited = 'unknown'"))

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("attempt", sa.Integer, sa.ForeignKey("attempts.id"), primary_key=True, autoincrement=False),
    text("headers"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    number("truncated"),
    text("removed", null=True),  # why headers and body are not kept, or no longer
    one_of("removed", Removed),
    sa.CheckConstraint("removed IS NULL OR (length(body) = 0 AND headers = '[]')", name="emptied"),
)

# Kept by triggers in the transaction of what they count: no question has to count a million rows.
job_totals = sa.Table(
    "job_totals",
    metadata,
    part("batch", sa.Integer),
    part("operation", sa.Text),
    part("state", sa.Text),
    number("jobs"),
    sa.CheckConstraint("jobs >= 0", name="jobs"),
    sqlite_with_rowid=False,
)
attempt_totals = sa.Table(
    "attempt_totals",
    metadata,
    part("batch", sa.Integer),
    part("provider", sa.Text),
    part("operation", sa.Text),
    part("unit", sa.Text),
    part("day", sa.Integer),  # on which it was opened: whole days since the epoch, UTC
    part("standing", sa.Text),
    number("requests"),
    number("amount"),
    sa.CheckConstraint("requests >= 0 AND amount >= 0", name="counts"),
    sqlite_with_rowid=False,
)

# At the end of a run: between which balances its account's wallet was, and what the answers account for.
balances = sa.Table(
    "balances",
    metadata,
    sa.Column("batch", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    part("provider", sa.Text),
    part("run", sa.Integer),
    *map(text, ("account", "unit")),
    number("upto"),  # the last attempt that was looked at
    *map(number, ("first_us", "clear_us", "last_us", "until_us")),
    *map(number, ("opening", "closing", "topped_up", "debited", "overlap")),
    sqlite_with_rowid=False,
)

lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("batch", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    part("provider", sa.Text),
    text("state"),
    text("report"),  # JSON object: the whole report
    sqlite_with_rowid=False,
)

events = sa.Table(
    "events",
    metadata,
    id_column(),
    number("at_us"),
    ours("run", "runs", null=True),
    ours("batch", "batches", null=True),
    text("lane", null=True),
    text("event"),
    text("detail"),
)
sa.Index(None, events.c.at_us)
sa.Index(None, events.c.batch, events.c.at_us)
