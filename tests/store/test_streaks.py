"""The jobs of a streak that halted: queued as if it had not counted, but what they may have cost stays on record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.domain.model import MILLION, Amount, AttemptId, BatchId, Debited, JobId, Resolution, RunId
from runner.domain.states import JobEvent
from runner.store.store import Store
from tests.store.world import HandClock, attempt, claim, loaded, query, started

pytestmark = pytest.mark.anyio


async def trip(store: Store, batch: BatchId, run: RunId, clock: HandClock, earlier: AttemptId) -> None:
    """The answer to another job halts the lane, and takes the earlier one back."""
    (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
    await attempt(store, job, run, JobEvent.RELEASE, clock, requeue=(earlier,), rule="scope")


def first(store: Store, columns: str) -> tuple[Any, ...]:
    return query(store.path, f"SELECT {columns} FROM jobs ORDER BY id LIMIT 1")[0]


@pytest.mark.parametrize(
    ("debited", "marked"), [(Debited.NO, 0), (Debited.UNKNOWN, 1), (Debited.YES, 1)], ids=lambda value: str(value)
)
async def test_what_a_failure_may_have_cost_is_marked_when_it_goes_again(
    store: Store, clock: HandClock, debited: Debited, marked: int
) -> None:
    """Nothing was charged: sent again in silence. Charged, or perhaps: it says so for ever, and the sum stays."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    amount = Amount(0 if debited is Debited.NO else MILLION)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
        failed = await attempt(store, job, run, JobEvent.FAIL, clock, debited=debited, amount=amount)
        await trip(store, batch, run, clock, failed)
    assert first(store, "state, attempts_spent, possible_double_charge") == ("queued", 0, marked)
    assert first(store, "debits, unknowns") == (debited is Debited.YES, debited is Debited.UNKNOWN)


async def test_a_job_that_was_decided_on_meanwhile_is_left_alone(store: Store, clock: HandClock) -> None:
    """Retried, its answer lost, and a person said that it was charged: it stays so."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
        early = await attempt(store, job, run, JobEvent.RETRY, clock)
        (again,) = await store.jobs.claim(claim(batch, run, clock, limit=1, only=job.id))
        await attempt(store, again, run, JobEvent.DOUBT, clock)
        assert store.steering.resolve(batch, Resolution.CHARGED) == 1
        await trip(store, batch, run, clock, early)
    assert first(store, "state, reason, final") == ("failed", "lost-answer", 1)


async def test_a_job_that_a_person_retried_meanwhile_starts_afresh(store: Store, clock: HandClock) -> None:
    """Its attempts begin at none; there is nothing to take back, and it stays where it is in the queue."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
        failed = await attempt(store, job, run, JobEvent.FAIL, clock)
        assert store.steering.retry(batch) == 1
        (other,) = await store.jobs.claim(claim(batch, run, clock, limit=1, only=JobId(job.id + 1)))
        await attempt(store, other, run, JobEvent.RELEASE, clock, requeue=(failed,))
    assert first(store, "state, attempts_spent, possible_double_charge") == ("queued", 0, 0)
    ((detail,),) = query(store.path, "SELECT detail FROM events WHERE event = 'streak.requeued'")
    assert json.loads(detail)["jobs"] == 0


async def test_a_charged_failure_that_a_person_retries_says_so(store: Store, clock: HandClock) -> None:
    """It was paid and of no use; what is sent again will be paid again."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
        await attempt(store, job, run, JobEvent.FAIL, clock, debited=Debited.YES, amount=Amount(MILLION))
    assert store.steering.retry(batch) == 1
    assert first(store, "state, debits, possible_double_charge") == ("queued", 1, 1)
