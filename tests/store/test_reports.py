"""What people read: status, streams, explanations, and the public views."""

from __future__ import annotations

import re
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from runner.domain.model import Answer, BatchId, Debited, Fault, Outcome
from runner.domain.states import BatchEvent, JobEvent, JobState
from runner.errors import BatchError, StoreError
from runner.store.database import Database
from runner.store.forecast import _TO_RESEND
from runner.store.reports import _FAILED
from runner.store.rowviews import Chosen
from runner.store.store import Store
from tests.store.world import (
    EMAIL,
    PHONE,
    HandClock,
    attempt,
    claim,
    loaded,
    new_batch,
    opening,
    query,
    row,
    rows,
    started,
)

pytestmark = pytest.mark.anyio

VIEWS = {
    "v_outcomes": "batch row operation job value state reason final debited amount attempts attempts_spent"
    " possible_double_charge reused_from http_status error_code error_message finished_at result",
    "v_attempts": "attempt job batch operation number opened_at closed_at http_status fault rule action debited amount"
    " error_code error_message client_request_id provider_request_id wait_seconds method path",
    "v_runs": "started ended exit pid host version options",
    "v_events": "at run batch lane event detail",
    "v_spend": "day provider operation unit requests charged not_charged in_doubt amount",
}


@pytest.mark.parametrize("view", VIEWS)
def test_the_views_have_their_documented_columns(store: Store, view: str) -> None:
    """Names and order are a contract with everybody who opens the file."""
    with closing(sqlite3.connect(store.path)) as connection:
        found = [column[0] for column in connection.execute(f"SELECT * FROM {view}").description]
    assert found == VIEWS[view].split()


async def worked(store: Store, clock: HandClock) -> BatchId:
    """Four rows, two of one value, one refused: a retry then a success, a failure, a doubt left over by none."""
    batch = store.loading.load(
        new_batch(),
        [
            row(1, "Anna@example.com"),
            row(2, "anna@example.com"),
            row(3, None),
            row(4, "bob@example.com"),
            row(5, "carl@example.com"),
        ],
    ).batch
    run = started(store, batch)
    async with store.writing():
        anna, bob, carl = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, anna, run, JobEvent.RETRY, clock, error_code="BUSY", wait_seconds=1.5)
        (anna,) = await store.jobs.claim(claim(batch, run, clock))
        clock.pass_seconds(1.5)
        outcome = Outcome(reason="success", final=True, found=True, columns={"score": 7})
        await attempt(store, anna, run, JobEvent.SUCCEED, clock, outcome=outcome, provider_request_id="p-1")
        await attempt(store, bob, run, JobEvent.FAIL, clock, error_code="BAD", error_message="no such address")
        await store.jobs.open(opening(carl, run, clock))
    return batch


async def test_outcomes_read_well(store: Store, clock: HandClock) -> None:
    """One line for each row and operation, shared jobs on each of their rows, ISO times, decimal amounts."""
    await worked(store, clock)
    lines = query(
        store.path,
        'SELECT "row", job, value, state, reason, final, debited, amount, attempts, attempts_spent, http_status,'
        " error_code, finished_at, result FROM v_outcomes",
    )
    done = (1, "Anna@example.com", "succeeded", "success", 1, "yes", 1.0, 2, 2, 200, None)
    at = "2026-11-18T11:06:41.623Z"
    assert lines == [
        (1, *done, at, '{"score":7}'),
        (2, *done, at, '{"score":7}'),
        (3, None, "", "invalid", "invalid:empty", 1, "no", 0.0, 0, 0, None, None, None, None),
        (4, 2, "bob@example.com", "failed", "rule-fail", 1, "no", 0.0, 1, 1, 400, "BAD", at, '{"score":1}'),
        (5, 3, "carl@example.com", "running", None, None, "unknown", 0.0, 1, 0, None, None, None, None),
    ]


async def test_attempts_read_well(store: Store, clock: HandClock) -> None:
    """Every request with its times, verdict and names at both ends; an open one is unknown and holds its price."""
    await worked(store, clock)
    lines = query(
        store.path,
        "SELECT job, batch, number, opened_at, closed_at, http_status, rule, action, debited, amount, error_code,"
        " client_request_id, provider_request_id, wait_seconds, method, path FROM v_attempts ORDER BY attempt",
    )
    first, later = "2026-11-18T11:06:40.123Z", "2026-11-18T11:06:41.623Z"
    end = ("POST", "/deep_email_check")
    assert lines == [
        (1, "leads", 1, first, first, 503, "rule-retry", "retry", "no", 0.0, "BUSY", "request-1-1", None, 1.5, *end),
        (
            1,
            "leads",
            2,
            later,
            later,
            200,
            "rule-succeed",
            "succeed",
            "yes",
            1.0,
            None,
            "request-1-2",
            "p-1",
            None,
            *end,
        ),
        (2, "leads", 1, later, later, 400, "rule-fail", "fail", "no", 0.0, "BAD", "request-2-1", None, None, *end),
        (3, "leads", 1, later, None, None, None, None, "unknown", 1.0, None, "request-3-1", None, None, *end),
    ]


async def test_spend_and_events_read_well(store: Store, clock: HandClock) -> None:
    """Money by day, and a history that begins with the load."""
    await worked(store, clock)
    assert query(store.path, "SELECT * FROM v_spend") == [("2026-11-18", "defastra", EMAIL, "check", 4, 1, 2, 1, 1.0)]
    events = query(store.path, "SELECT at, run, batch, event FROM v_events")
    assert [line[1:] for line in events] == [
        (None, "leads", "batch.loading"),
        (None, "leads", "batch.loaded"),
        (1, "leads", "batch.running"),
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line[0]) for line in events)


async def test_status_adds_up(store: Store, clock: HandClock) -> None:
    """Jobs by state sum to the jobs, requests by charge to the requests, and the money is where the attempts say."""
    status = store.reports.status(await worked(store, clock))
    assert {state: count for state, count in status.by_state.items() if count} == {
        JobState.SUCCEEDED: 1,
        JobState.FAILED: 1,
        JobState.RUNNING: 1,
    }
    (line,) = status.ledger
    assert (line.requests, line.yes, line.no, line.unknown, line.open) == (4, 1, 2, 0, 1)
    assert (line.debited, line.in_doubt, line.held) == (1_000_000, 0, 1_000_000)
    assert (status.batch.rows, status.batch.refused, status.next_due_us, status.run) == (5, 1, None, 1)


async def test_rows_stream_in_order_with_their_outcomes(store: Store, clock: HandClock) -> None:
    """Every row once, in the list's order, operations in the batch's order; a filter keeps whole rows."""
    both = (PHONE, EMAIL)
    batch = store.loading.load(
        new_batch(operations=both),
        (row(n, f"+1415555{n:04d}", f"u{n}@example.com", operations=both) for n in range(1, 2_501)),
    ).batch
    with store.reports.outcomes(batch) as outcomes:
        seen = [(one.number, [view.operation for view in one.outcomes]) for one in outcomes.rows]
    assert seen == [(number, list(both)) for number in range(1, 2_501)]
    mixed = await worked_with_filter(store, clock)
    assert mixed == {"succeeded": [1, 2], "invalid": [3], "failed": [4], "in_doubt": []}


async def worked_with_filter(store: Store, clock: HandClock) -> dict[str, list[int]]:
    store.steering.change(store.reports.find("leads").id, BatchEvent.CANCEL)
    batch = store.loading.load(
        new_batch("mixed"), [row(1, "a@example.com"), row(2, "A@example.com"), row(3, None), row(4, "b@example.com")]
    ).batch
    run = started(store, batch)
    async with store.writing():
        first, second = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, first, run, JobEvent.SUCCEED, clock)
        await attempt(store, second, run, JobEvent.FAIL, clock)
    found = {}
    for state in ("succeeded", "invalid", "failed", "in_doubt"):
        with store.reports.outcomes(batch, Chosen(states=[state])) as outcomes:
            found[state] = [one.number for one in outcomes.rows]
    return found


async def test_a_stream_is_one_snapshot(store: Store, clock: HandClock) -> None:
    """What the run writes while an export reads is not in the export."""
    batch = loaded(store, 2_000).batch
    run = started(store, batch)
    async with store.writing():
        with store.reports.outcomes(batch) as outcomes:
            first = next(outcomes.rows)
            jobs = await store.jobs.claim(claim(batch, run, clock, limit=2_000))
            await attempt(store, jobs[-1], run, JobEvent.SUCCEED, clock)
            assert {view.state for one in [first, *outcomes.rows] for view in one.outcomes} == {"queued"}


async def test_a_row_explains_itself(store: Store, clock: HandClock) -> None:
    """Every attempt of the row's job with its evidence, who shares it, and the raw answer."""
    batch = await worked(store, clock)
    history = store.reports.history(batch, 1)
    job = history.jobs[EMAIL]
    assert [one.number for one in job.attempts] == [1, 2]
    assert (job.rows, job.due_us, job.params) == (2, None, {"email": "Anna@example.com"})
    assert history.row.outcomes[0].found is True
    answer = store.reports.answer(job.attempts[0].id)
    assert answer is not None
    assert answer.body == b"down"
    assert store.reports.history(batch, 3).jobs == {}
    with pytest.raises(BatchError):
        store.reports.history(batch, 6)


async def test_rows_are_found_by_value(store: Store, clock: HandClock) -> None:
    """As sent, in another case; nothing for a stranger."""
    batch = await worked(store, clock)
    assert store.reports.rows_by_value(batch, "ANNA@EXAMPLE.COM") == [1, 2]
    assert store.reports.rows_by_value(batch, "nobody@example.com") == []


async def test_doubts_show_their_evidence(store: Store, clock: HandClock) -> None:
    """What to look for at the provider, and which rows wait for it."""
    batch = store.loading.load(new_batch(), [row(1, "a@example.com"), row(2, "A@example.com")]).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        answer = Answer(fault=Fault.NO_ANSWER, detail="ReadTimeout")
        await attempt(store, job, run, JobEvent.DOUBT, clock, answer=answer)
    (doubt,) = store.reports.doubts(batch)
    assert (doubt.rows, doubt.value) == ((1, 2), "a@example.com")
    (one,) = doubt.attempts
    assert (one.fault, one.detail, one.debited) == (Fault.NO_ANSWER, "ReadTimeout", Debited.UNKNOWN)


def test_batches_are_found_as_people_write_them(store: Store, clock: HandClock, tmp_path: Path) -> None:
    """By name, by unique prefix, by input file; several or none is an error with a hint."""
    for name in ("leads-email", "leads-phone", "staff"):
        store.loading.load(new_batch(name, source={"path": str(tmp_path / f"{name}.csv")}), rows(1))
        clock.pass_seconds(1)
    find = store.reports.find
    assert (find("staff").name, find("leads-e").name) == ("staff", "leads-email")
    assert find(str(tmp_path / "leads-phone.csv")).name == "leads-phone"
    last = store.reports.last()
    assert last is not None
    assert last.name == "staff"
    with pytest.raises(BatchError, match="several"):
        find("leads")
    with pytest.raises(BatchError) as unknown:
        find("staf-")
    assert "staff" in unknown.value.fix
    with pytest.raises(BatchError):
        find("")


def test_reports_cannot_write(store: Store) -> None:
    """A reader's connection refuses to change anything."""
    with pytest.raises(StoreError), Database(store.path).reading() as connection:
        connection.exec_driver_sql("DELETE FROM batches")


def test_a_backup_is_a_private_whole_copy(store: Store, tmp_path: Path) -> None:
    """Taken beside a writer, openable by itself, never over an existing file."""
    loaded(store, 5)
    copy = store.backup(tmp_path / "copy.db")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert query(copy, "SELECT count(*) FROM v_outcomes") == [(5,)]
    with pytest.raises(StoreError):
        store.backup(copy)


def test_a_status_counts_failures_in_their_index(store: Store) -> None:
    """A long list has hundreds of thousands of them: their rows are not looked at."""
    plan = [line[3] for line in query(store.path, f"EXPLAIN QUERY PLAN {_FAILED}", 1)]
    assert plan == ["SEARCH jobs USING COVERING INDEX ix_jobs_failed (batch=? AND state=?)"]


def test_a_status_finds_what_waits_to_be_sent_again_by_its_mark(store: Store) -> None:
    """Few are marked: the millions that wait for their first request are not looked at."""
    plan = [line[3] for line in query(store.path, f"EXPLAIN QUERY PLAN {_TO_RESEND}", 1)]
    assert plan[0] == "SEARCH j USING INDEX ix_jobs_marked (batch=?)"
    assert not any(line.startswith("SCAN") for line in plan)
