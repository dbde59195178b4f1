"""Small pieces of fixed SQL text, built from the state tables so that both can never disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.states import BatchEvent, JobEvent, batch_sources, job_sources
from runner.errors import StoreError
from runner.store.codec import to_json


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


def expect(result: sa.CursorResult[Any], lines: int, what: str) -> None:
    """StoreError unless the statement changed exactly so many lines: somebody else moved one, or it was never there."""
    if result.rowcount != lines:
        raise StoreError(what, why="it is not in the state, or not owned by the run, that this step needs")


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
    """Append to the events, inside the caller's transaction. `detail` is a JSON object; empty entries are left out."""
    entries = {key: value for key, value in (detail or {}).items() if value is not None}
    connection.exec_driver_sql(_EVENT, (at_us, run, batch, lane, event, to_json(entries)))
