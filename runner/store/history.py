"""What happened, and what it cost: events and daily sums as values. Neither grows with the rows of a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import Amount, BatchId
from runner.store.values import EventView, SpendView

DAY_US: Final = 86_400_000_000

_EVENTS: Final = """
SELECT e.at_us, e.run, b.name AS batch, e.lane, e.event, e.detail
FROM events AS e LEFT JOIN batches AS b ON b.id = e.batch
{where} ORDER BY e.at_us DESC, e.id DESC LIMIT iif(:limit < 9223372036854775807, :limit + 1, -1)
"""
_DECISIONS: Final = """
SELECT coalesce(max(id), :after) AS last, coalesce(sum(batch = :batch AND event IN
    ('doubts.resolved', 'doubts.released', 'jobs.retried', 'jobs.requeued', 'streak.requeued')), 0) AS decisions
FROM events WHERE id > :after
"""
_SPEND: Final = """
SELECT t.day, b.name AS batch, t.provider, t.operation, t.unit, sum(t.requests) AS requests,
    sum(iif(t.standing = 'debited', t.requests, 0)) AS charged,
    sum(iif(t.standing = 'released', t.requests, 0)) AS not_charged,
    sum(iif(t.standing IN ('in_doubt', 'held'), t.requests, 0)) AS in_doubt,
    sum(iif(t.standing = 'debited', t.amount, 0)) AS amount,
    sum(iif(t.standing IN ('in_doubt', 'held'), t.amount, 0)) AS in_doubt_amount
FROM attempt_totals AS t JOIN batches AS b ON b.id = t.batch
WHERE t.day >= :day {narrowed}
GROUP BY t.day, b.id, t.provider, t.operation, t.unit HAVING sum(t.requests) > 0
ORDER BY t.day, b.name, t.provider, t.operation, t.unit
"""


def read_events(
    connection: sa.Connection,
    *,
    batch: BatchId | None,
    since_us: int | None,
    limit: int,
    without: Sequence[str] = (),
) -> tuple[list[EventView], bool]:
    """The last `limit` events (of one batch, not before a time, none of those names), the newest last; and whether
    there are older ones."""
    wanted = ["e.batch = :batch"] if batch is not None else []
    wanted += ["e.at_us >= :since"] if since_us is not None else []
    wanted += ["e.event NOT IN (SELECT value FROM json_each(:without))"] if without else []
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    given: dict[str, Any] = {"batch": batch, "since": since_us, "limit": limit, "without": json.dumps(without)}
    lines = connection.exec_driver_sql(_EVENTS.format(where=where), given).all()
    return [to_event(line) for line in reversed(lines[:limit])], len(lines) > limit


def read_decided(connection: sa.Connection, batch: BatchId, *, after: int | None) -> tuple[int, bool]:
    """The last event of all batches, and whether behind the event `after` settled jobs of this one were moved by
    something else than an answer. None: begins to look, at no cost however much has happened."""
    if after is None:
        return connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM events").scalar_one(), False
    line = connection.exec_driver_sql(_DECISIONS, {"batch": batch, "after": after}).one()
    return line.last, line.decisions > 0


def to_event(line: sa.Row[Any]) -> EventView:
    """A line of `_EVENTS`."""
    return EventView(
        at_us=line.at_us,
        run=line.run,
        batch=line.batch,
        lane=line.lane,
        event=line.event,
        detail=json.loads(line.detail),
    )


def read_spend(connection: sa.Connection, *, batch: BatchId | None, since_us: int | None) -> list[SpendView]:
    """What was sent and charged on each day (UTC) from the one with `since_us` on, by batch, operation and unit."""
    sql = _SPEND.format(narrowed="" if batch is None else "AND t.batch = :batch")
    given = {"batch": batch, "day": 0 if since_us is None else since_us // DAY_US}
    return [_spend(line) for line in connection.exec_driver_sql(sql, given)]


def _spend(line: sa.Row[Any]) -> SpendView:
    return SpendView(
        day=line.day,
        batch=line.batch,
        provider=line.provider,
        operation=line.operation,
        unit=line.unit,
        requests=line.requests,
        charged=line.charged,
        not_charged=line.not_charged,
        in_doubt=line.in_doubt,
        amount=Amount(line.amount),
        in_doubt_amount=Amount(line.in_doubt_amount),
    )
