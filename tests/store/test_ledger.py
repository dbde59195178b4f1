"""Sums that a run begins with: what an account's days cost, charges that were dearer than was held, what waits."""

from __future__ import annotations

import pytest

from runner.domain.model import Amount
from runner.domain.states import JobEvent
from runner.store.ledger import _DEARER
from runner.store.store import Store
from tests.store.world import EMAIL, HandClock, attempt, claim, loaded, opening, query, settlement, started

pytestmark = pytest.mark.anyio

DAY_US = 86_400_000_000
DOUBT = JobEvent.DOUBT
SUCCEED = JobEvent.SUCCEED


async def test_a_day_is_what_every_batch_owes_for_it(store: Store, clock: HandClock) -> None:
    """Held, charged or in doubt counts to the day of opening, whatever day it is answered; what was not charged does
    not count, and neither do other accounts and units. What another name of the account spent does."""
    first, second = (loaded(store, 5, name).batch for name in ("one", "two"))
    run, other = (started(store, batch) for batch in (first, second))
    today = clock.us // DAY_US
    async with store.writing():
        jobs = await store.jobs.claim(claim(first, run, clock))
        await attempt(store, jobs[0], run, SUCCEED, clock, amount=Amount(7))
        await attempt(store, jobs[1], run, DOUBT, clock, amount=Amount(20))
        await attempt(store, jobs[2], run, JobEvent.FAIL, clock)
        await store.jobs.open(opening(jobs[3], run, clock, held=Amount(300)))
        await store.jobs.open(opening(jobs[4], run, clock, held=Amount(9), unit="credit"))
        clock.us += DAY_US
        theirs = await store.jobs.claim(claim(second, other, clock))
        await attempt(store, theirs[0], other, SUCCEED, clock, amount=Amount(4_000))
        await store.jobs.open(opening(theirs[1], other, clock, held=Amount(9), provider="acme", account="account-2"))
        spent, mine = store.jobs.spent_by_day, ("account-1", {"defastra"})
        assert await spent(*mine, "check", today) == {today: 327, today + 1: 4_000}
        assert await spent(*mine, "check", today + 1) == {today + 1: 4_000}
        assert await spent(*mine, "credit", today) == {today: 9}
        assert await spent("account-1", {"other"}, "check", today) == {today: 327, today + 1: 4_000}
        assert await spent("account-1", {"acme"}, "check", today + 1) == {today + 1: 4_009}
        assert await spent("account-2", {"dfirlab"}, "check", today) == {}  # nothing of it is over
        assert await spent("account-3", {"dfirlab"}, "credit", today) == {}
    assert store.forecast.spent_on("defastra", "check", today) == 327
    assert store.forecast.spent_on("defastra", "check", today + 2) == 0


async def test_only_charges_above_what_was_held_are_told_apart(store: Store, clock: HandClock) -> None:
    """The dearest of them, of any batch; what cost as much as was held, or less, teaches nothing."""
    batch = loaded(store, 6).batch
    run = started(store, batch)
    async with store.writing():
        jobs = await store.jobs.claim(claim(batch, run, clock))
        assert await store.jobs.dearer() == {}
        for job, amount in zip(jobs, (1_000_000, 999_999, 0, 3_000_000, 2_000_000), strict=False):
            await attempt(store, job, run, SUCCEED, clock, amount=Amount(amount))
        assert await store.jobs.dearer() == {(EMAIL, "check"): 3_000_000}
    plan = [line[3] for line in query(store.path, f"EXPLAIN QUERY PLAN {_DEARER.format(schema='')}")]
    assert plan == ["SCAN attempts USING INDEX ix_attempts_dearer"]  # few lines, whatever the size of the table


async def test_what_waits_is_counted_without_a_look_at_it(store: Store, clock: HandClock) -> None:
    """Claimed ones wait until their request is on the way; those that are tried again wait once more."""
    batch = loaded(store, 9).batch
    run = started(store, batch)
    async with store.writing():
        jobs = await store.jobs.claim(claim(batch, run, clock, limit=4))
        assert await store.jobs.waiting(batch) == {EMAIL: 9}
        first = await store.jobs.open(opening(jobs[0], run, clock))
        await store.jobs.open(opening(jobs[1], run, clock, unit="credit"))
        assert await store.jobs.waiting(batch) == {EMAIL: 7}
        await store.jobs.settle(settlement(first, jobs[0].id, SUCCEED, clock))
        await attempt(store, jobs[2], run, JobEvent.RETRY, clock)
        await store.jobs.release(run, [jobs[3].id])
        assert await store.jobs.waiting(batch) == {EMAIL: 7}
