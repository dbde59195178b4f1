"""Records what became of the pace of an account: else a list that goes slower than it might is a riddle. It is an event
of the batch whose lane notices first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from runner.engine.lane import Lane

RETRIES_WAIT: Final = "pace.retries"


async def record_pace(lane: Lane) -> None:
    """What is new since the last call, of any batch on the account."""
    retries, margin = lane.account.retries, lane.account.margin
    if retries.ran_out and not retries.told:
        retries.told = True
        await _record(lane, RETRIES_WAIT, {})
    news = None if margin is None else margin.news()
    if news is not None:
        await _record(lane, *news)


async def _record(lane: Lane, event: str, detail: Mapping[str, Any]) -> None:
    shared = lane.shared
    at_us, name = shared.clock.now_us(), lane.provider.name
    recorded = shared.store.record(
        at_us=at_us, run=shared.run, batch=shared.batch, lane=name, event=event, detail=detail
    )
    await shared.asked.on(recorded)
