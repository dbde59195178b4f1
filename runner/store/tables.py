"""The tables as SQLAlchemy metadata: what the newest migration leads to. Triggers and views live in the migrations.

`..._us` columns are microseconds since the epoch, UTC; amounts are millionths of the provider's unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import UNSENT, Action, Debited, Fault, Resolution
from runner.domain.states import BatchState, JobState
from runner.store.values import Wish

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


def _one_of(column: str, values: Iterable[str], *, name: str | None = None) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=name or column)


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _number(name: str, *, null: bool = False, default: int | None = None) -> sa.Column[int]:
    # An instant in microseconds needs 64 bits; SQLite's INTEGER has them, other databases say BIGINT.
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, nullable=null, server_default=None if default is None else sa.text(str(default)))


def _ours(name: str, target: str, *, null: bool = False) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, sa.ForeignKey(f"{target}.id"), nullable=null)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def _part(name: str, kind: type[sa.Integer] | type[sa.Text]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


batches = sa.Table(
    "batches",
    metadata,
    _id(),
    _text("name"),
    _text("state"),
    _text("reason", null=True),
    _number("resume_at_us", null=True),
    _text("requested_state", null=True),
    _text("settings"),  # JSON objects and lists from here on
    _text("source"),
    _text("header"),
    _text("operations"),
    _text("mapping"),
    _text("params"),
    _text("delivered", null=True),
    _text("content_hash"),
    _number("visible_row", default=0),  # rows and jobs beyond these marks are still being loaded
    _number("visible_job", default=0),
    _number("refused", default=0),
    _number("load_number", default=0),  # grows with each load: an older one that is still alive stops
    _number("created_us"),
    _number("touched_us"),
    sa.UniqueConstraint("name"),
    _one_of("state", BatchState),
    _one_of("requested_state", Wish),
)

rows = sa.Table(
    "rows",
    metadata,
    sa.Column("batch", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    _part("number", sa.Integer),
    _number("line", null=True),
    _text("cells"),
    _text("key", null=True),
    sqlite_with_rowid=False,  # kept in the order of the list, which is how they are read
)
sa.Index("uq_rows_batch_key", rows.c.batch, rows.c.key, unique=True, sqlite_where=sa.text("key IS NOT NULL"))

runs = sa.Table(
    "runs",
    metadata,
    _id(),
    _number("started_us"),
    _number("ended_us", null=True),
    _number("exit_code", null=True),
    _number("died", default=0),
    _number("pid"),
    _text("host"),
    _text("version"),
    _text("options"),
    sa.CheckConstraint("died IN (0, 1)", name="died"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    _id(),
    _ours("batch", "batches"),
    _text("operation"),
    _text("key"),
    _text("value"),
    _text("params"),
    sa.Column("state", sa.Text, nullable=False, server_default=JobState.QUEUED.value),
    _number("due_us", default=0),
    _ours("run", "runs", null=True),
    _number("lease_until_us", null=True),
    _number("attempts", default=0),  # opened
    _number("attempts_spent", default=0),  # counted against the limit
    _number("requests", default=0),  # sent, or perhaps sent: what `v_outcomes.attempts` shows
    _number("debits", default=0),  # attempts charged for certain
    _number("unknowns", default=0),  # attempts open, or closed with their charge unknown
    _number("amount", default=0),  # charged for certain
    _number("possible_double_charge", default=0),
    _number("crashes", default=0),  # runs that died while it was in flight
    _text("reason", null=True),
    _number("final", null=True),
    _number("found", null=True),
    _text("result", null=True),
    _number("http_status", null=True),
    _text("error_code", null=True),
    _text("error_message", null=True),
    _number("finished_us", null=True),
    sa.UniqueConstraint("batch", "operation", "key"),
    _one_of("state", JobState),
    sa.CheckConstraint("(state = 'running') = (run IS NOT NULL)", name="owner"),
    sa.CheckConstraint("unknowns >= 0 AND debits >= 0 AND requests >= 0", name="counts"),
)
# The claim reads the first index only: jobs that are queued, retries by due time, fresh ones by age.
sa.Index(
    "ix_jobs_queued", jobs.c.batch, jobs.c.operation, jobs.c.due_us, jobs.c.id, sqlite_where=sa.text("state = 'queued'")
)
sa.Index("ix_jobs_running", jobs.c.batch, sqlite_where=sa.text("state = 'running'"))
sa.Index("ix_jobs_failed", jobs.c.batch, sqlite_where=sa.text("state = 'failed'"))
sa.Index("ix_jobs_in_doubt", jobs.c.batch, sqlite_where=sa.text("state = 'in_doubt'"))
sa.Index("ix_jobs_reused", jobs.c.batch, jobs.c.operation, sqlite_where=sa.text("state = 'succeeded' AND requests = 0"))

row_jobs = sa.Table(
    "row_jobs",
    metadata,
    _part("batch", sa.Integer),
    _part("row", sa.Integer),
    _part("operation", sa.Text),
    _ours("job", "jobs", null=True),
    _text("invalid", null=True),
    _text("value", null=True),  # the raw cell, where it was refused
    sa.ForeignKeyConstraint(["batch", "row"], ["rows.batch", "rows.number"]),
    sa.CheckConstraint("(job IS NULL) = (invalid IS NOT NULL)", name="job_or_invalid"),
    sqlite_with_rowid=False,
)
sa.Index("ix_row_jobs_job", row_jobs.c.job, sqlite_where=sa.text("job IS NOT NULL"))

_SENT: Final = f"fault IS NULL OR fault NOT IN ({', '.join(repr(fault.value) for fault in sorted(UNSENT))})"
_STANDING: Final = (
    "CASE WHEN closed_us IS NULL THEN 'held' "
    "WHEN resolution = 'charged' OR debited = 'yes' THEN 'debited' "
    "WHEN resolution = 'not-charged' OR debited = 'no' THEN 'released' "
    "ELSE 'in_doubt' END"
)

attempts = sa.Table(
    "attempts",
    metadata,
    _id(),
    _ours("job", "jobs"),
    _ours("batch", "batches"),
    _ours("run", "runs"),
    _text("operation"),
    _text("provider"),
    _text("account"),
    _number("number"),
    _number("opened_us"),
    _number("timeout_us"),
    _text("client_request_id"),
    _text("method"),
    _text("path"),
    _text("unit"),
    _number("held"),
    _number("closed_us", null=True),
    _number("http_status", null=True),
    _text("fault", null=True),
    _text("detail", null=True),
    _text("rule", null=True),
    _text("action", null=True),
    _text("debited", null=True),
    _number("amount", null=True),
    _text("error_code", null=True),
    _text("error_message", null=True),
    _text("provider_request_id", null=True),
    _number("balance", null=True),  # what the provider said was left after it
    sa.Column("wait_seconds", sa.Float, nullable=True),
    _number("spent", null=True),
    _text("resolution", null=True),
    _number("resolved_us", null=True),
    # The ledger's word for an attempt, and whether a request left (or may have): one definition for totals and views.
    sa.Column("standing", sa.Text, sa.Computed(_STANDING, persisted=False)),
    sa.Column("sent", sa.Integer, sa.Computed(_SENT, persisted=False)),
    sa.UniqueConstraint("client_request_id"),
    sa.UniqueConstraint("job", "number"),
    _one_of("fault", Fault),
    _one_of("action", Action),
    _one_of("debited", Debited),
    _one_of("resolution", Resolution),
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
    _text("headers"),
    sa.Column("body", sa.LargeBinary, nullable=False),
    _number("truncated"),
)

# Kept by triggers in the transaction of what they count, so that no question has to count a million rows.
job_totals = sa.Table(
    "job_totals",
    metadata,
    _part("batch", sa.Integer),
    _part("operation", sa.Text),
    _part("state", sa.Text),
    _number("jobs"),
    sa.CheckConstraint("jobs >= 0", name="jobs"),
    sqlite_with_rowid=False,
)
attempt_totals = sa.Table(
    "attempt_totals",
    metadata,
    _part("batch", sa.Integer),
    _part("provider", sa.Text),
    _part("operation", sa.Text),
    _part("unit", sa.Text),
    _part("day", sa.Integer),  # on which it was opened: whole days since the epoch, UTC
    _part("standing", sa.Text),
    _number("requests"),
    _number("amount"),
    sa.CheckConstraint("requests >= 0 AND amount >= 0", name="counts"),
    sqlite_with_rowid=False,
)

# At the end of a run: between which balances its account's wallet was, and what the answers account for.
balances = sa.Table(
    "balances",
    metadata,
    sa.Column("batch", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    _part("provider", sa.Text),
    _part("run", sa.Integer),
    *map(_text, ("account", "unit")),
    _number("upto"),  # the last attempt that was looked at
    *map(_number, ("first_us", "last_us", "until_us", "opening", "closing", "topped_up", "debited", "exact")),
    sqlite_with_rowid=False,
)

lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("batch", sa.Integer, sa.ForeignKey("batches.id"), primary_key=True, autoincrement=False),
    _part("provider", sa.Text),
    _text("state"),
    _text("report"),  # JSON object: the whole report
    sqlite_with_rowid=False,
)

events = sa.Table(
    "events",
    metadata,
    _id(),
    _number("at_us"),
    _ours("run", "runs", null=True),
    _ours("batch", "batches", null=True),
    _text("lane", null=True),
    _text("event"),
    _text("detail"),
)
sa.Index(None, events.c.at_us)
sa.Index(None, events.c.batch, events.c.at_us)
