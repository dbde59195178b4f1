"""Jobs that are on the wire whenever the runner dies: suspected from the second crash on, given up at the third."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from runner.domain.model import Amount, BatchId, Resolution
from runner.domain.states import JobEvent
from runner.store.store import Store
from runner.store.values import Recovered
from tests.store.world import EMAIL, HandClock, attempt, claim, loaded, opening, query, started, states

pytestmark = pytest.mark.anyio


async def crash(
    store: Store, clock: HandClock, batch: BatchId, *, safe: bool = True, limit: int = 10, **changes: Amount
) -> Sequence[Recovered]:
    """A minute later a run opens all that is due, dies, and is recovered."""
    clock.pass_seconds(60)
    run = started(store, batch)
    async with store.writing():
        for job in await store.jobs.claim(claim(batch, run, clock, limit=limit)):
            await store.jobs.open(opening(job, run, clock, **changes))
    return store.steering.recover(safe={(BatchId(1), EMAIL)} if safe else ()).batches


async def test_the_third_crash_ends_a_job_and_the_run_goes_on(store: Store, clock: HandClock) -> None:
    """Failed for good with the reason `poison`, as three requests in doubt; the others are not touched."""
    batch = loaded(store, 3).batch
    await crash(store, clock, batch, limit=1)
    await crash(store, clock, batch, limit=1)
    (found,) = await crash(store, clock, batch, limit=1)
    assert (found.doubts, found.released, found.poisoned) == (0, 0, 1)
    assert states(store.path) == ["failed", "queued", "queued"]
    assert query(store.path, "SELECT reason, final, debited, amount, attempts FROM v_outcomes WHERE job = 1") == [
        ("poison", 1, "unknown", 0.0, 3)
    ]
    assert query(store.path, "SELECT sum(requests), sum(in_doubt), sum(amount) FROM v_spend") == [(3, 3, 0.0)]
    ((detail,),) = query(store.path, "SELECT detail FROM v_events WHERE event = 'jobs.poisoned'")
    assert json.loads(detail) == {"jobs": 1}


@pytest.mark.parametrize(("held", "debited"), [(0, "no"), (1_000_000, "unknown")])
async def test_what_is_known_of_its_charge_stays_known(store: Store, clock: HandClock, held: int, debited: str) -> None:
    """A free request cost nothing, three times; of a paid one nobody knows."""
    batch = loaded(store, 1).batch
    for _ in range(3):
        await crash(store, clock, batch, held=Amount(held))
    assert query(store.path, "SELECT state, debited FROM v_outcomes") == [("failed", debited)]


async def test_eight_on_the_wire_are_spread_from_the_second_crash_on(store: Store, clock: HandClock) -> None:
    """Nobody knows which of them it was: after the first crash they go at once, after the second one by one."""
    batch = loaded(store, 8).batch
    await crash(store, clock, batch)
    assert query(store.path, "SELECT DISTINCT due_us, crashes FROM jobs") == [(0, 1)]
    await crash(store, clock, batch)
    due = [us - clock.us for (us,) in query(store.path, "SELECT due_us FROM jobs ORDER BY id")]
    assert due == [n * 1_000_000 for n in range(1, 9)]
    run = started(store, batch)
    async with store.writing():
        assert await store.jobs.claim(claim(batch, run, clock)) == []
        clock.pass_seconds(2)
        taken = await store.jobs.claim(claim(batch, run, clock))
    assert [(job.id, job.suspect) for job in taken] == [(1, True), (2, True)]


@pytest.mark.parametrize("resolution", [Resolution.RESEND, Resolution.NOT_CHARGED])
async def test_released_doubts_are_spread_too(store: Store, clock: HandClock, resolution: Resolution) -> None:
    """Where repeating is not safe a person, or the policy, releases all of them at once: they are due one by one."""
    batch = loaded(store, 3).batch
    await crash(store, clock, batch, safe=False)
    assert store.steering.release_doubts(batch, [EMAIL]) == 3
    assert query(store.path, "SELECT DISTINCT due_us FROM jobs") == [(0,)]
    await crash(store, clock, batch, safe=False)
    assert store.steering.resolve(batch, resolution) == 3
    due = [us - clock.us for (us,) in query(store.path, "SELECT due_us FROM jobs ORDER BY id")]
    assert due == [1_000_000, 2_000_000, 3_000_000]
    (found,) = await crash(store, clock, batch, safe=False)
    assert (found.doubts, found.poisoned) == (0, 3)


async def test_retry_by_name_forgets_its_crashes(store: Store, clock: HandClock) -> None:
    """It may have been charged, so only its name sends it again; marked, on record, and with three more crashes."""
    batch = loaded(store, 1).batch
    for _ in range(3):
        await crash(store, clock, batch)
    assert store.steering.retry(batch) == 0
    assert store.reports.named_only(batch) == ["poison"]
    assert store.steering.retry(batch, rule="poison") == 1
    assert query(store.path, "SELECT state, crashes, possible_double_charge FROM jobs") == [("queued", 0, 1)]
    assert query(store.path, "SELECT DISTINCT resolution FROM attempts") == [("resend",)]
    (found,) = await crash(store, clock, batch)
    assert (found.released, found.poisoned) == (1, 0)


async def test_an_ended_request_is_no_suspect(store: Store, clock: HandClock) -> None:
    """Only what was on the wire counts: answered and merely claimed jobs never do."""
    batch = loaded(store, 3).batch
    run = started(store, batch)
    async with store.writing():
        first, second, _ = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, first, run, JobEvent.SUCCEED, clock)
        await store.jobs.open(opening(second, run, clock))
    store.steering.recover(safe={(BatchId(1), EMAIL)})
    assert query(store.path, "SELECT crashes FROM jobs ORDER BY id") == [(0,), (1,), (0,)]
