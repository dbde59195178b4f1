"""Lanes as last reported: what `status` shows of them, and what the next run starts from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from math import inf
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId, RunId
from runner.engine.ports import LaneReport
from runner.store.codec import to_json
from runner.store.sql import write_event

_READ: Final = "SELECT report FROM lanes WHERE batch = ? ORDER BY provider"
_WAITS: Final = """
SELECT report FROM lanes WHERE provider = :provider AND report ->> 'asked_until_us' > :now
ORDER BY report ->> 'asked_until_us' DESC LIMIT 1
"""
_LATEST: Final = """
SELECT report FROM lanes WHERE provider = :provider AND report ->> 'at_us' > :since
ORDER BY report ->> 'at_us' DESC LIMIT 1
"""
_READ_ONE: Final = "SELECT report FROM lanes WHERE batch = ? AND provider = ?"
_WRITE: Final = """
INSERT INTO lanes (batch, provider, state, report) VALUES (?, ?, ?, ?)
ON CONFLICT (batch, provider) DO UPDATE SET state = excluded.state, report = excluded.report
"""

_LIMITS: Final = frozenset({"rate", "in_flight"})
_ASKED: Final = {"asked_until_us", "asked_at_us"}
_PACE: Final = {"rate", "share", "found"}
_TOLD: Final = ("reason", "until_us", "code", "message", "advice", "rate", "in_flight")


def read_lanes(connection: sa.Connection, *, batch: BatchId) -> list[LaneReport]:
    """The reports of a batch, by provider."""
    return [LaneReport(**json.loads(report)) for report in connection.exec_driver_sql(_READ, (batch,)).scalars()]


def read_longest_wait(connection: sa.Connection, *, provider: str, now_us: int) -> LaneReport | None:
    """Of all batches: limits belong to the account, and so does what it was asked for."""
    found = connection.exec_driver_sql(_WAITS, {"provider": provider, "now": now_us}).scalar()
    return None if found is None else LaneReport(**json.loads(found))


def read_latest(connection: sa.Connection, *, provider: str, since_us: int) -> LaneReport | None:
    """Of all batches: the pace that was learned is the account's too."""
    found = connection.exec_driver_sql(_LATEST, {"provider": provider, "since": since_us}).scalar()
    return None if found is None else LaneReport(**json.loads(found))


def write_lane(connection: sa.Connection, *, report: LaneReport, run: RunId, now_us: int) -> None:
    """Keep the report; an event `lane.<state>` if anything but its time and pace is new, `lane.limits` if only
    limits are; and `lane.slowed` or `lane.restored` where a learned pace drops or is back."""
    entries = asdict(report)
    before = connection.exec_driver_sql(_READ_ONE, (report.batch, report.provider)).scalar()
    connection.exec_driver_sql(_WRITE, (report.batch, report.provider, report.state, to_json(entries)))
    known = json.loads(before) if before is not None else {}
    changed = {name for name, value in entries.items() if name != "at_us" and (not known or known.get(name) != value)}
    changed -= _ASKED  # for the next run
    if not changed or (report.state in ("done", "halted") and changed <= {"until_us"} | _PACE):
        return  # a lane at its end says no more
    events = [] if changed <= _PACE | _LIMITS else [f"lane.{report.state}"]
    if changed & {"share", "found"}:
        events += _pace_events(known, report)
    elif changed <= _LIMITS:
        events = ["lane.limits"]
    for event in events:
        write_event(
            connection,
            event,
            at_us=now_us,
            run=run,
            batch=report.batch,
            lane=report.provider,
            detail={name: entries[name] for name in _TOLD},
        )


def _pace_events(known: Mapping[str, Any], report: LaneReport) -> list[str]:
    """A refusal took the pace down, or it is what it was; the small steps back are no news."""
    share, found = known.get("share", 1.0), known.get("found") or inf
    if report.share < share or (report.found or inf) < found:
        return ["lane.slowed"]
    return ["lane.restored"] if report.share == 1.0 and report.found is None and known else []
