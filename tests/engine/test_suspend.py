"""Whole runs in virtual time on a machine that sleeps: nothing leaves too early, no wait lasts longer than it must."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.backoff import next_utc_midnight
from runner.domain.model import Amount
from runner.domain.provider import Limit
from runner.engine.events import MachineSlept
from runner.engine.ports import RunOptions
from runner.engine.realtime import RealTime
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BUSY, DOWN, LATER, LOST, OK, Sent, provider
from tests.engine.test_throttle import most_in
from tests.virtual import NOON_US, VirtualClock, run_virtual

HOURS = 8 * 3600.0
NOTICED = 0.5
"""How often a run looks at the clock when it does nothing else."""


class Sleeper:
    """A night in which the machine sleeps at given moments of the loop's time, each time for so long."""

    def __init__(self, path: Path, *, sleeps: dict[float, float], **given: Any) -> None:
        self.sleeps = sleeps
        self.night = Night(path=path / "runner.db", during=self._during, **given)

    async def _during(self, _: Store) -> None:
        for at, seconds in sorted(self.sleeps.items()):
            await anyio.sleep_until(at)
            self.night.clock.suspend(seconds)
        await anyio.sleep_forever()

    def real(self, at: float) -> float:
        """What a clock on the wall shows at an instant of the loop, which stood still while the machine slept."""
        return at + sum(seconds for slept_at, seconds in self.sleeps.items() if slept_at < at)

    def arrivals(self) -> list[float]:
        """When the provider saw the requests, by its own clock."""
        return [self.real(sent.at) for sent in self.night.sent()]


def later(seconds: float) -> Any:
    """A refusal that says for how long."""
    return replace(LATER, headers=(("retry-after", f"{seconds:.0f}"),))


def once(value: str, answer: Any) -> Callable[[Sent], Any]:
    """This answer to the first request for a value; then, and to all others, success."""
    left = [answer]
    return lambda sent: left.pop() if sent.value == value and left else OK


@pytest.mark.parametrize("at", [0.1, 3.0, 20.05, 29.9, 59.0])
def test_no_window_is_exceeded_and_none_is_waited_for_twice(tmp_path: Path, at: float) -> None:
    """60 a minute and 2 a second, asleep at any moment of it: afterwards the windows are empty, and used at once."""
    limits = (Limit(at_most=60, per_seconds=60), Limit(at_most=2, per_seconds=1))
    slept = Sleeper(tmp_path, sleeps={at: HOURS}, values=150, providers=(provider(limits=limits),))
    slept.night.run()
    arrivals = slept.arrivals()
    assert slept.night.states() == {"succeeded": 150}
    for limit in limits:
        assert most_in(arrivals, limit.per_seconds) <= limit.at_most
    woken = slept.real(at) + HOURS
    after = [arrival - woken for arrival in arrivals if arrival >= woken]
    assert after[0] <= NOTICED + 1.0
    assert sum(arrival <= 60 for arrival in after) >= 59, "a minute was waited for that the machine had slept through"


def test_asleep_in_a_gate_wait(tmp_path: Path) -> None:
    """Asked to wait an hour: awake after 20 minutes it waits for the other 40, after eight hours for nothing."""
    for seconds, most in ((1200.0, 3602.0), (HOURS, HOURS + 10 + NOTICED)):
        slept = Sleeper(tmp_path / f"{seconds:.0f}", sleeps={10.0: seconds}, values=6, providers=(provider(),))
        slept.night.options = RunOptions(max_wait_seconds=7200)
        slept.night.scripts = {"acme": once("v3", later(3600))}
        slept.night.run()
        waited = [arrival for arrival in slept.arrivals() if arrival > 5]
        assert 3600 <= waited[0] <= most + 1
        assert slept.night.states() == {"succeeded": 6}


def test_asleep_in_an_open_circuit(tmp_path: Path) -> None:
    """The wait for the next try is over when the machine wakes, and one request goes first."""
    slept = Sleeper(tmp_path, sleeps={30.0: HOURS}, values=20, providers=(provider(safe=True),))
    slept.night.scripts = {"acme": lambda sent: OK if sent.at >= 30 else LOST}
    slept.night.run()
    woken = 30.0 + HOURS
    after = [arrival - woken for arrival in slept.arrivals() if arrival > woken]
    assert after[0] <= NOTICED + 0.2
    assert after[1] > after[0] + 0.05, "the whole lane woke with the probe"
    assert slept.night.states() == {"succeeded": 20}


def test_asleep_in_backoff(tmp_path: Path) -> None:
    """The only thing left is a retry that is due in an hour: it goes as soon as the machine is awake."""
    slept = Sleeper(tmp_path, sleeps={10.0: HOURS}, values=1, providers=(provider(),))
    slept.night.scripts = {"acme": once("v1", replace(BUSY, headers=(("retry-after", "3600"),)))}
    slept.night.run()
    assert 0 < slept.arrivals()[1] - (10 + HOURS) <= NOTICED + 0.2


def test_asleep_with_requests_on_the_wire(tmp_path: Path) -> None:
    """Their answers count when they come; until then they hold their places, and their deadline is not cut short."""
    limits = (Limit(at_most=3, per_seconds=10),)
    slept = Sleeper(tmp_path, sleeps={1.0: HOURS}, values=9, providers=(provider(limits=limits, in_flight=3),))
    slept.night.slow = {f"v{n}": 5.0 for n in range(1, 4)}
    slept.night.run()
    arrivals = slept.arrivals()
    assert most_in(arrivals, 10) <= 3
    assert slept.night.states() == {"succeeded": 9}
    assert all(
        seconds < 6
        for (seconds,) in slept.night.query("SELECT closed_us/1e6 - opened_us/1e6 - 28800 FROM attempts WHERE job <= 1")
    )


def test_parked_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    """A wait beyond --max-wait is an instant: the run is over long before, and who slept meanwhile goes on at once."""
    night = Night(path=tmp_path / "runner.db", values=4, scripts={"acme": once("v1", later(3600))})
    (lane,) = night.run().lanes
    assert lane.state == "parked"
    night.clock.suspend(HOURS)
    night.run()
    assert night.states() == {"succeeded": 4}


def test_asleep_between_the_record_and_the_request(tmp_path: Path) -> None:
    """Written down before the sleep, and to be sent after it: withdrawn, written down anew, and sent then; so a request
    is counted to the day on which it leaves, and in the windows when it does."""
    night = Night(path=tmp_path / "runner.db", values=3)
    slept = False

    async def during(store: Store) -> None:
        opening: Any = store.jobs.open

        async def slowly(given: Any) -> Any:
            nonlocal slept
            attempt = await opening(given)
            if not slept:
                slept = True
                night.clock.suspend(HOURS)
            return attempt

        replaced: Any = store.jobs
        replaced.open = slowly

    night.during = during
    night.run()
    assert night.query("SELECT fault FROM attempts WHERE fault IS NOT NULL") == [("withdrawn",)]
    assert night.states() == {"succeeded": 3}


def test_idle_connections_are_dropped_before_anything_leaves(tmp_path: Path) -> None:
    """Whoever notices first: nothing is sent between the sleep and that."""
    slept = Sleeper(
        tmp_path, sleeps=dict.fromkeys((1.0, 2.0, 3.0), 60.0), values=60, providers=(provider(in_flight=2),)
    )
    slept.night.run()
    forgotten = slept.night.transports["acme"].forgotten
    assert len(forgotten) == 3
    for at, dropped in zip(slept.sleeps, forgotten, strict=True):
        left = [sent.at - 0.1 for sent in slept.night.sent()]
        assert not [one for one in left if at < one < dropped]


def test_a_day_that_changed_meanwhile_is_another_day(tmp_path: Path) -> None:
    """Three checks a day; asleep over midnight they are there again, and the lane that was at its cap had ended."""
    slept = Sleeper(tmp_path, sleeps={0.3: HOURS}, values=6, providers=(provider(in_flight=1),))
    slept.night.clock.shift_us = next_utc_midnight(NOON_US) - NOON_US - 3600 * 1_000_000
    (lane,) = slept.night.run(max_spend_per_day={"acme": Amount(3_000_000)}).lanes
    assert lane.reason == "max-spend-per-day"
    spent = slept.night.query(
        "SELECT sum(amount)/1000000 FROM attempt_totals WHERE standing <> 'released' GROUP BY day"
    )
    assert [day for (day,) in spent] in ([1, 3], [2, 3])


def test_the_watchdog_does_not_count_it(tmp_path: Path) -> None:
    """A request on the way, and eight hours of sleep twice: ten minutes of a hang are ten minutes awake."""
    slept = Sleeper(tmp_path, sleeps={1.0: HOURS, 5.0: HOURS}, values=9, providers=(provider(in_flight=2),))
    slept.night.slow = {"v3": 25.0}
    slept.night.run()
    assert slept.night.states() == {"succeeded": 9}


def test_it_is_told_once(tmp_path: Path) -> None:
    """In the record and to observers; a nap of three seconds is not worth a word."""
    slept = Sleeper(tmp_path, sleeps={2.0: HOURS, 6.0: 3.0}, values=40, providers=(provider(in_flight=1),))
    slept.night.run()
    assert [event.seconds for event in slept.night.events if isinstance(event, MachineSlept)] == [HOURS]
    assert slept.night.query("SELECT detail ->> 'seconds' FROM events WHERE event = 'machine.slept'") == [(HOURS,)]
    assert slept.night.query("SELECT count(*) FROM events WHERE event = 'clock.set'") == [(0,)]


@pytest.mark.parametrize("hours", [8, -8])
def test_a_clock_that_is_set_is_no_sleep(tmp_path: Path, hours: int) -> None:
    """A step of the wall clock ages nothing: the wait that was asked for lasts as long as it was. Ahead, it may have
    been a virtual machine that stood still: connections are dropped."""
    night = Night(path=tmp_path / "runner.db", values=6, scripts={"acme": once("v3", later(600))})

    async def during(_: Store) -> None:
        await anyio.sleep(10)
        night.clock.shift_us += hours * 3_600_000_000

    night.during = during
    night.run()
    assert next(sent.at for sent in night.sent() if sent.at > 5) >= 600
    assert night.query("SELECT detail ->> 'seconds' FROM events WHERE event = 'clock.set'") == [(hours * 3600.0,)]
    assert not [event for event in night.events if isinstance(event, MachineSlept)]
    assert len(night.transports["acme"].forgotten) == (1 if hours > 0 else 0)


def test_who_sleeps_until_a_time_is_woken_by_whoever_looks() -> None:
    """And goes on sleeping where the time has not come; rounding never makes it wait for ever."""

    async def main() -> list[float]:
        machine = VirtualClock()
        clock = RealTime(machine)
        woke: list[float] = []

        async def sleep(until: float) -> None:
            await clock.sleep_until(until)
            assert clock.monotonic() >= until
            woke.append(anyio.current_time())

        async with anyio.create_task_group() as group:
            for until in (0.0, 5.0, 1000.1, 100_000.7):
                group.start_soon(sleep, until)
            await anyio.sleep(1)
            machine.suspend(1000.3)
            assert clock.monotonic() == pytest.approx(1001.3)
        return woke

    assert run_virtual(main) == pytest.approx([0, 1, 1, 100_000.7 - 1000.3], abs=1e-5)


def test_an_outage_is_no_older_for_a_sleep(tmp_path: Path) -> None:
    """Failing before eight hours of sleep and for a minute after it, until the network is there again: no halt."""
    slept = Sleeper(tmp_path, sleeps={60.0: HOURS}, values=12, providers=(provider(safe=True),))
    slept.night.scripts = {"acme": lambda sent: DOWN if sent.at < 120 else OK}
    (lane,) = slept.night.run().lanes
    assert (lane.state, slept.night.states()) == ("done", {"succeeded": 12})
