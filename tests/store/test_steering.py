"""Decisions of people: wishes, retries, doubts, cancellation; each guarded, each on record."""

from __future__ import annotations

from typing import Any

import pytest

from runner.domain.model import BatchId, Debited, Outcome, Resolution
from runner.domain.states import BatchEvent, BatchState, JobEvent, JobState
from runner.errors import BatchError
from runner.store.marks import Marks
from runner.store.store import Store
from runner.store.values import Wish
from tests.store.world import HandClock, attempt, claim, loaded, query, started, states

pytestmark = pytest.mark.anyio


async def ended(store: Store, clock: HandClock, *events: JobEvent, final: bool = True) -> BatchId:
    """A paused batch with one job for each event."""
    batch = loaded(store, len(events)).batch
    run = started(store, batch)
    async with store.writing():
        jobs = await store.jobs.claim(claim(batch, run, clock, limit=len(events)))
        for job, event in zip(jobs, events, strict=True):
            failed = {"outcome": Outcome(reason="rule-fail", final=final)} if event is JobEvent.FAIL else {}
            await attempt(store, job, run, event, clock, **failed)
    queued = any(event in {JobEvent.RETRY, JobEvent.RELEASE} for event in events)
    store.steering.change(batch, BatchEvent.PAUSE if queued else BatchEvent.COMPLETE, run=run, reason="test")
    store.steering.end_run(run, exit_code=3)
    return batch


def test_a_pause_keeps_its_reason_until_the_start(store: Store, clock: HandClock) -> None:
    """Reason and time of a pause are shown; starting clears them; a wish nobody carried out yet stays."""
    batch = loaded(store).batch
    run = started(store, batch)
    store.steering.wish(batch, Wish.PAUSE)
    store.steering.change(batch, BatchEvent.PAUSE, run=run, reason="reset", resume_at_us=clock.us + 5)
    info = store.reports.batch(batch)
    assert (info.state, info.reason, info.resume_at_us, info.requested_state) == (
        "paused",
        "reset",
        clock.us + 5,
        "paused",
    )
    store.steering.change(batch, BatchEvent.START, run=run)
    info = store.reports.batch(batch)
    assert (info.reason, info.resume_at_us) == (None, None)


def test_resume_lifts_a_persons_pause(store: Store) -> None:
    """Afterwards the batch is still paused, but no longer by a person, and no wish is left."""
    batch = loaded(store).batch
    store.steering.change(batch, BatchEvent.PAUSE, reason="person")
    store.steering.resume(batch)
    info = store.reports.batch(batch)
    assert (info.state, info.reason, info.requested_state) == (BatchState.PAUSED, "resumed", None)


async def test_complete_means_complete(store: Store, clock: HandClock) -> None:
    """A batch with a queued or running job cannot be completed; in-doubt jobs do not hold it."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    async with store.writing():
        with pytest.raises(BatchError):
            store.steering.change(batch, BatchEvent.COMPLETE, run=run)
        jobs = await store.jobs.claim(claim(batch, run, clock))
        with pytest.raises(BatchError):
            store.steering.change(batch, BatchEvent.COMPLETE, run=run)
        for job in jobs:
            await attempt(store, job, run, JobEvent.DOUBT, clock)
    assert store.steering.change(batch, BatchEvent.COMPLETE, run=run) is BatchState.COMPLETED


async def test_cancel_takes_the_queued_jobs(store: Store, clock: HandClock) -> None:
    """What was paid for stays; what waits is cancelled; a running batch must pause first."""
    batch = await ended(store, clock, JobEvent.SUCCEED, JobEvent.DOUBT, JobEvent.RETRY)
    store.steering.change(batch, BatchEvent.CANCEL)
    assert states(store.path) == ["succeeded", "in_doubt", "cancelled"]
    assert store.reports.status(batch).by_state[JobState.CANCELLED] == 1
    with pytest.raises(BatchError):
        store.steering.retry(batch)


async def test_retry_takes_all_failures_or_one_reason(store: Store, clock: HandClock) -> None:
    """Final failures go back with fresh attempts; another reason's do not; a completed batch is ready again."""
    batch = await ended(store, clock, JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.FAIL)
    assert store.steering.retry(batch, rule="something-else") == 0
    assert store.reports.batch(batch).state is BatchState.COMPLETED
    assert store.steering.retry(batch, rule="rule-fail") == 2
    assert states(store.path) == ["succeeded", "queued", "queued"]
    assert store.reports.batch(batch).state is BatchState.READY
    assert query(
        store.path, "SELECT DISTINCT attempts_spent, reason, final FROM v_outcomes WHERE state = 'queued'"
    ) == [(0, None, None)]
    assert query(store.path, "SELECT count(*) FROM v_events WHERE event = 'jobs.retried'") == [(1,)]


@pytest.mark.parametrize(("final", "count"), [(True, 0), (False, 1)])
async def test_the_same_command_requeues_what_is_not_final(
    store: Store, clock: HandClock, final: bool, count: int
) -> None:
    """Attempts used up on something transient are tried again; a final failure needs a person."""
    batch = await ended(store, clock, JobEvent.SUCCEED, JobEvent.FAIL, final=final)
    assert store.reports.status(batch).unfinished == count
    assert store.steering.requeue_unfinished(batch) == count
    assert states(store.path)[1] == ("queued" if count else "failed")


@pytest.mark.parametrize(
    ("resolution", "state", "debited", "amount", "marked"),
    [
        (Resolution.CHARGED, "failed", "yes", 1.0, 0),
        (Resolution.NOT_CHARGED, "queued", "no", 0.0, 0),
        (Resolution.RESEND, "queued", "unknown", 0.0, 1),
    ],
)
async def test_a_person_resolves_doubts(
    store: Store,
    clock: HandClock,
    resolution: Resolution,
    state: str,
    debited: str,
    amount: float,
    marked: int,
) -> None:
    """Charged ends the job as lost; not charged sends it again; re-sending leaves the charge unknown and marks it."""
    batch = await ended(store, clock, JobEvent.SUCCEED, JobEvent.DOUBT)
    (doubt,) = store.reports.doubts(batch)
    assert (doubt.rows, [one.client_request_id for one in doubt.attempts]) == ((2,), ["request-2-1"])
    assert store.steering.resolve(batch, resolution, rows=[1]) == 0
    assert store.steering.resolve(batch, resolution, rows=[2]) == 1
    assert query(store.path, "SELECT state, debited, amount, possible_double_charge FROM v_outcomes WHERE job = 2") == [
        (state, debited, amount, marked)
    ]
    (line,) = store.reports.status(batch).ledger
    assert (line.yes, line.no, line.unknown) == (
        1 + (debited == "yes"),
        int(debited == "no"),
        int(debited == "unknown"),
    )
    assert query(store.path, "SELECT amount FROM attempt_totals WHERE standing = 'released' AND amount <> 0") == []
    assert store.reports.doubts(batch) == []
    reopened = BatchState.READY if state == "queued" else BatchState.COMPLETED
    assert store.reports.batch(batch).state is reopened


async def test_a_charged_lost_answer_is_not_retried_by_accident(store: Store, clock: HandClock) -> None:
    """It was paid: `retry` leaves it, unless its reason is named; then it is marked."""
    batch = await ended(store, clock, JobEvent.DOUBT, JobEvent.FAIL)
    store.steering.resolve(batch, Resolution.CHARGED)
    assert store.steering.retry(batch) == 1
    assert states(store.path) == ["failed", "queued"]
    assert store.steering.retry(batch, rule="lost-answer") == 1
    assert query(store.path, "SELECT possible_double_charge FROM v_outcomes WHERE job = 1") == [(1,)]


async def test_policy_releases_each_doubt_once(store: Store, clock: HandClock) -> None:
    """Doubts of the named operations are queued once, the decision is with the attempt and in the events."""
    batch = await ended(store, clock, JobEvent.DOUBT, JobEvent.DOUBT)
    assert store.steering.release_doubts(batch, ["defastra.phone"]) == 0
    assert store.steering.release_doubts(batch, ["defastra.email"]) == 2
    assert query(store.path, "SELECT DISTINCT resolution, resolved_us, debited FROM attempts") == [
        ("resend", clock.us, Debited.UNKNOWN.value)
    ]
    assert query(store.path, "SELECT count(*) FROM v_events WHERE event = 'doubts.released'") == [(1,)]


def test_kept_settings_are_the_last_given(store: Store) -> None:
    """A new value replaces the whole old one, None takes it away, others stay."""
    batch = loaded(store).batch
    store.steering.keep(batch, {"max_spend": {"defastra": 5}, "rate": "1/s"})
    store.steering.keep(batch, {"max_spend": {"dfirlab": 3}, "rate": None, "in_flight": 2})
    assert store.reports.batch(batch).settings == {"max_spend": {"dfirlab": 3}, "in_flight": 2}


def test_an_export_is_known_beside_the_others(store: Store) -> None:
    """Whatever was exported meanwhile stays known; of a file that is replaced also what it was, until it is done."""
    batch = loaded(store).batch
    known: Marks = {"files": {"out.csv": {"size": 1}}, "tables": {"t": {}}}
    store.steering.delivered(batch, rows=3, file="out.csv", mark={"files": known["files"]})
    store.steering.mark(batch, {"tables": known["tables"]}, coming=True)
    assert store.reports.batch(batch).delivered == known
    store.steering.mark(batch, {"files": {"out.csv": {"size": 2}}}, coming=True)
    coming = {"out.csv": {"size": 2, "before": {"size": 1}}}
    assert store.reports.batch(batch).delivered == {**known, "files": coming}
    done: dict[str, Any] = {"out.csv": {"size": 2}, "other.csv": {"size": 3}}
    store.steering.delivered(batch, rows=3, file="out.csv", mark={"files": done})
    assert store.reports.batch(batch).delivered == {**known, "files": done}


def test_an_unknown_batch_is_an_error(store: Store) -> None:
    """No decision is silently lost on a batch that is not there."""
    with pytest.raises(BatchError):
        store.steering.wish(BatchId(99), Wish.PAUSE)
