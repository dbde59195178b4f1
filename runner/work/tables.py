"""`--to-table`: a batch's rows into a table of a database, each once by its key."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner.domain.addresses import has_password, sqlite_file, without_password
from runner.errors import BatchError, UsageError
from runner.exports import Layout, Line
from runner.settings import Secret
from runner.store.companions import belongs_to
from runner.store.marks import Marks
from runner.store.values import BatchInfo
from runner.work.results import Exported
from runner.work.shape import Shape, lines
from runner.work.tools import Tools

if TYPE_CHECKING:
    from runner.exports.database import TableTarget

KEPT: Final = "to_table"
"""The setting of a batch that says where a run upserts its rows."""


NONE: Final = "none"
"""The table that ends a `--to-table` which was kept with the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A table that takes the rows of one batch."""

    table: str
    database: str  # as it was named: a URL, or a `[sources.NAME]`
    url: Secret
    key: str | None  # the column that names a row; None: its number does

    @property
    def source(self) -> str:
        """Its database's address as it may be kept."""
        return without_password(self.url.reveal())

    @property
    def mark(self) -> str:
        """What the table is known by."""
        return f"{self.source} {self.table}"

    def target(self) -> TableTarget:
        """The table itself."""
        from runner.exports.database import TableTarget  # SQLAlchemy is known there

        return TableTarget(url=self.url.reveal(), table=self.table)


def export_table(
    info: BatchInfo, table: str, *, source: str | None, shape: Shape, overwrite: bool, tools: Tools
) -> Exported:
    """Insert or update every row of the batch; what a later run finds out is written by doing it again.

    `source`: a URL or a `[sources.NAME]`. Rows of a database batch are named by its key column; those of a file by
    their number, so that the table is this batch's alone. UsageError: no database, or it cannot take the rows.
    BatchError: the table has rows that another batch wrote.
    """
    goal = _goal(info, table, source, tools)
    refuse_strangers(info, goal, overwrite=overwrite)
    marks = announce(info, goal, tools)
    rows = upsert(info, goal, shape, tools=tools)
    tools.store.steering.delivered(info.id, rows=rows, table=table, mark=marks)
    return Exported(batch=info.name, path=None, rows=rows, diverted=False)


def refuse_strangers(info: BatchInfo, goal: Goal, *, overwrite: bool) -> None:
    """BatchError: another batch wrote rows into the table, and this one would name its own alike. UsageError."""
    if goal.key is not None or overwrite or goal.mark in _known(info) or not goal.target().holds_rows():
        return
    raise BatchError(
        f"the table {goal.table} has rows that {info.name} did not write",
        why="Rows of a file are named by their number: row 1 of one list would replace row 1 of another.",
        fix=f"--to-table {goal.table}_2, or --overwrite",
    )


def announce(info: BatchInfo, goal: Goal, tools: Tools) -> Marks:
    """Keep that the table has rows of this batch before the first is there: cut off in the middle, the same command
    goes on, and who erases a person is told where else they are. What is kept."""
    marks: Marks = {"tables": {goal.mark: {"table": goal.table, "source": goal.source}}}
    if goal.mark not in _known(info):
        tools.store.steering.mark(info.id, marks, coming=True)
    return marks


def upsert(
    info: BatchInfo,
    goal: Goal,
    shape: Shape,
    *,
    tools: Tools,
    some: bool = False,
    given_up: Callable[[], bool] = lambda: False,
) -> int:
    """Insert or update the rows that `shape` has; how many. `some`: see `TableTarget.write`. UsageError.

    `given_up`: asked before each row; those that are left are not written.
    """
    layout = layout_of(info, shape, tools)
    with tools.store.reports.outcomes(info.id, shape.chosen()) as outcomes:
        own_only = not layout.operations

        def wanted() -> Iterator[Line]:
            return takewhile(lambda _: not given_up(), lines(outcomes.read(), own_only=own_only))

        return goal.target().write(wanted, layout=layout, key=goal.key, some=some)


def layout_of(info: BatchInfo, shape: Shape, tools: Tools) -> Layout:
    """The columns that are written."""
    return shape.layout(info.header, list(tools.profiles.of_batch(info.operations, info.source).values()))


def settle_table(
    info: BatchInfo, table: str | None, database: str | None, *, overwrite: bool, tools: Tools
) -> Goal | None:
    """Where a run upserts a batch's rows: what was asked for now, else what is kept with the batch; None: nowhere.

    Before the first request, and looked at only where it is asked for now: UsageError (no database, or a table that
    cannot take the rows), BatchError (another batch's), ConfigError (no such source).
    """
    if table is None:
        kept = info.settings.get(KEPT)
        return _goal(info, kept["table"], kept["database"], tools) if kept else None
    if table == NONE:
        return None
    goal = _goal(info, table, database or info.source.get("database"), tools)
    if has_password(goal.database):
        raise UsageError(
            "the address of the table has a password in it",
            why="it is kept with the batch, and a password is not written down",
            fix='put this into runner.toml, then --source crm:\n[sources.crm]\nurl = { env = "CRM_URL" }',
        )
    refuse_strangers(info, goal, overwrite=overwrite)
    goal.target().check(layout_of(info, Shape(), tools), goal.key)
    return goal


def kept_table(goal: Goal | None) -> dict[str, str] | None:
    """What stays with the batch."""
    return None if goal is None else {"table": goal.table, "database": goal.database}


def _goal(info: BatchInfo, table: str, database: str | None, tools: Tools) -> Goal:
    url = _url(database, tools)
    key = info.source.get("key") if info.source.get("kind") == "database" else None
    goal = Goal(table=table, database=database or "", url=url, key=key)
    file = sqlite_file(url.reveal())
    if file is not None and belongs_to(tools.settings.database, Path(file)):
        raise UsageError(
            "the table would be written into runner's own database",
            why="its tables are runner's alone; its views show the same rows",
            fix="--source sqlite:///crm.db",
        )
    return goal


def _known(info: BatchInfo) -> Collection[str]:
    known: Collection[str] = (info.delivered or {}).get("tables", {})
    return known


def _url(source: str | None, tools: Tools) -> Secret:
    if source is None:
        raise UsageError(
            "--to-table needs --source",
            why="a table is in a database: a name in [sources] of runner.toml, or a URL",
            fix="--source crm, or --source sqlite:///crm.db",
        )
    return tools.settings.source_url(source)
