"""Whole runs in virtual time on a machine whose wall clock is set: no wait is shorter for it, and none is endless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.provider import Limit
from runner.engine.ports import RunOptions
from runner.store.store import Store
from tests.engine.night import Night
from tests.engine.scripted import BUSY, LATER, provider
from tests.engine.test_suspend import once
from tests.virtual import NOON_US

MILLION = 1_000_000
YEAR = 365 * 86_400
STEPS = (-YEAR, -86_400, -3600, -7, 7, 3600, 86_400, YEAR)


def saying(answer: Any, seconds: int) -> Any:
    """An answer that says for how long to wait."""
    return replace(answer, headers=(("retry-after", str(seconds)),))


def set_by(night: Night, seconds: int, *, at: float) -> Callable[[Store], Any]:
    """The wall clock is set at an instant of the run."""

    async def during(_: Store) -> None:
        await anyio.sleep_until(at)
        night.clock.shift_us += seconds * MILLION
        await anyio.sleep_forever()

    return during


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", [BUSY, LATER], ids=["one request", "the lane"])
def test_a_wait_is_as_long_as_it_was_whatever_the_clock_says(tmp_path: Path, step: int, answer: Any) -> None:
    """Ten minutes of one request, or of all: not over early when the clock is set ahead, and no longer when back."""
    night = Night(path=tmp_path / "runner.db", values=1 if answer is BUSY else 4)
    night.scripts = {"acme": once("v1", saying(answer, 600))}
    night.during = set_by(night, step, at=60.0)
    night.run()
    again = [sent.at for sent in night.sent() if sent.value == "v1"][1]
    # A retry waits by the wall clock, in the file: it begins to wait anew, for no longer than it was told.
    assert 600 <= again <= (661 if answer is BUSY and abs(step) > 5 else 602)
    assert night.states()["succeeded"] == (1 if answer is BUSY else 4)


@pytest.mark.parametrize("answer", [BUSY, LATER], ids=["one request", "the lane"])
def test_what_a_clock_a_year_ahead_wrote_holds_nobody_up_for_a_year(tmp_path: Path, answer: Any) -> None:
    """Put right between two runs: the wait that was written down is as long as it was to be, and then it is over."""
    night = Night(path=tmp_path / "runner.db", values=1, scripts={"acme": once("v1", saying(answer, 3600))})
    night.clock.shift_us = YEAR * MILLION
    night.during = _stop(night)
    night.run(max_wait_seconds=7200)
    assert night.states() == {"queued": 1}
    night.clock.shift_us -= YEAR * MILLION
    began = NOON_US + night.clock.shift_us
    night.during = None
    night.run(max_wait_seconds=7200)
    assert night.states() == {"succeeded": 1}
    assert 3600 <= (NOON_US + night.clock.shift_us - began) / MILLION <= 3603
    (mended,) = night.query("SELECT detail FROM events WHERE event = 'clock.mended'")
    assert mended != ('{"jobs":0,"lanes":0,"batches":0}',)


def _stop(night: Night) -> Callable[[Store], Any]:
    async def during(_: Store) -> None:
        await anyio.sleep(5)
        night.stop.set("signal:130")

    return during


def test_runs_in_a_row_do_not_begin_the_wait_anew(tmp_path: Path) -> None:
    """Parked by a clock a year ahead: each run afterwards finds less of the hour left."""
    night = Night(path=tmp_path / "runner.db", values=1, scripts={"acme": once("v1", saying(LATER, 3600))})
    night.clock.shift_us = YEAR * MILLION
    night.run()
    night.clock.shift_us -= YEAR * MILLION
    left: list[float] = []
    for _ in range(4):
        (lane,) = night.run().lanes
        if lane.state != "parked":
            break
        assert lane.until_us is not None
        left.append((lane.until_us - NOON_US - night.clock.shift_us) / MILLION)
        night.clock.shift_us += 1500 * MILLION
    assert [round(seconds, -2) for seconds in left] == [3600, 2100, 600]
    assert night.states() == {"succeeded": 1}


@pytest.mark.parametrize("step", [-YEAR, -3600, 3600, YEAR])
def test_a_lane_that_is_parked_says_until_when_by_the_clock_as_it_is(tmp_path: Path, step: int) -> None:
    """Another provider works on; the clock is set: what the next run keeps to is the wait, not the instant."""
    night = Night(path=tmp_path / "runner.db", values=40, providers=(provider(), provider("slow", in_flight=1)))
    night.scripts = {"acme": once("v1", saying(LATER, 3600))}
    night.slow = {f"v{n}": 1.0 for n in range(40)}
    night.during = set_by(night, step, at=20.0)
    lanes = {lane.provider: lane for lane in night.run(max_wait_seconds=900).lanes}
    until_us = lanes["acme"].until_us
    assert lanes["acme"].state == "parked"
    assert until_us is not None
    assert 3500 <= (until_us - NOON_US - night.clock.shift_us) / MILLION <= 3601


@pytest.mark.parametrize("step", STEPS)
def test_a_run_at_its_limits_hardly_notices(tmp_path: Path, step: int) -> None:
    """Windows go by durations: the list takes as long as it would have, and no request leaves early."""
    night = Night(
        path=tmp_path / "runner.db", values=60, providers=(provider(limits=(Limit(at_most=10, per_seconds=10),)),)
    )
    night.options = RunOptions(max_wait_seconds=900)
    night.during = set_by(night, step, at=25.0)
    night.run()
    sent = [one.at for one in night.sent()]
    assert len(sent) == 60
    assert all(last - first >= 10 for first, last in zip(sent, sent[10:], strict=False))
    assert sent[-1] < 75  # one that waits for its turn at midnight is let through again, on the new day


@pytest.mark.parametrize("at", [10.01, 10.25, 10.49])
def test_nothing_goes_early_before_the_set_clock_is_looked_at(tmp_path: Path, at: float) -> None:
    """Told to wait half an hour, at work on others; an hour ahead at once: no claim takes what only seems due."""
    night = Night(path=tmp_path / "runner.db", values=400, providers=(provider(in_flight=2),))
    night.scripts = {"acme": once("v3", saying(BUSY, 1800))}
    night.during = set_by(night, 3600, at=at)
    night.run()
    first, again = (sent.at for sent in night.sent() if sent.value == "v3")
    assert 1800 <= again - first <= 1861
    assert night.states() == {"succeeded": 400}


def test_a_feed_that_finds_only_what_seems_due_waits_for_the_look(tmp_path: Path) -> None:
    """The list is at its end when the clock is set: nobody asks the store again and again until it is looked at."""
    night = Night(path=tmp_path / "runner.db", values=6, providers=(provider(in_flight=2),), latency=0.3)
    night.scripts = {"acme": once("v1", saying(BUSY, 1800))}
    night.slow = {"v6": 8.7}
    night.during = set_by(night, 3600, at=10.01)
    night.run()
    first, again = (sent.at for sent in night.sent() if sent.value == "v1")
    assert 1800 <= again - first <= 1861
