"""Lists on the way in: whole or not at all, beside a run, each value once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from runner.domain.states import BatchEvent, BatchState, JobEvent
from runner.errors import BatchError, InputError, StorageFullError
from runner.store import loading
from runner.store.store import Store
from runner.store.values import NewRow
from tests.store.world import (
    EMAIL,
    PHONE,
    HandClock,
    attempt,
    claim,
    loaded,
    new_batch,
    query,
    row,
    rows,
    started,
    states,
)

pytestmark = pytest.mark.anyio


def breaking(count: int) -> Iterator[NewRow]:
    """A source that turns out to be broken after some rows."""
    yield from rows(count)
    raise InputError("line 2501: unterminated quote")


def tables(store: Store) -> dict[str, int]:
    return {
        name: query(store.path, f"SELECT count(*) FROM {name}")[0][0]
        for name in ("batches", "rows", "jobs", "row_jobs")
    }


def test_rows_jobs_and_refusals(store: Store) -> None:
    """Rows of one value share a job, refused cells cost nothing, and everything adds up."""
    both = (EMAIL, PHONE)
    done = store.loading.load(
        new_batch(operations=both),
        [
            row(1, "Anna@example.com", "+14155550100", operations=both, key="k1"),
            row(2, "anna@example.com", None, operations=both, key="k2"),
            row(3, "bob@example.com", "+14155550100", operations=both, key="k3"),
        ],
    )
    assert (done.rows, done.jobs, done.shared, done.refused) == (3, 3, 2, 1)
    info = store.reports.batch(done.batch)
    assert (info.state, info.rows, info.refused) == (BatchState.READY, 3, 1)
    status = store.reports.status(done.batch)
    assert sum(status.by_state.values()) == 3
    assert query(store.path, 'SELECT "row", operation, job, value, state, reason FROM v_outcomes') == [
        (1, EMAIL, 1, "Anna@example.com", "queued", None),
        (1, PHONE, 2, "+14155550100", "queued", None),
        (2, EMAIL, 1, "Anna@example.com", "queued", None),
        (2, PHONE, None, "", "invalid", "invalid:empty"),
        (3, EMAIL, 3, "bob@example.com", "queued", None),
        (3, PHONE, 2, "+14155550100", "queued", None),
    ]
    assert store.reports.known_keys(done.batch, ["k2", "k9"]) == {"k2"}


def test_cells_are_kept_as_read(store: Store) -> None:
    """Whatever is in a row comes out again, character for character."""
    cells = ("007", " =1+1", "a\0b", "é\u2028", '"', "\ud800")
    store.loading.load(new_batch(), [NewRow(2, cells, None, ())])
    with store.reports.outcomes(store.reports.find("leads").id) as outcomes:
        assert [one.cells for one in outcomes.rows] == [cells]


def test_a_name_belongs_to_one_batch(store: Store) -> None:
    """A second batch of the name is refused, and the first is untouched."""
    loaded(store)
    with pytest.raises(BatchError, match="already"):
        loaded(store, 50)
    assert tables(store) == {"batches": 1, "rows": 3, "jobs": 3, "row_jobs": 3}


@pytest.mark.parametrize("count", [0, 10, 2_500])
def test_a_broken_source_leaves_nothing(store: Store, count: int) -> None:
    """When the list turns out to be unreadable nothing is half-imported, and the name is free."""
    with pytest.raises(InputError):
        store.loading.load(new_batch(), breaking(count))
    assert tables(store) == {"batches": 0, "rows": 0, "jobs": 0, "row_jobs": 0}
    assert loaded(store).rows == 3


def test_an_interrupted_load_is_started_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died while loading leaves a batch that nobody can claim from; loading again replaces it."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loading, "_clear", lambda *_: None)  # a killed process does not tidy up
        patch.setattr(store.loading, "_forget", die)
        patch.setattr(store.loading, "_reveal", die)
        with pytest.raises(KeyboardInterrupt):
            store.loading.load(new_batch(), rows(2_300))
    assert tables(store)["rows"] == 2_300
    left = store.reports.find("leads")
    assert (left.state, left.rows) == (BatchState.LOADING, 0)
    done = store.loading.load(new_batch(), rows(4))
    assert tables(store) == {"batches": 1, "rows": 4, "jobs": 4, "row_jobs": 4}
    assert (store.reports.find("leads").state, done.batch) == (BatchState.READY, left.id)
    events, _ = store.reports.events(limit=10)
    assert [(one.event, one.detail.get("again")) for one in events] == [
        ("batch.loading", None),
        ("batch.loading", True),
        ("batch.loaded", None),
    ]


def test_an_overtaken_load_stops(store: Store, clock: HandClock) -> None:
    """Of two loads of one name the later one wins whole; the earlier one writes nothing more."""
    loaded(store, 1, "earlier")  # a long list into an empty database is one transaction: nobody comes between

    def slow() -> Iterator[NewRow]:
        yield from rows(1_500)
        clock.pass_seconds(1)
        store.loading.load(new_batch(), rows(3))
        yield from rows(10)

    with pytest.raises(BatchError, match="overtaken"):
        store.loading.load(new_batch(), slow())
    assert tables(store) == {"batches": 2, "rows": 4, "jobs": 4, "row_jobs": 4}


async def test_a_load_beside_a_run_is_seen_when_complete(
    store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run claims on while rows arrive, none of them before the last; then all of them."""
    monkeypatch.setattr(loading, "PIECE", 2)
    batch = loaded(store, 2).batch
    run = started(store, batch)
    seen: list[list[int]] = []
    async with store.writing():

        def arriving() -> Iterator[NewRow]:
            for one in rows(9):
                yield one
                taken = query(store.path, "SELECT count(*) FROM rows")[0][0]
                assert store.reports.batch(batch).rows == 2
                seen.append([taken])

        await store.jobs.claim(claim(batch, run, clock))
        done = store.loading.add(batch, arriving())
        assert (done.rows, done.jobs, done.shared) == (9, 7, 2)
        assert seen[-1][0] > 2, "pieces are committed one by one"
        fresh = await store.jobs.claim(claim(batch, run, clock, limit=20))
        assert len(fresh) == 7
    assert store.reports.batch(batch).rows == 11
    assert store.reports.batch(batch).state is BatchState.RUNNING


async def test_unfinished_rows_cannot_be_claimed(
    store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs of a load that is still at work are queued, and no claim, count or due time knows them."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    monkeypatch.setattr(loading, "PIECE", 1)
    async with store.writing():
        assert len(await store.jobs.claim(claim(batch, run, clock))) == 1
        looks = []

        def arriving() -> Iterator[NewRow]:
            for one in rows(3):
                yield one
                looks.append((store.jobs.claim(claim(batch, run, clock)), store.jobs.next_due(batch, (EMAIL,))))

        store.loading.add(batch, arriving())
        assert [(await claimed, await due) for claimed, due in looks] == [([], None)] * 3
        assert len(await store.jobs.claim(claim(batch, run, clock))) == 2


async def test_adding_reopens_a_completed_batch(store: Store, clock: HandClock) -> None:
    """New work makes it ready; rows without new work leave it completed."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, job, run, JobEvent.SUCCEED, clock)
    store.steering.change(batch, BatchEvent.COMPLETE, run=run)
    store.loading.add(batch, rows(1))
    assert store.reports.batch(batch).state is BatchState.COMPLETED
    store.loading.add(batch, rows(2), content_hash="new")
    after = store.reports.batch(batch)
    assert (after.state, after.rows, after.content_hash) == (BatchState.READY, 4, "new")
    assert states(store.path) == ["succeeded", "queued"]


def test_adding_that_breaks_changes_nothing(store: Store) -> None:
    """The batch keeps its rows, and later rows are numbered on without a gap."""
    batch = loaded(store, 3).batch
    with pytest.raises(InputError):
        store.loading.add(batch, breaking(2_000))
    assert tables(store) == {"batches": 1, "rows": 3, "jobs": 3, "row_jobs": 3}
    store.loading.add(batch, [row(9, "new@example.com")])
    assert query(store.path, 'SELECT max("row") FROM v_outcomes') == [(4,)]


def test_nothing_is_added_to_a_cancelled_batch(store: Store) -> None:
    """Cancelled is the end."""
    batch = loaded(store).batch
    store.steering.change(batch, BatchEvent.CANCEL)
    with pytest.raises(BatchError):
        store.loading.add(batch, rows(2))
    assert json.loads(query(store.path, "SELECT detail FROM v_events WHERE event = 'batch.loaded'")[0][0])["rows"] == 3


def test_what_is_kept_beside_a_list_comes_with_it_or_not_at_all(store: Store) -> None:
    """The notes of rows that are added are in their transaction: where these cannot be kept, no row is there."""
    batch = store.loading.load(new_batch(), rows(3), notes=lambda kept: {**kept, "refused": {"acme.email": 1}}).batch

    def full(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise StorageFullError("the disk is full", why="no space", fix="free some")

    with pytest.raises(StorageFullError):
        store.loading.add(batch, [row(9, "new@example.com")], content_hash="new", notes=full)
    info = store.reports.batch(batch)
    assert (info.rows, info.content_hash == "new", info.settings["refused"]) == (3, False, {"acme.email": 1})
    store.loading.add(batch, [row(9, "new@example.com")], notes=lambda kept: {**kept, "refused": {"acme.email": 2}})
    assert (store.reports.batch(batch).rows, store.reports.batch(batch).settings["refused"]) == (4, {"acme.email": 2})


def test_rows_that_come_again_by_themselves_disturb_no_other_load(store: Store, clock: HandClock) -> None:
    """From before its first row on until its last; then they come."""
    batch = loaded(store, 3).batch
    new = [row(9, "new@example.com")]
    refused = []

    def asking(count: int) -> Iterator[NewRow]:
        for one in rows(count):
            if one.line in (2, count):
                refused.append((store.loading.add_between(batch, new), store.loading.is_under_way(batch)))
            yield one

    assert store.loading.add(batch, asking(2_300)).rows == 2_300
    assert refused == [(None, True), (None, True)]
    assert not store.loading.is_under_way(batch)
    between = store.loading.add_between(batch, new)
    assert between is not None
    assert (between.rows, store.reports.batch(batch).rows) == (1, 2_304)
    assert store.loading.add_between(batch, []) is not None
    assert tables(store)["rows"] == 2_304


def test_a_load_that_comes_meanwhile_goes_first(store: Store) -> None:
    """The rows that come again by themselves give way, and leave nothing."""
    batch = loaded(store, 3).batch

    def overtaken() -> Iterator[NewRow]:
        yield from (row(n, f"between{n}@example.com") for n in range(1_100))
        assert not store.loading.is_under_way(batch)
        store.loading.add(batch, [row(9, "new@example.com")])
        yield row(1_200, "between1200@example.com")

    assert store.loading.add_between(batch, overtaken()) is None
    assert tables(store) == {"batches": 1, "rows": 4, "jobs": 4, "row_jobs": 4}


def test_a_load_that_failed_or_died_keeps_nobody_waiting(store: Store, clock: HandClock) -> None:
    """One that failed tidies up; of one that is silent nobody knows, for a minute."""
    batch = loaded(store, 3).batch
    with pytest.raises(InputError):
        store.loading.add(batch, breaking(2_000))
    assert not store.loading.is_under_way(batch)
    with closing(sqlite3.connect(store.path)) as connection, connection:  # as a kill leaves it
        connection.execute("UPDATE batches SET load_number = load_number + 1, touched_us = ?", (clock.us,))
    for seconds, taken in ((0, False), (loading.SILENT_SECONDS - 1, False), (1, True)):
        clock.pass_seconds(seconds)
        assert store.loading.is_under_way(batch) != taken
        assert (store.loading.add_between(batch, [row(9, "new@example.com")]) is not None) == taken
