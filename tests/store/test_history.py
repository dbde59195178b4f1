"""Events and spending: every decision is on record and reads well, and no sum differs from its attempts'."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.domain.model import MILLION, Amount, Answer, BatchId, Debited, Fault, Job, JobId, Resolution, RunId
from runner.domain.states import BatchEvent, JobEvent
from runner.engine.ports import LaneReport
from runner.store import open_store
from runner.store.store import Store
from runner.store.values import Wish
from tests.store.world import (
    EMAIL,
    HandClock,
    attempt,
    claim,
    loaded,
    new_batch,
    opening,
    query,
    rows,
    settlement,
    started,
)

pytestmark = pytest.mark.anyio

DAY = 86_400


def told(store: Store, batch: BatchId | None = None) -> list[tuple[str, dict]]:
    """Every event by name, with its detail."""
    events, _ = store.reports.events(batch=batch, limit=1000)
    return [(one.event, dict(one.detail)) for one in events]


async def test_every_decision_about_a_batch_is_an_event(store: Store, clock: HandClock) -> None:
    """Load, add, wishes, run, settings, export, resume, failures retried, the batch reopened and completed."""
    batch = loaded(store, 2).batch
    steering = store.steering
    run = started(store, batch)
    steering.keep(batch, {"max_spend": {"": 5 * MILLION}, "rate": "30/min"})
    steering.wish(batch, Wish.PAUSE)
    async with store.writing():
        for job in await store.jobs.claim(claim(batch, run, clock)):
            await attempt(store, job, run, JobEvent.FAIL, clock)
    steering.change(batch, BatchEvent.PAUSE, run=run, reason="reset", resume_at_us=clock.us)
    steering.resume(batch)
    steering.change(batch, BatchEvent.START, run=run)
    steering.change(batch, BatchEvent.COMPLETE, run=run)
    steering.delivered(batch, rows=2, file="out.csv", mark={"files": {}})
    steering.delivered(batch, rows=2)
    steering.retry(batch, rule="rule-fail")
    store.loading.add(batch, rows(3))
    steering.change(batch, BatchEvent.CANCEL, reason="person")
    assert told(store, batch) == [
        ("batch.loading", {}),
        ("batch.loaded", {"rows": 2, "jobs": 2, "shared": 0, "refused": 0}),
        ("batch.running", {}),
        ("batch.settings", {"max_spend": 5, "rate": "30/min"}),
        ("wish.paused", {}),
        ("batch.paused", {"reason": "reset", "resume_at": "2026-11-18T11:06:40.123Z"}),
        ("batch.resumed", {}),
        ("batch.running", {}),
        ("batch.completed", {}),
        ("batch.exported", {"rows": 2, "file": "out.csv"}),
        ("batch.exported", {"rows": 2}),
        ("jobs.retried", {"rule": "rule-fail", "jobs": 2}),
        ("batch.ready", {}),
        ("batch.loaded", {"rows": 3, "jobs": 1, "shared": 2, "refused": 0, "rows_in_all": 5}),
        ("batch.cancelled", {"reason": "person"}),
    ]


async def test_a_dead_run_and_its_doubts_are_events(store: Store, clock: HandClock) -> None:
    """Cut off, paused by that, recovered; then the doubts resolved one way and the other. Nothing resolved: nothing."""
    batch = loaded(store, 3).batch
    run = started(store, batch)
    async with store.writing():
        jobs = await store.jobs.claim(claim(batch, run, clock))
        for job in jobs[:2]:
            await store.jobs.open(opening(job, run, clock))
    store.steering.recover(safe=())
    store.steering.resolve(batch, Resolution.CHARGED, rows=[1])
    store.steering.resolve(batch, Resolution.CHARGED, rows=[3])
    store.steering.release_doubts(batch, [EMAIL])
    assert told(store)[3:] == [
        ("run.died", {}),
        ("batch.paused", {"reason": "interrupted", "cut_off": True}),
        ("batch.recovered", {"doubts": 2, "released": 1, "on_the_way": 2}),
        ("doubts.resolved", {"resolution": "charged", "jobs": 1, "by": "person"}),
        ("doubts.released", {"resolution": "resend", "jobs": 1, "by": "policy"}),
    ]


async def test_what_is_queued_again_makes_a_completed_batch_ready_on_record(store: Store, clock: HandClock) -> None:
    """By a doubt resolved, by rows added, by failures that are not final."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, job, run, JobEvent.DOUBT, clock)
    store.steering.change(batch, BatchEvent.COMPLETE, run=run)
    store.steering.resolve(batch, Resolution.NOT_CHARGED)
    assert [event for event, _ in told(store)][-2:] == ["doubts.resolved", "batch.ready"]
    store.steering.change(batch, BatchEvent.START)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, job, run, JobEvent.SUCCEED, clock)
    store.steering.change(batch, BatchEvent.COMPLETE)
    store.loading.add(batch, rows(2))
    assert [event for event, _ in told(store)][-2:] == ["batch.loaded", "batch.ready"]


async def test_what_a_lane_says_is_an_event(store: Store, clock: HandClock) -> None:
    """A change of state with the provider's words; nothing new, no event; a new rate has its own."""
    batch = store.loading.load(new_batch(), rows(1)).batch
    run = started(store, batch)
    going = LaneReport(batch=batch, provider="defastra", state="open", at_us=clock.us, rate="20/60 s")
    halted = replace(going, state="halted", reason="rejected", code="BAD", message="no", advice="Ask.", job=JobId(1))
    faster = replace(going, rate="54/60 s")
    done = replace(faster, state="done", reason="max-requests")
    reports = (halted, going, replace(going, at_us=clock.us + 1), faster, done, replace(done, until_us=clock.us))
    async with store.writing():
        for report in reports:
            await store.jobs.report_lane(report, run, clock.us)
    words = {"reason": "rejected", "code": "BAD", "message": "no", "advice": "Ask."}
    assert told(store, batch)[-4:] == [
        ("lane.halted", {**words, "rate": "20/60 s"}),
        ("lane.open", {"rate": "20/60 s"}),
        ("lane.limits", {"rate": "54/60 s"}),
        ("lane.done", {"reason": "max-requests", "rate": "54/60 s"}),
    ]


def test_the_newest_events_are_read_first(store: Store, clock: HandClock) -> None:
    """The last so many, of one batch or all, not before a time; what is left out is said. One index gives them."""
    for name in ("one", "two"):
        loaded(store, 1, name)
        clock.pass_seconds(60)
    one, two = store.reports.find("one").id, store.reports.find("two").id
    events, more = store.reports.events(limit=3)
    assert ([one.batch for one in events], more) == (["one", "two", "two"], True)
    assert store.reports.events(batch=one, limit=2)[1] is False
    since, _ = store.reports.events(since_us=clock.us - 60 * MILLION, limit=10)
    assert {one.batch for one in since} == {"two"}
    assert store.reports.events(batch=two, since_us=clock.us, limit=10) == ([], False)


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("", "ix_events_at_us"),
        ("WHERE e.batch = 1", "ix_events_batch_at_us"),
        ("WHERE e.batch = 1 AND e.at_us >= 5", "ix_events_batch_at_us"),
        ("WHERE e.at_us >= 5", "ix_events_at_us"),
    ],
)
def test_a_log_costs_as_many_events_as_it_shows(store: Store, where: str, index: str) -> None:
    """However many there are: an index gives them in order, nothing is sorted or scanned."""
    from runner.store import history

    sql = history._EVENTS.format(where=where).replace(":limit", "10")
    plan = [line[3] for line in query(store.path, f"EXPLAIN QUERY PLAN {sql}")]
    assert index in plan[0]
    assert not [step for step in plan if "TEMP B-TREE" in step]


ENDS = [JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.RETRY, JobEvent.RELEASE, JobEvent.DOUBT, None, "unsent"]
PRICES = st.integers(min_value=0, max_value=3 * MILLION)


@given(
    st.lists(
        st.tuples(st.sampled_from(ENDS), PRICES, st.integers(0, 3 * DAY), st.sampled_from(["defastra", "acme"])),
        max_size=12,
    ),
    st.sampled_from([None, *Resolution]),
    st.integers(0, 3),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_spending_is_the_sum_of_the_attempts(
    anyio_backend: str, sends: list, resolution: Resolution | None, days: int
) -> None:
    """Whatever was sent, on whatever day, however it ended and was resolved: the same figures as from each attempt."""
    clock = HandClock()
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "a.db", clock=clock, inline=True) as store:
        for name in ("one", "two"):
            loaded(store, len(sends) + 1, name)
        ids = [store.reports.find(name).id for name in ("one", "two")]
        runs = {batch: started(store, batch) for batch in ids}
        async with store.writing():
            for place, (end, price, seconds, provider) in enumerate(sends):
                batch = ids[place % 2]
                (job,) = await store.jobs.claim(claim(batch, runs[batch], clock, limit=1))
                await _send(store, job, clock, end, Amount(price), provider=provider, run=runs[batch])
                clock.pass_seconds(seconds)
        if resolution is not None:
            store.steering.resolve(ids[0], resolution)
        chosen: list[BatchId | None] = [None, *ids]
        for of in chosen:
            since_us = None if not days else clock.us - days * DAY * MILLION
            found = store.reports.spend(batch=of, since_us=since_us)
            assert _sums(found) == _naively(store, of, since_us)
        lines = query(store.path, "SELECT day, provider, requests, charged, not_charged, in_doubt, amount FROM v_spend")
        assert lines == _by_day(store)


async def _send(
    store: Store, job: Job, clock: HandClock, end: object, price: Amount, *, provider: str, run: RunId
) -> None:
    opened = await store.jobs.open(opening(job, run, clock, held=price, provider=provider))
    if end is None:
        return
    if end == "unsent":
        changes = {"answer": Answer(fault=Fault.NOT_SENT), "debited": Debited.NO, "amount": Amount(0)}
        await store.jobs.settle(settlement(opened, job.id, JobEvent.RETRY, clock, **changes))
        return
    assert isinstance(end, JobEvent)
    one = settlement(opened, job.id, end, clock)
    await store.jobs.settle(one._replace(amount=Amount(0) if one.debited is Debited.NO else price))


def _attempts(store: Store) -> list[tuple]:
    """Each attempt by itself, from the view that people read: nothing of this was summed."""
    return query(
        store.path,
        "SELECT substr(opened_at, 1, 10), batch, operation, fault, debited, amount, client_request_id FROM v_attempts",
    )


def _provider(store: Store, label: str) -> str:
    return str(query(store.path, "SELECT provider FROM attempts WHERE client_request_id = ?", label)[0][0])


def _naively(store: Store, batch: BatchId | None, since_us: int | None) -> Counter:
    name = None if batch is None else store.reports.batch(batch).name
    first = "" if since_us is None else f"{datetime.fromtimestamp(since_us / MILLION, tz=UTC):%Y-%m-%d}"
    sums: Counter = Counter()
    for day, of, operation, fault, debited, amount, label in _attempts(store):
        if day < first or name not in (None, of) or fault == Fault.NOT_SENT:
            continue
        key = (day, of, _provider(store, label), operation)
        sums[*key, debited] += 1
        if debited != "no":
            sums[*key, f"{debited} amount"] += round(amount * MILLION)
    return +sums


def _sums(found: list) -> Counter:
    sums: Counter = Counter()
    for line in found:
        day = f"{datetime.fromtimestamp(line.day * DAY, tz=UTC):%Y-%m-%d}"
        key = (day, line.batch, line.provider, line.operation)
        assert line.requests == line.charged + line.not_charged + line.in_doubt
        for word, figure in (
            ("yes", line.charged),
            ("no", line.not_charged),
            ("unknown", line.in_doubt),
            ("yes amount", line.amount),
            ("unknown amount", line.in_doubt_amount),
        ):
            sums[*key, word] += figure
    return +sums


def _by_day(store: Store) -> list[tuple]:
    days: dict[tuple[str, str], list] = {}
    for day, _, _, fault, debited, amount, label in _attempts(store):
        if fault == Fault.NOT_SENT:
            continue
        line = days.setdefault((day, _provider(store, label)), [0, 0, 0, 0, 0])
        line[0] += 1
        line[1 + ["yes", "no", "unknown"].index(debited)] += 1
        line[4] += round(amount * MILLION) if debited == "yes" else 0
    return [(*key, *line[:4], line[4] / MILLION) for key, line in sorted(days.items())]


def test_details_are_json_objects(store: Store) -> None:
    """Every reader of the view can take them apart."""
    loaded(store)
    for (detail,) in query(store.path, "SELECT detail FROM v_events"):
        assert isinstance(json.loads(detail), dict)
