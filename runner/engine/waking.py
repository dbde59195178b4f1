"""What a batch makes of a machine that slept, and of a wall clock that was set: due times are looked at again, and it
is told once, in its record and to its observers."""

from __future__ import annotations

from typing import Final

from runner.engine.events import MachineSlept
from runner.engine.shared import Shared

WORTH_TELLING_SECONDS: Final = 5.0


class Waking:
    """Of one batch. What happened before it was made is no news."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._asleep = shared.clock.asleep
        self._set_by = shared.clock.set_by

    async def look(self) -> None:
        """Call it twice a second: after a sleep nobody else may look at the clock for a while."""
        shared, clock = self._shared, self._shared.clock
        at_us = clock.now_us()
        slept, moved = clock.asleep - self._asleep, clock.set_by - self._set_by
        if slept < WORTH_TELLING_SECONDS and not moved:
            return
        if moved:
            # Durations hold whatever the wall clock says: retries, which wait for an instant, too.
            self._set_by, before_us = clock.set_by, at_us - round(max(0.0, moved) * 1e6)
            operations = tuple(operation for lane in shared.lanes for operation in lane.operations)
            moving = shared.store.put_off_anew(shared.batch, operations, since_us=before_us, now_us=at_us)
            await shared.asked.on(moving)
            for lane in shared.lanes:
                lane.feed.clock_set(self._set_by)
            await self._record("clock.set", moved)
        for lane in shared.lanes:
            if not lane.stopped():
                lane.feed.look_again()
                lane.wake()
        if slept >= WORTH_TELLING_SECONDS:
            self._asleep = clock.asleep
            await self._record("machine.slept", slept)
            shared.observer(MachineSlept(batch=shared.batch, at_us=at_us, seconds=slept))

    async def _record(self, event: str, seconds: float) -> None:
        shared = self._shared
        recorded = shared.store.record(
            at_us=shared.clock.now_us(),
            run=shared.run,
            batch=shared.batch,
            lane=None,
            event=event,
            detail={"seconds": round(seconds, 3)},
        )
        await shared.asked.on(recorded)
