"""What a wall clock far ahead has written, once it is set right: nothing waits for longer than it was meant to."""

from __future__ import annotations

import json

import pytest

from runner.domain.model import MILLION, BatchId, RunId
from runner.domain.states import BatchEvent, JobEvent
from runner.engine.ports import LaneReport
from runner.store.store import Store
from tests.store.world import EMAIL, HandClock, attempt, claim, loaded, query, started

pytestmark = pytest.mark.anyio

YEAR_US = 365 * 86_400 * MILLION


async def parked(store: Store, clock: HandClock) -> BatchId:
    """Two retries that wait a minute and five, one fresh job; the batch waits for an hour."""
    batch = loaded(store, 3).batch
    run = started(store, batch)
    async with store.writing():
        for job, minutes in zip(await store.jobs.claim(claim(batch, run, clock, limit=2)), (1, 5), strict=True):
            await attempt(
                store,
                job,
                run,
                JobEvent.RETRY,
                clock,
                due_us=clock.us + minutes * 60 * MILLION,
                wait_seconds=minutes * 60.0,
            )
    store.steering.change(batch, BatchEvent.PAUSE, run=run, reason="reset", resume_at_us=clock.us + 3600 * MILLION)
    store.steering.end_run(run, exit_code=6)
    return batch


def dues(store: Store, clock: HandClock) -> list[float]:
    """Seconds from now until each job is due; 0 for a fresh one."""
    found = query(store.path, "SELECT due_us FROM jobs ORDER BY id")
    return [(due - clock.us) / MILLION if due else 0 for (due,) in found]


def gate(store: Store, clock: HandClock) -> list[float]:
    """Seconds from now until the lane opens, and until the wait ends that its provider asked for."""
    ((text,),) = query(store.path, "SELECT report FROM lanes")
    report = json.loads(text)
    return [(report[until] - clock.us) / MILLION for until in ("until_us", "asked_until_us")]


async def test_waits_are_as_long_as_they_were_to_be(store: Store, clock: HandClock) -> None:
    """A year ahead when they were written down; each once, however often runs begin afterwards."""
    clock.us += YEAR_US
    batch = await parked(store, clock)
    now, minute = clock.us, 60 * MILLION
    lane = LaneReport(
        batch=batch,
        provider="defastra",
        state="gated",
        at_us=now,
        until_us=now + 60 * minute,
        asked_at_us=now,
        asked_until_us=now + 10 * minute,
    )
    async with store.writing():
        await store.jobs.report_lane(lane, run=RunId(1), now_us=clock.us)
    clock.us -= YEAR_US
    store.steering.recover(safe=())
    assert dues(store, clock) == [60, 300, 0]
    assert gate(store, clock) == [3600, 600]
    assert query(store.path, "SELECT resume_at_us FROM batches") == [(clock.us + 3600 * MILLION,)]
    clock.pass_seconds(40)
    store.steering.recover(safe=())
    assert dues(store, clock) == [20, 260, 0]
    assert gate(store, clock) == [3560, 560]
    told = [f"detail ->> '{what}'" for what in ("jobs", "lanes", "batches")]
    mended = query(store.path, f"SELECT {', '.join(told)} FROM events WHERE event = 'clock.mended'")
    assert mended == [(2, 1, 1)]


@pytest.mark.parametrize("step", [0.0, 30.0, -4.0])
async def test_a_clock_that_is_right_mends_nothing(store: Store, clock: HandClock, step: float) -> None:
    """Time that passed, and the small steps of a clock that is kept right."""
    await parked(store, clock)
    clock.pass_seconds(step)
    store.steering.recover(safe=())
    assert dues(store, clock) == [60 - step, 300 - step, 0]
    assert query(store.path, "SELECT count(*) FROM events WHERE event = 'clock.mended'") == [(0,)]


@pytest.mark.parametrize("step", [3600, -7200])
async def test_a_clock_set_in_the_middle_of_a_run(store: Store, clock: HandClock, step: int) -> None:
    """What is put off waits anew from now on, whichever way it was set."""
    batch = await parked(store, clock)
    before = clock.us
    clock.pass_seconds(step)
    async with store.writing():
        since = min(before, clock.us)
        assert await store.jobs.put_off_anew(batch, (EMAIL,), since_us=since, now_us=clock.us) == 2
    assert dues(store, clock) == [60, 300, 0]


async def test_a_wait_that_a_mended_clock_overtakes_is_not_shortened(store: Store, clock: HandClock) -> None:
    """Ahead by a minute only: five minutes are five minutes, and the second look takes nothing off."""
    clock.us += 60 * MILLION
    await parked(store, clock)
    clock.us -= 60 * MILLION
    for waited in (0, 30, 30):
        clock.pass_seconds(waited)
        store.steering.recover(safe=())
    assert dues(store, clock) == [0, 240, 0]
