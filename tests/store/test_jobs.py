"""The engine's store: intents before sending, settlements whole or not at all."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import Amount, Answer, Debited, Fault, Outcome
from runner.domain.states import BatchEvent, JobEvent
from runner.engine.ports import LaneReport
from runner.errors import StoreError
from runner.store import open_store
from runner.store.codec import kept_headers, to_json, to_text
from runner.store.store import Store
from runner.store.values import Wish
from tests.store.world import (
    EMAIL,
    HandClock,
    attempt,
    claim,
    loaded,
    opening,
    query,
    rows,
    settlement,
    started,
    states,
)

pytestmark = pytest.mark.anyio


async def test_released_jobs_are_as_they_were(store: Store, clock: HandClock) -> None:
    """Giving back spends nothing and keeps the due time; an opened or foreign job cannot be given back."""
    batch = loaded(store, 3).batch
    run = started(store, batch)
    async with store.writing():
        first, second, third = await store.jobs.claim(claim(batch, run, clock))
        await store.jobs.release(run, [first.id, second.id])
        assert await store.jobs.claim(claim(batch, run, clock)) == [first, second]
        await store.jobs.open(opening(third, run, clock))
        with pytest.raises(StoreError):
            await store.jobs.release(run, [first.id, third.id])
    assert states(store.path) == ["running"] * 3


async def test_an_attempt_needs_a_running_job_of_the_run(store: Store, clock: HandClock) -> None:
    """Opening is refused for a queued job, another run's job, a wrong number, and a job with an open attempt."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
        other = store.steering.start_run(pid=1, host="h", version="0", options={})
        queued = replace(job, id=type(job.id)(2))
        for wrong in (
            opening(queued, run, clock),
            opening(job, other, clock),
            opening(job, run, clock, number=2),
        ):
            with pytest.raises(StoreError):
                await store.jobs.open(wrong)
        await store.jobs.open(opening(job, run, clock))
        with pytest.raises(StoreError):
            await store.jobs.open(opening(job, run, clock, number=2, client_request_id="another"))
    assert query(store.path, "SELECT count(*) FROM attempts") == [(1,)]
    assert query(store.path, "SELECT attempts FROM jobs ORDER BY id") == [(1,), (0,)]


async def test_an_attempts_name_is_never_used_twice(store: Store, clock: HandClock) -> None:
    """Two attempts cannot carry one client request id: it is what finds a charge at the provider."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    async with store.writing():
        one, two = await store.jobs.claim(claim(batch, run, clock))
        await store.jobs.open(opening(one, run, clock, client_request_id="same"))
        with pytest.raises(StoreError):
            await store.jobs.open(opening(two, run, clock, client_request_id="same"))


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (JobEvent.SUCCEED, "succeeded"),
        (JobEvent.FAIL, "failed"),
        (JobEvent.RETRY, "queued"),
        (JobEvent.RELEASE, "queued"),
        (JobEvent.DOUBT, "in_doubt"),
    ],
)
async def test_settling_moves_attempt_and_job_together(
    store: Store, clock: HandClock, event: JobEvent, state: str
) -> None:
    """Each event closes the attempt, keeps the answer and moves the job; a second settlement is refused."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        opened = await attempt(store, job, run, event, clock)
        with pytest.raises(StoreError):
            await store.jobs.settle(settlement(opened, job.id, event, clock))
    assert states(store.path) == [state]
    ((closed, run_left),) = query(
        store.path, "SELECT a.closed_us, j.run FROM attempts AS a JOIN jobs AS j ON j.id = a.job"
    )
    assert (closed, run_left) == (clock.us, None)
    kept = store.reports.answer(opened)
    assert kept is not None
    assert kept.body == settlement(opened, job.id, event, clock).answer.body


async def test_a_bad_settlement_leaves_no_half(store: Store, clock: HandClock) -> None:
    """When the job has gone elsewhere the attempt stays open too: all or nothing."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    async with store.writing():
        job, other = await store.jobs.claim(claim(batch, run, clock))
        opened = await store.jobs.open(opening(job, run, clock))
        with pytest.raises(StoreError):
            await store.jobs.settle(settlement(opened, other.id, JobEvent.SUCCEED, clock))
    assert query(store.path, "SELECT closed_us FROM attempts") == [(None,)]
    assert query(store.path, "SELECT count(*) FROM answers") == [(0,)]


async def test_a_withdrawn_attempt_counts_for_nothing(store: Store, clock: HandClock) -> None:
    """Opened and not sent: no request, no charge, nothing held, and the next attempt has the next number."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await attempt(
            store,
            job,
            run,
            JobEvent.RELEASE,
            clock,
            answer=Answer(fault=Fault.WITHDRAWN),
            action=None,
        )
        (again,) = await store.jobs.claim(claim(batch, run, clock))
        (spending,) = await store.jobs.spending(batch)
        assert await store.jobs.recent("account-1", 0, 10) == []
    assert (again.attempts, again.attempts_spent) == (1, 0)
    assert (spending.requests, spending.debited, spending.held, spending.in_doubt) == (0, 0, 0, 0)


HOSTILE: list[Any] = [
    {"name": "\ud800 lone"},
    {"name": "nul \0 inside"},
    {"number": float("nan"), "huge": float("inf")},
    {"digits": 10**5000},
    {"deep": json.loads("[" * 400 + "]" * 400)},
    {"plain": "Île", "list": [1, None, True]},
]


@pytest.mark.parametrize("columns", HOSTILE)
async def test_a_hostile_answer_is_always_stored(store: Store, clock: HandClock, columns: dict[str, Any]) -> None:
    """Whatever a provider sends, the answer is kept byte for byte and the result is valid UTF-8 JSON."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    body = b"\xff\x00\xed\xa0\x80" * 100
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        opened = await attempt(
            store,
            job,
            run,
            JobEvent.SUCCEED,
            clock,
            answer=Answer(status=200, headers=(("x", "\udcff\0"), ("set-cookie", "session=1")), body=body),
            outcome=Outcome(reason="ok", final=True, columns=columns),
            error_code="\udcff",
            error_message="a\0b",
        )
    kept = store.reports.answer(opened)
    assert kept is not None
    assert kept.body == body
    assert [name for name, _ in kept.headers] == ["x"]
    ((text, message),) = query(store.path, "SELECT result, error_message FROM v_outcomes")
    assert isinstance(json.loads(text.encode()), dict)
    assert message == "a\ufffdb"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_valid_for_everybody(value: Any) -> None:
    """Any value becomes text that is UTF-8 and that a strict parser reads."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(to_json(value).encode().decode(), parse_constant=refuse)


@given(st.text(st.characters()))
def test_text_can_be_stored(text: str) -> None:
    """Text is UTF-8 without NUL; ordinary text is unchanged."""
    kept = to_text(text)
    assert kept is not None
    assert b"\0" not in kept.encode()
    assert to_text(kept) == kept


def test_no_credentials_among_kept_headers() -> None:
    """Cookies and whatever looks like a key are not kept."""
    names = ["Set-Cookie", "authorization", "X-Api-Key", "x-auth-token", "client-secret"]
    assert kept_headers([(name, "v") for name in names]) == "[]"


async def test_recent_requests_of_an_account(store: Store, clock: HandClock) -> None:
    """Windows are rebuilt from closed requests of the account in any batch; what was never sent does not count."""
    wanted = []
    async with store.writing():
        for name in ("one", "two"):
            batch = loaded(store, 2, name).batch
            run = started(store, batch)
            sent, unsent = await store.jobs.claim(claim(batch, run, clock))
            clock.pass_seconds(1)
            await attempt(store, sent, run, JobEvent.SUCCEED, clock)
            wanted.append(clock.us)
            await attempt(store, unsent, run, JobEvent.RETRY, clock, answer=Answer(fault=Fault.NOT_SENT))
        assert await store.jobs.recent("account-1", 0, 10) == wanted
        assert await store.jobs.recent("account-1", wanted[0], 10) == wanted[1:]
        assert await store.jobs.recent("account-1", 0, 1) == wanted[-1:]
        assert await store.jobs.recent("account-2", 0, 10) == []


async def test_the_ledger_adds_up(store: Store, clock: HandClock) -> None:
    """Held while open; then charged, free or in doubt, each in its own sum."""
    batch = loaded(store, 4).batch
    run = started(store, batch)
    async with store.writing():
        charged, free, doubtful, held = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, charged, run, JobEvent.SUCCEED, clock, amount=Amount(1_500_000))
        await attempt(store, free, run, JobEvent.FAIL, clock)
        await attempt(store, doubtful, run, JobEvent.DOUBT, clock, amount=Amount(2_000_000))
        await store.jobs.open(opening(held, run, clock, held=Amount(700_000)))
        (spending,) = await store.jobs.spending(batch)
        assert await store.jobs.proven(batch) == {EMAIL}
    assert (spending.provider, spending.unit, spending.requests) == ("defastra", "check", 4)
    assert (spending.debited, spending.in_doubt, spending.held) == (1_500_000, 2_000_000, 700_000)
    assert query(store.path, "SELECT requests, charged, not_charged, in_doubt, amount FROM v_spend") == [
        (4, 1, 1, 2, 1.5)
    ]


async def test_resent_doubts_stay_unknown_for_ever(store: Store, clock: HandClock) -> None:
    """A request sent again although its charge is unknown marks its job, and its own charge stays unknown."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await attempt(
            store, job, run, JobEvent.RETRY, clock, debited=Debited.UNKNOWN, amount=Amount(1), released_from_doubt=True
        )
        (again,) = await store.jobs.claim(claim(batch, run, clock))
        assert again.possible_double_charge
        await attempt(store, again, run, JobEvent.SUCCEED, clock)
    assert query(store.path, "SELECT debited, possible_double_charge, attempts FROM v_outcomes") == [("unknown", 1, 2)]


async def test_lanes_are_kept_and_changes_recorded(store: Store, clock: HandClock) -> None:
    """A report is read back as it was given; the same one twice is one event."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    report = LaneReport(batch=batch, provider="defastra", state="halted", reason="insufficient-funds", at_us=clock.us)
    async with store.writing():
        await store.jobs.report_lane(report, run, clock.us)
        await store.jobs.report_lane(replace(report, at_us=clock.us + 1), run, clock.us + 1)
        assert await store.jobs.lanes(batch) == [replace(report, at_us=clock.us + 1)]
    assert query(store.path, "SELECT lane FROM v_events WHERE event = 'lane.halted'") == [("defastra",)]


async def test_wishes_are_seen(store: Store, clock: HandClock) -> None:
    """A wish, new settings and new work from elsewhere are there at the next look."""
    batch = loaded(store, 1).batch
    started(store, batch)
    async with store.writing():
        before = await store.jobs.wishes(batch)
        store.steering.wish(batch, Wish.PAUSE)
        store.steering.keep(batch, {"rate": "30/min"})
        store.loading.add(batch, rows(3))
        after = await store.jobs.wishes(batch)
    assert (before.requested_state, dict(before.settings)) == (None, {})
    assert (after.requested_state, dict(after.settings)) == ("paused", {"rate": "30/min"})
    assert after.visible_job > before.visible_job


async def test_the_thread_writes_what_inline_writes(tmp_path: Path, clock: HandClock) -> None:
    """Many concurrent attempts through the writer thread end as they do one by one."""
    with closing(open_store(tmp_path / "a.db", clock=clock)) as store:
        batch = loaded(store, 60).batch
        run = started(store, batch)
        async with store.writing():
            jobs = await store.jobs.claim(claim(batch, run, clock, limit=60))
            await asyncio.gather(*(attempt(store, job, run, JobEvent.SUCCEED, clock) for job in jobs))
        assert store.steering.change(batch, BatchEvent.COMPLETE, run=run) == "completed"
        assert states(store.path) == ["succeeded"] * 60
