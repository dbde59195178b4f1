"""Requests over time: how many, what came back and how fast, in at most `MOST` steps, whatever the batch's size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from runner.domain.model import MILLION, BatchId

MOST: Final = 180
"""Steps of an axis: finer is not seen, and a page has to hold them."""

_SECONDS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200)
_DAY: Final = 86_400
_SLICE: Final = 100_000
"""Attempts that are summed at once: SQLite sorts them in memory."""

_BOUNDS: Final = """
SELECT min(id) AS first, max(id) AS last, min(opened_us) AS first_us, max(coalesce(closed_us, opened_us)) AS last_us
FROM attempts WHERE batch = ?
"""
# Latencies are counted by classes of about 5 %: exact to 100 ms, then in steps of 5, 50, 500 ms.
_SUMS: Final = """
SELECT provider, run, (opened_us - :start) / :step AS place,
    CASE WHEN http_status IS NULL THEN NULL WHEN millis < 100 THEN max(millis, 0) WHEN millis < 1000 THEN millis / 5 * 5
        WHEN millis < 10000 THEN millis / 50 * 50 ELSE millis / 500 * 500 END AS took,
    count(*) AS requests, sum(action IS 'succeed') AS answered,
    sum(closed_us IS NOT NULL AND http_status IS NULL) AS silent,
    sum(standing = 'debited') AS charged, max(coalesce(closed_us, opened_us)) AS last_us
FROM (SELECT *, (closed_us - opened_us) / 1000 AS millis FROM attempts WHERE id > :after AND id <= :upto)
WHERE batch = :batch AND sent = 1 GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Time in equal steps."""

    start_us: int
    step_us: int
    steps: int
    last_us: int  # when something happened at last

    @property
    def end_us(self) -> int:
        """Where the last step ends."""
        return self.start_us + self.steps * self.step_us

    def place(self, at_us: int) -> int:
        """The step of an instant; the nearest one of an instant outside."""
        return min(max(0, (at_us - self.start_us) // self.step_us), self.steps - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was sent in one step of the axis; only steps in which anything was."""

    place: int
    requests: int  # sent, or perhaps sent
    answered: int  # well
    silent: int  # nothing came back
    median_seconds: float | None  # of those that something came back for; within 5 %
    slow_seconds: float | None  # the 95th percentile of them; within 5 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one run sent of a batch."""

    requests: int
    charged: int
    last_us: int  # when something of it happened at last


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The requests of a batch over time."""

    steps: Mapping[str, tuple[Step, ...]]  # by provider
    runs: Mapping[int, Sent]  # by run


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where a batch's attempts are, in the table and in time."""

    first: int
    last: int
    first_us: int
    last_us: int


def read_bounds(connection: sa.Connection, batch: BatchId) -> Bounds | None:
    """None: nothing was ever sent of it."""
    line = connection.exec_driver_sql(_BOUNDS, (batch,)).one()
    if line.first is None:
        return None
    return Bounds(first=line.first, last=line.last, first_us=line.first_us, last_us=line.last_us)


def axis_over(first_us: int, last_us: int) -> Axis:
    """At most `MOST` steps of a length that people count in; it begins on one."""
    seconds = max(1, -(-(last_us - first_us + 1) // MILLION))
    days = max(1, -(-seconds // (_DAY * (MOST - 1))))
    step = next((one for one in _SECONDS if seconds <= one * (MOST - 1)), days * _DAY) * MILLION
    start, last = first_us // step * step, max(first_us, last_us)
    return Axis(start_us=start, step_us=step, steps=(last - start) // step + 1, last_us=last)


class _Tally:
    """One provider's requests of one step."""

    def __init__(self) -> None:
        self.requests = self.answered = self.silent = 0
        self.took: dict[int, int] = {}  # by latency in milliseconds

    def percentile(self, share: float) -> float | None:
        """The latency, in seconds, that this share of the answers did not exceed."""
        many = sum(self.took.values())
        left = share * many
        for millis in sorted(self.took):
            left -= self.took[millis]
            if left <= 1e-9:
                return millis / 1_000
        return None


def read_pace(connection: sa.Connection, batch: BatchId, bounds: Bounds, axis: Axis) -> Pace:
    """Slice by slice, so that memory does not grow with the batch."""
    tallies: dict[tuple[str, int], _Tally] = {}
    runs: dict[int, Sent] = {}
    for after in range(bounds.first - 1, bounds.last, _SLICE):
        given = {"batch": batch, "start": axis.start_us, "step": axis.step_us, "after": after, "upto": after + _SLICE}
        for line in connection.exec_driver_sql(_SUMS, given):
            place = min(max(0, line.place), axis.steps - 1)  # a clock that was set back
            tally = tallies.setdefault((line.provider, place), _Tally())
            tally.requests += line.requests
            tally.answered += line.answered
            tally.silent += line.silent
            if line.took is not None:
                tally.took[line.took] = tally.took.get(line.took, 0) + line.requests
            sent = runs.get(line.run, Sent(requests=0, charged=0, last_us=0))
            runs[line.run] = Sent(
                requests=sent.requests + line.requests,
                charged=sent.charged + line.charged,
                last_us=max(sent.last_us, line.last_us),
            )
    steps: dict[str, list[Step]] = {}
    for (provider, place), tally in sorted(tallies.items()):
        steps.setdefault(provider, []).append(
            Step(
                place=place,
                requests=tally.requests,
                answered=tally.answered,
                silent=tally.silent,
                median_seconds=tally.percentile(0.5),
                slow_seconds=tally.percentile(0.95),
            )
        )
    return Pace(steps={provider: tuple(some) for provider, some in steps.items()}, runs=runs)
