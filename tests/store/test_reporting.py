"""The figures of a report against the views, and against one another while somebody writes."""

from __future__ import annotations

import pytest

from runner.domain.model import Answer, BatchId, Debited, Fault
from runner.domain.states import BatchEvent, JobEvent
from runner.store import pace
from runner.store.store import Store
from tests.store.world import HandClock, attempt, claim, loaded, query, started

pytestmark = pytest.mark.anyio


async def worked(store: Store, clock: HandClock) -> BatchId:
    """Two runs an hour apart: a success, a failure, a line that broke, each a second slower than the last."""
    batch = loaded(store, 6).batch
    for _ in range(2):
        run = started(store, batch)
        async with store.writing():
            for number, job in enumerate(await store.jobs.claim(claim(batch, run, clock, limit=3))):
                clock.pass_seconds(number + 1)
                event = (JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT)[number]
                lost = {"answer": Answer(fault=Fault.NO_ANSWER), "debited": Debited.UNKNOWN}
                await attempt(store, job, run, event, clock, **(lost if event is JobEvent.DOUBT else {}))
        store.steering.change(batch, BatchEvent.PAUSE, run=run, reason="limit")
        store.steering.end_run(run, exit_code=5)
        clock.pass_seconds(3_600)
    return batch


async def test_the_steps_add_up_to_the_attempts(store: Store, clock: HandClock, monkeypatch) -> None:
    """Slice by slice as in one go: requests, answers, silences, and each step's median, as the view has them."""
    monkeypatch.setattr(pace, "_SLICE", 2)
    batch = await worked(store, clock)
    with store.snapshot() as at:
        figures = at.figures(batch, until_us=None)
    lines = query(store.path, "SELECT opened_at, closed_at, http_status, action FROM v_attempts")
    steps = [step for steps in figures.steps.values() for step in steps]
    assert sum(step.requests for step in steps) == len(lines) == 6
    assert sum(step.answered for step in steps) == sum(action == "succeed" for *_, action in lines) == 2
    assert sum(step.silent for step in steps) == sum(status is None for _, _, status, _ in lines) == 2
    assert {step.median_seconds for step in steps} <= {0.0, None}
    assert [run.requests for run in figures.runs] == [3, 3]
    assert figures.axis is not None
    assert 3_600 < (figures.axis.last_us - figures.axis.start_us) / 1e6 < 7_200


async def test_what_never_left_is_no_request(store: Store, clock: HandClock) -> None:
    """A line that was never made counts in no step and in no run."""
    batch = loaded(store).batch
    run = started(store, batch)
    async with store.writing():
        job, *_ = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, job, run, JobEvent.RETRY, clock, answer=Answer(fault=Fault.NOT_SENT), debited=Debited.NO)
    with store.snapshot() as at:
        figures = at.figures(batch, until_us=clock.us)
    assert (figures.steps, [run.requests for run in figures.runs]) == ({}, [0])


async def test_runs_causes_and_events_are_those_of_the_batch(store: Store, clock: HandClock) -> None:
    """Another batch's are not among them; what failed and what is in doubt has its first rows."""
    other = loaded(store, 2, name="other").batch
    batch = await worked(store, clock)
    with store.snapshot() as at:
        figures, empty = at.figures(batch, until_us=None), at.figures(other, until_us=None)
    assert [run.exit_code for run in figures.runs] == [5, 5]
    assert [run.left.detail for run in figures.runs if run.left] == [{"reason": "limit"}] * 2
    assert sum(one.jobs for one in figures.causes.failures) == 2
    assert sum(one.jobs for one in figures.causes.doubts) == 2
    assert {event.batch for event in figures.events} == {"leads"}
    assert (empty.axis, empty.runs, empty.steps) == (None, (), {})


async def test_a_moment_stays_as_it_is(store: Store, clock: HandClock) -> None:
    """What is written while it is open is not seen in it: every question is answered by the same state."""
    batch = await worked(store, clock)
    with store.snapshot() as at:
        before = at.figures(batch, until_us=None), at.reports.status(batch)
        started(store, batch)
        assert (at.figures(batch, until_us=None), at.reports.status(batch)) == before
    with store.snapshot() as later:
        assert len(later.figures(batch, until_us=None).runs) == 3
