"""Says, once in a run, that retries wait for their budget: else a list that goes slower than it might is a riddle."""

from __future__ import annotations

from typing import Final

from runner.engine.lane import Lane

EVENT: Final = "pace.retries"


async def tell_rationed(lane: Lane) -> None:
    """An event of the batch whose lane notices first; the budget is the account's."""
    retries, shared = lane.account.retries, lane.shared
    if retries.told or not retries.ran_out:
        return
    retries.told = True
    await shared.asked.on(
        shared.store.record(
            at_us=shared.clock.now_us(),
            run=shared.run,
            batch=shared.batch,
            lane=lane.provider.name,
            event=EVENT,
            detail={},
        )
    )
