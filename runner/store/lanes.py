"""Lanes as last reported: what `status` shows of them, and what the next run starts from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Final

import sqlalchemy as sa

from runner.domain.model import BatchId, RunId
from runner.engine.ports import LaneReport
from runner.store.codec import to_json
from runner.store.sql import write_event

_READ: Final = "SELECT report FROM lanes WHERE batch = ? ORDER BY provider"
_READ_ONE: Final = "SELECT report FROM lanes WHERE batch = ? AND provider = ?"
_WRITE: Final = """
INSERT INTO lanes (batch, provider, state, report) VALUES (?, ?, ?, ?)
ON CONFLICT (batch, provider) DO UPDATE SET state = excluded.state, report = excluded.report
"""


def read_lanes(connection: sa.Connection, *, batch: BatchId) -> list[LaneReport]:
    """The reports of a batch, by provider."""
    return [LaneReport(**json.loads(report)) for report in connection.exec_driver_sql(_READ, (batch,)).scalars()]


def write_lane(connection: sa.Connection, *, report: LaneReport, run: RunId, now_us: int) -> None:
    """Keep the report; an event `lane.<state>` if anything but its time is new."""
    entries = asdict(report)
    before = connection.exec_driver_sql(_READ_ONE, (report.batch, report.provider)).scalar()
    connection.exec_driver_sql(_WRITE, (report.batch, report.provider, report.state, to_json(entries)))
    if before is not None and json.loads(before) | {"at_us": None} == entries | {"at_us": None}:
        return
    detail = {name: value for name, value in entries.items() if name not in {"batch", "provider"}}
    write_event(
        connection,
        f"lane.{report.state}",
        at_us=now_us,
        run=run,
        batch=report.batch,
        lane=report.provider,
        detail=detail,
    )
