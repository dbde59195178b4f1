"""The last answer of each request, as exports have it with `--raw`."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from runner.domain.model import MILLION, Amount, Answer, BatchId, Debited
from runner.domain.states import BatchEvent, JobEvent
from runner.store.rowviews import Chosen
from runner.store.store import Store
from tests.store.world import EMAIL, GOOD, LOST, PHONE, HandClock, attempt, claim, loaded, new_batch, row, started

pytestmark = pytest.mark.anyio


def raw(store: Store, batch: BatchId) -> list[bytes | None]:
    """By row."""
    with store.reports.outcomes(batch, Chosen(raw=True)) as outcomes:
        return [view.raw for one in outcomes.rows for view in one.outcomes]


async def test_the_last_answer_is_the_last_or_none(store: Store, clock: HandClock) -> None:
    """What was never answered has none; a purge leaves an older one that is evidence, which is not the last."""
    batch = loaded(store, 2).batch
    run = started(store, batch)
    odd = {"debited": Debited.UNKNOWN, "amount": Amount(MILLION), "answer": Answer(status=503, body=b"older")}
    async with store.writing():
        for job in await store.jobs.claim(claim(batch, run, clock)):
            await attempt(store, job, run, JobEvent.RETRY, clock, **odd)
        first, second = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, first, run, JobEvent.SUCCEED, clock, client_request_id="another")
        await attempt(store, second, run, JobEvent.FAIL, clock, client_request_id="a third", answer=LOST)
    assert raw(store, batch) == [GOOD.body, b"older"]
    store.steering.change(batch, BatchEvent.COMPLETE, run=run)
    clock.pass_seconds(1)
    assert store.purge(before_us=clock.us).answers == 2  # one of them had no body
    assert raw(store, batch) == [None, b"older"]


async def test_answers_are_fetched_a_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may be a megabyte, and what is made of them is decoded in one step."""
    sizes: list[int | None] = []
    partitions = sa.CursorResult.partitions

    def counted(result: sa.CursorResult[Any], size: int | None = None) -> Any:
        sizes.append(size)
        return partitions(result, size)

    monkeypatch.setattr(sa.CursorResult, "partitions", counted)
    batch = loaded(store, 1).batch
    for wanted in (Chosen(), Chosen(raw=True)):
        with store.reports.outcomes(batch, wanted) as outcomes:
            assert len(list(outcomes.rows)) == 1
    assert sizes == [100, 100]


def test_a_row_may_be_in_two_pieces(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lines are fetched at a time, each row comes once, whole, with its own cells."""
    both = (EMAIL, PHONE)
    listed = [row(n, f"u{n}@example.com", None, operations=both) for n in range(1, 8)]
    batch = store.loading.load(new_batch(operations=both), listed).batch
    for size in (1, 2, 3, 5, 100):
        monkeypatch.setattr("runner.store.reading._TOGETHER", size)
        with store.reports.outcomes(batch) as outcomes:
            found = list(outcomes.rows)
        assert [one.cells for one in found] == [one.cells for one in listed]
        assert [[view.operation for view in one.outcomes] for one in found] == [[EMAIL, PHONE]] * 7


async def test_results_are_left_out_where_no_column_needs_them(store: Store, clock: HandClock) -> None:
    """An export of the user's own columns decodes no answer; the states are there all the same."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, job, run, JobEvent.SUCCEED, clock)
    seen = []
    for chosen in (Chosen(), Chosen(results=False)):
        with store.reports.outcomes(batch, chosen) as outcomes:
            seen += [(view.state, view.result is None) for one in outcomes.rows for view in one.outcomes]
    assert seen == [("succeeded", False), ("succeeded", True)]
