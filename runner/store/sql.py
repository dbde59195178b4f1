"""Small pieces of fixed SQL text, built from the state tables so that both can never disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.states import BatchEvent, JobEvent, batch_sources, job_sources
from runner.errors import StoreError
from runner.store.codec import readable, to_json


def _is_one_of(values: Iterable[str]) -> str:
    listed = [f"'{value}'" for value in values]
    # A single state is written with `=`: only then does SQLite see that a partial index on that state applies.
    return f"= {listed[0]}" if len(listed) == 1 else f"IN ({', '.join(listed)})"


def job_may(event: JobEvent) -> str:
    """`state = 'queued'`: the states from which a job may do this."""
    return f"state {_is_one_of(job_sources(event))}"


def batch_may(event: BatchEvent) -> str:
    """`state IN ('ready', ...)`: the states from which a batch may do this."""
    return f"state {_is_one_of(batch_sources(event))}"


def marks(count: int) -> str:
    """`?, ?, ?`: places for `count` values."""
    return ", ".join("?" * count)


def expect(changed: int, lines: int, what: str) -> None:
    """StoreError unless a statement changed exactly so many lines: somebody else moved one, or it was never there."""
    if changed != lines:
        raise StoreError(
            what,
            why="it is not in the state, or not owned by the run, that this step needs",
            fix="run the same command again: it goes on from what is stored",
        )


LINES_AT_ONCE: Final = 16
"""As many texts of each hot statement are prepared; all of them fit into the connection's cache of 128."""


def run_lines(connection: sa.Connection, sql: Callable[[int], str], lines: Sequence[tuple[Any, ...]]) -> int:
    """Run a statement that takes many lines of values in one step; `sql` makes its text for a number of lines.

    `executemany` gives the interpreter lock away and takes it back for every line; a writer thread then spends more on
    that than on SQLite. Returns the lines changed.
    """
    changed = first = 0
    while first < len(lines):
        count = min(LINES_AT_ONCE, len(lines) - first)
        values = tuple(chain.from_iterable(lines[first : first + count]))
        changed += connection.exec_driver_sql(sql(count), values).rowcount
        first += count
    return changed


def values(lines: int, width: int) -> str:
    """`VALUES (?, ?), (?, ?)`: places for `lines` lines of `width` values."""
    return "VALUES " + ", ".join([f"({marks(width)})"] * lines)


_EVENT: Final = "INSERT INTO events (at_us, run, batch, lane, event, detail) VALUES (?, ?, ?, ?, ?, ?)"


def write_event(
    connection: sa.Connection,
    event: str,
    *,
    at_us: int,
    run: int | None = None,
    batch: int | None = None,
    lane: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append to the events, inside the caller's transaction. `detail` is a JSON object without personal values or keys.

    Empty entries are left out; `..._us` becomes an ISO time and `..._millionths` a decimal, both without their ending.
    """
    connection.exec_driver_sql(_EVENT, (at_us, run, batch, lane, event, to_json(readable(detail or {}))))
