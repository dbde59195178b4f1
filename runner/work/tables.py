"""`export --to-table`: a batch's rows into a table of a database, each once by its key."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from runner.errors import BatchError, UsageError
from runner.store.values import BatchInfo
from runner.work.results import Exported
from runner.work.shape import Shape, lines
from runner.work.tools import Tools


def export_table(
    info: BatchInfo, table: str, *, source: str | None, shape: Shape, overwrite: bool, tools: Tools
) -> Exported:
    """Insert or update every row of the batch; what a later run finds out is written by doing it again.

    `source`: a URL or a `[sources.NAME]`. Rows of a database batch are named by
    its key column; those of a file by their number, so that the table is this batch's alone. UsageError: no database,
    or it cannot take the rows. BatchError: the table has rows that another batch wrote.
    """
    from runner.exports.database import TableTarget  # SQLAlchemy is known there

    url = _url(info, source, tools)
    target = TableTarget(url=url, table=table)
    key = info.source.get("key") if info.source.get("kind") == "database" else None
    mark = f"{_without_password(url)} {table}"
    known = (info.delivered or {}).get("tables", {})
    if key is None and not overwrite and mark not in known and target.holds_rows():
        raise BatchError(
            f"the table {table} has rows that {info.name} did not write",
            why="Rows of a file are named by their number: row 1 of one list would replace row 1 of another.",
            fix=f"--to-table {table}_2, or --overwrite",
        )
    operations = list(tools.profiles.of_batch(info.operations, info.source).values())
    layout = shape.layout(info.header, operations)
    marks = None if key is not None else {"tables": {mark: {}}}
    if marks is not None:  # before the first row is there: cut off in the middle, the same command goes on
        tools.store.steering.mark(info.id, marks, coming=True)
    with tools.store.reports.outcomes(info.id, shape.chosen()) as outcomes:
        own_only = not layout.operations
        rows = target.write(lambda: lines(outcomes.read(), own_only=own_only), layout=layout, key=key)
    tools.store.steering.delivered(info.id, rows=rows, table=table, mark=marks)
    return Exported(batch=info.name, path=None, rows=rows, diverted=False)


def _url(info: BatchInfo, source: str | None, tools: Tools) -> str:
    settings = tools.settings
    if source is None:
        raise UsageError(
            "--to-table needs --source",
            why="a table is in a database: a name in [sources] of runner.toml, or a URL",
            fix="--source crm, or --source sqlite:///crm.db",
        )
    url = settings.source_url(source).reveal()
    path = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else None
    if path is not None and Path(path).resolve() == settings.database.resolve():
        raise UsageError(
            "the table would be written into runner's own database",
            why="its tables are runner's alone; its views show the same rows",
            fix="--source sqlite:///crm.db",
        )
    return url


def _without_password(url: str) -> str:
    """What a table is known by: no secret is kept."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
