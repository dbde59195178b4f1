"""Claims: each job once and in order, within their operations and their ration, from the index."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.states import JobEvent
from runner.store.database import Database
from runner.store.jobs import claim_sql
from runner.store.store import Store
from tests.store.world import EMAIL, PHONE, HandClock, attempt, claim, loaded, new_batch, row, started

pytestmark = pytest.mark.anyio


async def test_claims_take_each_job_once_oldest_first(store: Store, clock: HandClock) -> None:
    """Chunks come in the order of the list, and no job comes twice."""
    batch = loaded(store, 7).batch
    run = started(store, batch)
    async with store.writing():
        chunks = [await store.jobs.claim(claim(batch, run, clock, limit=3)) for _ in range(4)]
    assert [[job.id for job in chunk] for chunk in chunks] == [[1, 2, 3], [4, 5, 6], [7], []]
    assert chunks[0][0].params == {"email": "user1@example.com"}


async def test_due_retries_come_first(store: Store, clock: HandClock) -> None:
    """A retry waits for its time; once due it comes before fresh jobs, the oldest due first."""
    batch = loaded(store, 5).batch
    run = started(store, batch)
    async with store.writing():
        first, second = await store.jobs.claim(claim(batch, run, clock, limit=2))
        await attempt(store, first, run, JobEvent.RETRY, clock, due_us=clock.us + 2_000_000)
        await attempt(store, second, run, JobEvent.RETRY, clock, due_us=clock.us + 1_000_000)
        assert [job.id for job in await store.jobs.claim(claim(batch, run, clock, limit=1))] == [3]
        assert await store.jobs.next_due(batch, (EMAIL,)) == 0
        clock.pass_seconds(3)
        taken = await store.jobs.claim(claim(batch, run, clock, limit=3))
        assert [(job.id, job.attempts, job.attempts_spent) for job in taken] == [(2, 1, 1), (1, 1, 1), (4, 0, 0)]


async def test_next_due_tells_the_earliest_retry(store: Store, clock: HandClock) -> None:
    """0 while something is due at once, the retry's time while only retries wait, None when nothing is queued."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        assert await store.jobs.next_due(batch, (EMAIL,)) == 0
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        assert await store.jobs.next_due(batch, (EMAIL,)) is None
        await attempt(store, job, run, JobEvent.RETRY, clock, due_us=clock.us + 5)
        assert await store.jobs.next_due(batch, (EMAIL,)) == clock.us + 5
        assert await store.jobs.next_due(batch, (PHONE,)) is None


async def test_a_probe_comes_alone_and_before_its_time(store: Store, clock: HandClock) -> None:
    """`only` takes that job, due or not, and nothing when it is not queued."""
    batch = loaded(store, 3).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
        await attempt(store, job, run, JobEvent.RELEASE, clock, due_us=clock.us + 60_000_000)
        assert [one.id for one in await store.jobs.claim(claim(batch, run, clock, only=job.id))] == [job.id]
        assert await store.jobs.claim(claim(batch, run, clock, only=job.id)) == []


async def test_claims_keep_to_their_operations(store: Store, clock: HandClock) -> None:
    """A lane gets the jobs of its own operations; of several, retries first and then by age."""
    both = (EMAIL, PHONE)
    batch = store.loading.load(
        new_batch(operations=both), (row(n, f"u{n}@example.com", f"+1415555010{n}", operations=both) for n in (1, 2))
    ).batch
    run = started(store, batch)
    async with store.writing():
        phones = await store.jobs.claim(replace(claim(batch, run, clock, limit=1), operations=(PHONE,)))
        assert [job.operation for job in phones] == [PHONE]
        rest = await store.jobs.claim(replace(claim(batch, run, clock), operations=both))
        assert sorted(job.operation for job in rest) == [EMAIL, EMAIL, PHONE]
        assert [job.id for job in rest] == sorted(job.id for job in rest)


async def test_a_claim_may_be_rationed(store: Store, clock: HandClock) -> None:
    """Of those that were tried before, the oldest so many; the rest of the chunk are fresh ones."""
    batch = loaded(store, 6).batch
    run = started(store, batch)
    async with store.writing():
        for job in await store.jobs.claim(claim(batch, run, clock, limit=3)):
            await attempt(store, job, run, JobEvent.RETRY, clock, spent=True, due_us=clock.us + 10 - job.id)
        clock.us += 100
        wanted = claim(batch, run, clock, limit=4)
        rationed = await store.jobs.claim(replace(wanted, retries=1))
        assert [(job.id, job.attempts_spent) for job in rationed] == [(3, 1), (4, 0), (5, 0), (6, 0)]
        assert await store.jobs.claim(replace(wanted, retries=0)) == []
        assert [job.id for job in await store.jobs.claim(wanted)] == [2, 1]


async def test_a_ration_is_for_all_operations_together(store: Store, clock: HandClock) -> None:
    """Not for each: two operations have no claim to twice the retries."""
    both = (EMAIL, PHONE)
    lines = (row(n, f"u{n}@example.com", f"+1415555010{n}", operations=both) for n in (1, 2))
    batch = store.loading.load(new_batch(operations=both), lines).batch
    run = started(store, batch)
    async with store.writing():
        wanted = replace(claim(batch, run, clock, limit=4), operations=both)
        for job in await store.jobs.claim(wanted):
            await attempt(store, job, run, JobEvent.RETRY, clock, spent=True, due_us=clock.us + 10 - job.id)
        clock.us += 100
        wanted = replace(wanted, now_us=clock.us)
        assert [job.id for job in await store.jobs.claim(replace(wanted, retries=1))] == [4]
        assert [job.id for job in await store.jobs.claim(replace(wanted, retries=2))] == [3, 2]


def test_claims_read_the_index_of_queued_jobs(store: Store) -> None:
    """A claim's cost does not grow with the batch: every arm searches the partial index, nothing is scanned."""
    names = {"batch": 1, "now": 1, "limit": 1, "retries": 1, "run": 1, "lease": 1, "op0": EMAIL, "op1": PHONE}
    with Database(store.path).reading() as connection:
        plan = [line[3] for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {claim_sql(2)}", names)]
    assert sum("ix_jobs_queued" in step for step in plan) == 4
    assert not [step for step in plan if step.startswith("SCAN jobs")]
