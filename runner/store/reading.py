"""From lines of the database to values: batches, outcomes, attempts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import Action, Amount, Answer, AttemptId, BatchId, Debited, Fault, JobId, Resolution
from runner.domain.quick import quick
from runner.domain.states import BatchState
from runner.errors import BatchError
from runner.store.rowviews import Chosen, JobView, RowView
from runner.store.sql import marks
from runner.store.values import AttemptView, BatchInfo

STREAM: Final = 1_000
"""Lines fetched at a time: an export's memory does not grow with the batch."""

_TOGETHER: Final = 100
"""The same of outcomes, whose JSON is decoded in one step: results may be large, and stored answers a megabyte each."""

_OUTCOMES: Final = """
SELECT r.number, r.line, r.cells, r.key, e.operation, e.job, coalesce(j.value, e.value),
    coalesce(j.state, 'invalid'), iif(e.job IS NULL, 'invalid:' || e.invalid, j.reason), iif(e.job IS NULL, 1, j.final),
    CASE WHEN j.unknowns > 0 THEN 'unknown' WHEN j.debits > 0 THEN 'yes' ELSE 'no' END,
    coalesce(j.amount, 0), coalesce(j.requests, 0), coalesce(j.attempts_spent, 0),
    coalesce(j.possible_double_charge, 0), j.http_status, j.error_code, j.error_message, j.finished_us, j.found,
    {result}, {raw}, {reused}
FROM rows AS r
LEFT JOIN row_jobs AS e ON e.batch = r.batch AND e.row = r.number
LEFT JOIN jobs AS j ON j.id = e.job
WHERE r.batch = ? AND r.number <= ? {narrowed} ORDER BY r.number
"""
# The last word of the provider: of the last attempt that was answered. Once that is removed no older one is the last.
_RAW: Final = """(
    SELECT iif(w.removed IS NULL, w.body, NULL) FROM attempts AS a JOIN answers AS w ON w.attempt = a.id
    WHERE a.job = iif(j.erased, j.id, coalesce(j.reused, j.id)) AND a.http_status IS NOT NULL
    ORDER BY a.number DESC LIMIT 1
)"""
_REUSED: Final = """
(SELECT b.name FROM jobs AS o JOIN batches AS b ON b.id = o.batch WHERE o.id = j.reused),
(SELECT min(row) FROM row_jobs WHERE job = j.reused)
"""
_IN_STATES: Final = """
AND EXISTS (
    SELECT 1 FROM row_jobs AS f LEFT JOIN jobs AS g ON g.id = f.job
    WHERE f.batch = r.batch AND f.row = r.number AND coalesce(g.state, 'invalid') IN ({marks}) {reason}
)
"""
_OF_REASON: Final = "AND iif(f.job IS NULL, 'invalid:' || f.invalid, g.reason) = ?"
_ASKED_FOR: Final = "AND r.number IN (SELECT row FROM row_jobs WHERE batch = r.batch AND job IN ({marks}))"
_NONE_IN: Final = """
AND NOT EXISTS (
    SELECT 1 FROM row_jobs AS f JOIN jobs AS g ON g.id = f.job
    WHERE f.batch = r.batch AND f.row = r.number AND g.state = ?
)
"""
ATTEMPTS: Final = """
SELECT a.id, a.job, a.run, a.operation, a.number, a.opened_us, a.closed_us, a.http_status, a.fault,
    coalesce(a.detail, '') AS detail, a.rule, a.action, a.standing, a.held, a.amount, a.unit, a.error_code,
    a.error_message, a.client_request_id, a.provider_request_id, a.wait_seconds, a.spent, a.resolution, a.method, a.path
FROM attempts AS a
"""
_CHARGED: Final = {word.value: word for word in Debited}
_DEBITED: Final = {"debited": Debited.YES, "released": Debited.NO, "in_doubt": Debited.UNKNOWN, "held": Debited.UNKNOWN}


def read_batch(connection: sa.Connection, batch: int) -> BatchInfo:
    """One batch; BatchError if there is none."""
    line = connection.exec_driver_sql("SELECT * FROM batches WHERE id = ?", (batch,)).mappings().first()
    if line is None:
        raise BatchError(
            f"there is no batch {batch}", why="it is not in this database", fix="runner status   (lists them)"
        )
    return to_batch(line)


def to_batch(line: Mapping[str, Any] | sa.RowMapping) -> BatchInfo:
    """A line of `batches`."""
    return BatchInfo(
        id=BatchId(line["id"]),
        name=line["name"],
        state=BatchState(line["state"]),
        reason=line["reason"],
        resume_at_us=line["resume_at_us"],
        requested_state=line["requested_state"],
        settings=json.loads(line["settings"]),
        source=json.loads(line["source"]),
        header=tuple(json.loads(line["header"])),
        operations=tuple(json.loads(line["operations"])),
        mapping=json.loads(line["mapping"]),
        params=json.loads(line["params"]),
        content_hash=line["content_hash"],
        delivered=json.loads(line["delivered"]) if line["delivered"] is not None else None,
        rows=line["visible_row"],
        refused=line["refused"],
        created_us=line["created_us"],
        touched_us=line["touched_us"],
    )


def stream_outcomes(
    connection: sa.Connection,
    batch: BatchInfo,
    *,
    chosen: Chosen,
    row: int | None = None,
) -> Iterator[RowView]:
    """Rows in order with their outcomes in the batch's order of operations; `row` alone, or those chosen."""
    narrowed, values = _narrowed(chosen, row)
    reused = "NULL, NULL" if row is None else _REUSED
    found = "j.result" if chosen.results else "NULL"
    sql = _OUTCOMES.format(result=found, raw=_RAW if chosen.raw else "NULL", reused=reused, narrowed=narrowed)
    result = connection.exec_driver_sql(sql, (batch.id, batch.rows, *values))
    order = {operation: place for place, operation in enumerate(batch.operations)}
    rows = _rows(result.partitions(_TOGETHER), order)
    return rows if chosen.limit is None else islice(rows, chosen.limit)


def _narrowed(chosen: Chosen, row: int | None) -> tuple[str, list[Any]]:
    if row is not None:
        return "AND r.number = ?", [row]
    sql, values = "", list[Any]()
    if chosen.behind:
        sql += "AND r.number > ?"
        values.append(chosen.behind)
    if chosen.jobs:
        sql += _ASKED_FOR.format(marks=marks(len(chosen.jobs)))
        values += chosen.jobs
    if chosen.states:
        sql += _IN_STATES.format(marks=marks(len(chosen.states)), reason=_OF_REASON if chosen.reason else "")
        values += [*chosen.states, *([chosen.reason] if chosen.reason else [])]
    if chosen.without is not None:
        sql += _NONE_IN
        values.append(chosen.without)
    return sql, values


def _rows(pieces: Iterable[Sequence[Sequence[Any]]], order: Mapping[str, int]) -> Iterator[RowView]:
    """The lines of one row after the other, which may be in two pieces."""
    row: tuple[int, int | None, tuple[str, ...], str | None] | None = None
    views: list[JobView] = []
    for piece in pieces:
        numbers = [line[0] for line in piece]
        begins = [number != before for before, number in zip([row and row[0], *numbers], numbers, strict=False)]
        cells = iter(_decoded([line[2] for line in compress(piece, begins)]))
        for line, begin, found in zip(piece, begins, _decoded([line[20] for line in piece]), strict=True):
            if begin:
                if row is not None:
                    yield _row(row, views, order)
                row, views = (line[0], line[1], tuple(next(cells)), line[3]), []
            if line[4] is not None:
                views.append(_outcome(line, found))
    if row is not None:
        yield _row(row, views, order)


def _decoded(texts: Sequence[str | None]) -> list[Any]:
    """What many JSON texts say, None of None: called once for each, the decoder takes three times as long."""
    found: list[Any] = json.loads(f"[{','.join([text or 'null' for text in texts])}]")
    return found


def _row(row: tuple[Any, ...], views: list[JobView], order: Mapping[str, int]) -> RowView:
    if len(views) > 1:
        views.sort(key=lambda view: order.get(view.operation, len(order)))
    return quick(RowView, (*row, tuple(views)))


def _outcome(line: Sequence[Any], result: Mapping[str, Any] | None) -> JobView:
    return quick(
        JobView,
        (
            *line[4:9],
            None if line[9] is None else bool(line[9]),
            _CHARGED[line[10]],
            *line[11:14],
            bool(line[14]),
            *line[15:19],
            None if line[19] is None else bool(line[19]),
            result,
            *line[21:24],
        ),
    )


def to_attempt(line: sa.Row[Any]) -> AttemptView:
    """A line of `ATTEMPTS`."""
    amount = {"held": line.held, "released": 0}.get(line.standing, line.amount)
    return AttemptView(
        id=AttemptId(line.id),
        job=JobId(line.job),
        run=line.run,
        operation=line.operation,
        number=line.number,
        opened_us=line.opened_us,
        closed_us=line.closed_us,
        status=line.http_status,
        fault=Fault(line.fault) if line.fault else None,
        detail=line.detail,
        rule=line.rule,
        action=Action(line.action) if line.action else None,
        debited=_DEBITED[line.standing],
        amount=Amount(amount),
        unit=line.unit,
        error_code=line.error_code,
        error_message=line.error_message,
        client_request_id=line.client_request_id,
        provider_request_id=line.provider_request_id,
        wait_seconds=line.wait_seconds,
        spent=bool(line.spent),
        resolution=Resolution(line.resolution) if line.resolution else None,
        method=line.method,
        path=line.path,
    )


def read_attempts(connection: sa.Connection, job: int) -> tuple[AttemptView, ...]:
    """Every attempt of a job, in order."""
    lines = connection.exec_driver_sql(f"{ATTEMPTS} WHERE a.job = ? ORDER BY a.number", (job,))
    return tuple(to_attempt(line) for line in lines)


def read_answer(connection: sa.Connection, attempt: int) -> Answer | None:
    """The raw answer of a closed attempt; None if there is none."""
    line = connection.exec_driver_sql(
        "SELECT a.http_status, a.fault, a.detail, n.headers, n.body, n.truncated"
        " FROM answers AS n JOIN attempts AS a ON a.id = n.attempt WHERE n.attempt = ? AND n.removed IS NULL",
        (attempt,),
    ).first()
    if line is None:
        return None
    return Answer(
        status=line.http_status,
        headers=tuple((name, value) for name, value in json.loads(line.headers)),
        body=line.body,
        truncated=bool(line.truncated),
        fault=Fault(line.fault) if line.fault else None,
        detail=line.detail or "",
    )
