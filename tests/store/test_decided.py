"""What changes outcomes without an answer: whoever keeps a table of them hears of it, once."""

from __future__ import annotations

import pytest

from runner.domain.model import Outcome, Resolution
from runner.domain.states import JobEvent
from runner.store.store import Store
from runner.store.values import Wish
from tests.store.world import HandClock, attempt, claim, loaded, started

pytestmark = pytest.mark.anyio


async def test_whoever_keeps_a_table_of_outcomes_hears_of_those_that_change_without_an_answer(
    store: Store, clock: HandClock
) -> None:
    """A doubt resolved, failures sent again: of this batch, and once; what is no decision on jobs is passed by."""
    batch, other = loaded(store, 2).batch, loaded(store, 2, "other").batch
    run = started(store, batch)
    ends = (JobEvent.DOUBT, JobEvent.FAIL)
    async with store.writing():
        for job, end in zip(await store.jobs.claim(claim(batch, run, clock)), ends, strict=True):
            await attempt(store, job, run, end, clock)
    seen, decided = store.reports.decided(batch, after=None)
    heard = [decided]
    for decide in (
        lambda: store.steering.resolve(batch, Resolution.CHARGED),
        lambda: store.steering.retry(batch),
        lambda: store.steering.wish(batch, Wish.PAUSE),
    ):
        decide()
        before, (seen, decided) = seen, store.reports.decided(batch, after=seen)
        heard.append(decided)
        assert store.reports.decided(other, after=before) == (seen, False)
        assert store.reports.decided(batch, after=seen) == (seen, False)
    assert heard == [False, True, True, False]


async def test_failures_that_a_run_queues_again_are_heard_of(store: Store, clock: HandClock) -> None:
    """Those that were tried too often, by the same command on a list that is through."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        unfinished = Outcome(reason="rule-fail", final=False, columns={})
        await attempt(store, job, run, JobEvent.FAIL, clock, outcome=unfinished)
    seen, _ = store.reports.decided(batch, after=None)
    assert store.steering.requeue_unfinished(batch) == 1
    assert store.reports.decided(batch, after=seen)[1] is True


async def test_failures_that_a_streak_takes_back_are_heard_of(store: Store, clock: HandClock) -> None:
    """Failed in the table already, they wait again: the answer that came was another job's."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    async with store.writing():
        first, second = await store.jobs.claim(claim(batch, run, clock))
        failed = await attempt(store, first, run, JobEvent.FAIL, clock)
        seen, _ = store.reports.decided(batch, after=None)
        await attempt(store, second, run, JobEvent.RELEASE, clock, requeue=(failed,))
    assert store.reports.decided(batch, after=seen)[1] is True
