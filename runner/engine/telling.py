"""A lane's report as its batch's observers are told of it."""

from __future__ import annotations

from runner.engine.events import LaneChanged
from runner.engine.ports import LaneReport


def lane_changed(report: LaneReport, *, at_us: int, slowed: bool) -> LaneChanged:
    """The event. `slowed`: a refusal took the pace below what is stated."""
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
    )
