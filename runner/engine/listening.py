"""What a batch at work hears from elsewhere: the machine, other terminals, rows that were added."""

from __future__ import annotations

from collections.abc import Sequence

from runner.engine.events import RowsAdded
from runner.engine.funds import look_at_funds
from runner.engine.lane import Lane
from runner.engine.pace_events import record_pace
from runner.engine.shared import Shared
from runner.engine.tuning import Tuning
from runner.engine.waking import Waking

WISHES_SECONDS = 0.5


async def listen(shared: Shared, lanes: Sequence[Lane], tuning: Tuning) -> None:
    """Twice a second: whether the machine slept, what another terminal asked for, and work that was added meanwhile."""
    waking = Waking(shared)
    before = await shared.asked.on(shared.store.wishes(shared.batch))
    while shared.stop.reason is None:
        await shared.clock.sleep_until(shared.clock.monotonic() + WISHES_SECONDS)
        await waking.look()
        wishes = await shared.asked.on(shared.store.wishes(shared.batch))
        if wishes.requested_state is not None:
            shared.stop.set(f"requested:{wishes.requested_state}")
        await tuning.follow(wishes.settings)
        added = wishes.visible_job != before.visible_job
        if wishes.visible_row != before.visible_row:
            at_us, rows = shared.clock.now_us(), wishes.visible_row - before.visible_row
            requests = wishes.jobs - before.jobs
            shared.observer(RowsAdded(batch=shared.batch, at_us=at_us, rows=rows, requests=requests))
        before = wishes
        for lane in lanes:
            await _look_for_work(lane, added=added)
            await lane.flush_reports()
            await look_at_funds(lane)
            await record_pace(lane)


async def _look_for_work(lane: Lane, *, added: bool) -> None:
    """Rows that were `added`, a retry, or a doubt resolved in another terminal put jobs into the queue that an idle
    lane would not look for. It is idle no more even where they have to wait: else it would be done without them."""
    unaware = lane.idle or (lane.feed.dry and not lane.feed.rationed)
    if not lane.stopped() and (added or unaware):
        asked = lane.shared.store.next_due(lane.shared.batch, tuple(lane.operations))
        due_us = await lane.shared.asked.on(asked)
        if due_us is not None and due_us <= lane.shared.clock.now_us():
            lane.idle = False
            lane.feed.look_again()
            lane.wake()
