"""The watchdog: a run that gets nowhere for ten minutes although it could ends with a dump, not as a silent hang.

It looks at what the lanes know in memory, four times a minute, by the clock port alone: it must work although the store
hangs, so it asks the store nothing. Waits that end at a known time are no hang, however long: limits, gates, backoff, a
cap while requests are on the wire. The time that a machine sleeps is not counted, whichever of its clocks shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Final

from runner.engine.stop import StopSignal
from runner.errors import StalledError

if TYPE_CHECKING:
    from runner.engine.account import SharedLane
    from runner.engine.lane import Lane
    from runner.engine.shared import Shared

LOOK_SECONDS: Final = 15.0
PATIENCE_SECONDS: Final = 600.0
LEAVE_SECONDS: Final = 1.0
"""For workers that can still leave by themselves."""

STALLED: Final = "stalled"
"""The reason with which the run is asked to stop."""

Sign = tuple[str, Hashable]
"""What may be a hang: its name, and what makes it the same one at the next look."""


class Watchdog:
    """Watches the lanes of one batch. `everyone`: the lanes at work of all batches, which `stop` ends together."""

    def __init__(self, shared: Shared, everyone: Callable[[], list[SharedLane]], stop: StopSignal) -> None:
        self._shared = shared
        self._lanes: Sequence[Lane] = shared.lanes
        self._everyone = everyone
        self._stop = stop
        self._lasting: dict[Sign, float] = {}  # seconds for which each sign has been there
        self._looked = shared.clock.awake.monotonic()
        self._error: StalledError | None = None

    async def watch(self) -> None:
        """For as long as the batch is at work. Raises StalledError, after what could still end has ended; if all could,
        its work ends first, and `bark` raises it."""
        clock = self._shared.clock
        while True:
            await clock.sleep_until(clock.monotonic() + LOOK_SECONDS)
            found = self.look()
            if found is not None:
                self._error = StalledError(
                    _WHAT[found[0]],
                    why="this is a mistake in runner, or in what it runs on; what was answered is stored",
                    fix="run the same command again; if it comes back, report it",
                    dump=self._dump(found),
                    of_store=self._store_hangs(),
                )
                await self._end()
                raise self._error

    def bark(self) -> None:
        """Raise what was found."""
        if self._error is not None:
            raise self._error

    def _store_hangs(self) -> bool:
        """Whatever was found first: where the store hangs too, nobody must wait for it to end."""
        return any(sign[0] == "store" and seconds >= 2 * LOOK_SECONDS for sign, seconds in self._lasting.items())

    def look(self) -> Sign | None:
        """A hang that has lasted for too long by now."""
        now = self._shared.clock.awake.monotonic()
        passed, self._looked = min(now - self._looked, 2 * LOOK_SECONDS), now
        before = self._lasting
        self._lasting = {sign: before[sign] + passed if sign in before else 0.0 for sign in self._signs()}
        return next((sign for sign, seconds in self._lasting.items() if seconds >= PATIENCE_SECONDS), None)

    def _signs(self) -> Iterator[Sign]:
        now = self._shared.clock.monotonic()
        if (asked := self._shared.asked.oldest) is not None:
            yield "store", asked
        for number, lane in enumerate(self._lanes):
            if (lane.wire.oldest_seconds or 0.0) > lane.provider.http.timeout_seconds:
                yield "wire", (number, lane.wire.oldest)
            if not self._has_reason(lane, now):
                yield "lane", (number, lane.answers)

    def _has_reason(self, lane: Lane, now: float) -> bool:
        """Whether it is right that this lane sends nothing now."""
        if not lane.working or lane.wire:
            return True  # it has ended; or the wire is looked at anyhow
        if lane.stopped():
            return False  # its workers should have left
        others = [other for other in (*lane.account.lanes, *self._lanes) if other is not lane]
        if any(other.wire for other in others):
            return True  # a turn, a window or a probe of theirs
        if lane.refused and any(other.active for other in others):
            return True  # what they hold may turn out not to be charged
        if lane.gate.shut is not None and lane.gate.until > now:
            return True
        if not lane.active and not lane.feed.due():
            return True
        throttles = (lane.throttle, lane.own.throttle)
        return any(throttle.holds_back() for throttle in throttles if throttle is not None)

    async def _end(self) -> None:
        """Stop the run; let what is on the wire within its deadline come back and be stored; leave the rest."""
        clock = self._shared.clock
        self._stop.set(STALLED)
        await clock.sleep_until(clock.monotonic() + LEAVE_SECONDS)
        while any(lane.comes_back() for lane in self._everyone()):
            await clock.sleep_until(clock.monotonic() + LEAVE_SECONDS)
        for lane in self._everyone():
            lane.abandon()

    def _dump(self, found: Sign) -> str:
        """Everything that tells where it hangs: no value of a row, no key."""
        now = self._shared.clock.monotonic()
        asked = self._shared.asked
        lines = [
            f"{found[0]} {found[1]}: {_WHAT[found[0]]}",
            f"run {self._shared.run}, batch {self._shared.batch}, stop {self._stop.reason}",
            f"store: {len(asked)} questions without an answer, the oldest {_ago(asked.oldest_seconds)}",
        ]
        for lane in self._lanes:
            lines += ["", *_lane_lines(lane, now)]
        return "\n".join([*lines, "", "tasks:", *_tasks(), ""])


_WHAT: Final = {
    "store": "the database has not answered for ten minutes",
    "wire": "a request has been on the way for ten minutes longer than its deadline allows",
    "lane": "nothing was sent for ten minutes although requests are due",
}


def _ago(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.0f} s ago"


def _lane_lines(lane: Lane, now: float) -> Iterator[str]:
    gate = lane.gate
    yield f"lane {lane.provider.name}: {lane.state()}, stopped={lane.stopped()}, closed={lane.closed}"
    yield f"  workers: {lane.working} of {lane.workers} at work, {lane.active} in an attempt, {lane.answers} answered"
    yield f"  wire: {len(lane.wire)} requests, the oldest sent {_ago(lane.wire.oldest_seconds)}"
    yield f"  cap: refused={lane.refused}"
    yield f"  gate: shut={gate.shut}, until {gate.until - now:+.0f} s, closed={gate.closed}, {gate!r}"
    for name, throttle in (("account", lane.throttle), ("batch", lane.own.throttle)):
        for window in throttle.statistics() if throttle is not None else ():
            yield f"  window ({name}): {window}"
    yield f"  feed: {lane.feed!r}"
    yield f"  slots: {lane.account.slots!r}"


def _tasks() -> Iterator[str]:
    """Where each task waits, from the outside in: modules, lines and functions, without what they hold."""
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        yield f"  {task.get_name()}"
        awaited: object = task.get_coro()
        while isinstance(awaited, CoroutineType) and awaited.cr_frame is not None:
            frame = awaited.cr_frame
            yield f"    {frame.f_globals.get('__name__')}:{frame.f_lineno} {frame.f_code.co_name}"
            awaited = awaited.cr_await
        yield f"    -> {type(awaited).__name__}"
