"""The figures behind the report of a batch: pace, waits, causes, runs and what happened, from one snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId
from runner.store.causes import Causes, read_causes
from runner.store.history import read_events, to_event
from runner.store.pace import Axis, Bounds, Pace, Sent, Step, axis_over, read_bounds, read_pace
from runner.store.reading import read_batch
from runner.store.spans import BEGIN, ENDS, LANE_EVENTS, Spans, Story
from runner.store.sql import marks
from runner.store.values import EventView

RUNS: Final = 50
"""The newest runs that are told one by one."""

EVENTS: Final = 50
"""The newest events that are told one by one."""

SUMMED: Final = (*(event for event in LANE_EVENTS if event not in ("lane.parked", "lane.halted")), "lane.limits")
"""Events that come too often to be told one by one: their sums are."""

_TOLD: Final = (*LANE_EVENTS, BEGIN, *ENDS)
_STORY: Final = f"""
SELECT at_us, run, lane, event, coalesce(detail ->> 'reason', '') AS reason, detail ->> 'cut_off' AS cut_off FROM events
WHERE batch = ? AND event IN ({marks(len(_TOLD))}) ORDER BY at_us, id
"""
# What a person decides may come weeks later, and a run that was cut off is found when another begins.
_WORKED: Final = f"""
SELECT min(at_us), max(at_us) FROM events
WHERE batch = ? AND event IN ({marks(len(_TOLD))}) AND run IS NOT NULL AND detail ->> 'cut_off' IS NULL
"""
_RUNS: Final = """
SELECT id, started_us, ended_us, exit_code, died, version, options FROM runs
WHERE id IN (SELECT run FROM events WHERE batch = :batch AND event = 'batch.running' UNION
    SELECT value FROM json_each(:sent))
ORDER BY id DESC LIMIT :limit
"""
_LEFT: Final = f"""
SELECT e.at_us, e.run, b.name AS batch, e.lane, e.event, e.detail FROM events AS e JOIN batches AS b ON b.id = e.batch
WHERE e.batch = ? AND e.run = ? AND e.event IN ({marks(len(ENDS))}) ORDER BY e.id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One run that worked on the batch."""

    run: int
    started_us: int
    ended_us: int | None  # of one that was cut off: when something of it happened at last, where that is known
    exit_code: int | None  # None: it is at work, or died
    died: bool
    version: str
    options: Mapping[str, Any]  # as in `v_runs`
    requests: int
    charged: int
    left: EventView | None  # how it left the batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the report of a batch draws and tells."""

    axis: Axis | None  # None: nothing was sent, and no run was at work
    steps: Mapping[str, tuple[Step, ...]]  # by provider
    spans: Spans | None
    causes: Causes
    runs: tuple[RunView, ...]  # the newest first
    earlier_runs: bool  # older ones are left out
    events: tuple[EventView, ...]  # the newest last
    earlier_events: bool


def read_figures(connection: sa.Connection, batch: BatchId, *, until_us: int | None) -> Figures:
    """All of it. `until_us`: now, where a run is at work; time goes no further than what happened otherwise."""
    info = read_batch(connection, batch)
    bounds = read_bounds(connection, batch)
    axis = _axis(connection, batch, bounds, until_us)
    pace = Pace(steps={}, runs={})
    if axis is not None and bounds is not None:
        pace = read_pace(connection, batch, bounds, axis)
    runs = _runs(connection, batch, pace.runs)
    events, earlier = read_events(connection, batch=batch, since_us=None, limit=EVENTS, without=SUMMED)
    return Figures(
        axis=axis,
        steps=pace.steps,
        spans=None if axis is None else _spans(connection, batch, axis, pace.runs),
        causes=read_causes(connection, info),
        runs=tuple(runs[:RUNS]),
        earlier_runs=len(runs) > RUNS,
        events=tuple(events),
        earlier_events=earlier,
    )


def _axis(connection: sa.Connection, batch: BatchId, bounds: Bounds | None, until_us: int | None) -> Axis | None:
    first, last = connection.exec_driver_sql(_WORKED, (batch, *_TOLD)).one()
    known = [at for at in (first, last, until_us) if at is not None]
    if bounds is not None:
        known += [bounds.first_us, bounds.last_us]
    return axis_over(min(known), max(known)) if known and (first is not None or bounds is not None) else None


def _spans(connection: sa.Connection, batch: BatchId, axis: Axis, runs: Mapping[int, Sent]) -> Spans:
    story = Story(axis)
    for line in connection.exec_driver_sql(_STORY, (batch, *_TOLD)):
        if line.lane is not None:
            story.lane(line.at_us, line.lane, line.event, line.reason)
        elif line.event == BEGIN:
            story.begin(line.at_us)
        elif line.cut_off and line.run in runs:  # found later: it ended with what it did last
            story.end(runs[line.run].last_us)
        else:
            story.end(line.at_us)
    return story.told(axis.last_us)


def _runs(connection: sa.Connection, batch: BatchId, sent: Mapping[int, Sent]) -> list[RunView]:
    """The newest first, and one more than is told."""
    given = {"batch": batch, "sent": json.dumps(list(sent)), "limit": RUNS + 1}
    return [_run(connection, batch, line, sent.get(line.id)) for line in connection.exec_driver_sql(_RUNS, given).all()]


def _run(connection: sa.Connection, batch: BatchId, line: sa.Row[Any], sent: Sent | None) -> RunView:
    left = connection.exec_driver_sql(_LEFT, (batch, line.id, *ENDS)).first()
    ended_us = line.ended_us
    if line.died:
        ended_us = None if sent is None else sent.last_us
    return RunView(
        run=line.id,
        started_us=line.started_us,
        ended_us=ended_us,
        exit_code=line.exit_code,
        died=bool(line.died),
        version=line.version,
        options=json.loads(line.options),
        requests=0 if sent is None else sent.requests,
        charged=0 if sent is None else sent.charged,
        left=None if left is None else to_event(left),
    )
