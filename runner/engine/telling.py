"""A lane's report as its batch's observers are told of it."""

from __future__ import annotations

from collections.abc import Iterable

from runner.domain.provider import Limit
from runner.engine.events import LaneChanged
from runner.engine.ports import LaneReport


def lane_changed(report: LaneReport, *, at_us: int, slowed: bool, limits: Iterable[Limit]) -> LaneChanged:
    """The event. `slowed`: a refusal took the pace below what is stated. `limits`: stated ones, of which the report
    names the share in use, or those that were found; and the batch's own."""
    share = 1.0 if report.found is not None else report.share
    return LaneChanged(
        batch=report.batch,
        at_us=at_us,
        provider=report.provider,
        state=report.state,
        reason=report.reason,
        until_us=report.until_us,
        message=report.message,
        advice=report.advice,
        rate=report.rate,
        slowed=slowed,
        windows=tuple((max(1, int(limit.at_most * share)), limit.per_seconds) for limit in limits),
        in_flight=report.in_flight,
    )
