"""A long file into an empty database: its indexes come last, and nobody can tell it from one written row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.states import BatchState
from runner.errors import BatchError, InputError
from runner.store import loading, open_store, pieces
from runner.store.store import Store
from runner.store.values import NewRow
from tests.store.world import EMAIL, PHONE, HandClock, new_batch, query, row, rows

BOTH = (EMAIL, PHONE)
_CELLS = st.lists(st.tuples(*[st.sampled_from([None, *"abcdefgh"])] * 2), min_size=3, max_size=30)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows are a long list, and the filter is unsure of most keys."""
    monkeypatch.setattr(loading, "PIECE", 3)
    monkeypatch.setattr(pieces, "_FILTER_MASK", 7)


def schema(path: Path) -> list[tuple[Any, ...]]:
    return query(path, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name")


def outcomes(path: Path) -> list[tuple[Any, ...]]:
    """Every entry, its job by the row that asked it first."""
    return query(
        path,
        'SELECT e."row", e.operation, (SELECT min(f."row") FROM row_jobs AS f WHERE f.job = e.job), e.invalid,'
        " e.value, j.key, j.value, j.params, j.state FROM row_jobs AS e LEFT JOIN jobs AS j ON j.id = e.job"
        " WHERE e.batch = (SELECT id FROM batches WHERE name = 'leads') ORDER BY e.\"row\", e.operation",
    )


@settings(max_examples=12, deadline=None)
@given(cells=_CELLS)
def test_in_bulk_or_row_by_row_a_list_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str | None, str | None]]
) -> None:
    """Rows, jobs, refusals, what is shared, who came first, the order of the jobs: all equal."""
    found = []
    for earlier in (0, 1):  # where there are jobs already a list is written row by row
        path = tmp_path_factory.mktemp("bulk") / "runner.db"
        with open_store(path, clock=HandClock(), inline=True) as store:
            before = schema(path)
            store.loading.load(new_batch("earlier"), rows(earlier))
            given_rows = [row(n, *pair, operations=BOTH) for n, pair in enumerate(cells, 1)]
            done = store.loading.load(new_batch(operations=BOTH), given_rows)
            assert schema(path) == before
            asked_first = query(
                path,
                "SELECT min(e.\"row\") FROM row_jobs AS e JOIN batches AS b ON b.id = e.batch AND b.name = 'leads'"
                " WHERE e.job IS NOT NULL GROUP BY e.job ORDER BY e.job",
            )
            assert asked_first == sorted(asked_first), "jobs are not in the order of the rows"
            found.append(((done.rows, done.jobs, done.shared, done.refused), outcomes(path)))
    assert found[0] == found[1]


def test_a_table_is_read_with_nothing_locked(store: Store) -> None:
    """Its rows come as slowly as its database gives them: meanwhile anybody may write."""
    seen = []

    def slow() -> Iterator[NewRow]:
        for number in range(1, 9):
            yield row(number, f"{number}@example.com", key=str(number))
            with closing(sqlite3.connect(store.path, timeout=0)) as other:
                other.execute("BEGIN IMMEDIATE")
                seen.append(other.execute("SELECT count(*) FROM rows").fetchone()[0])

    done = store.loading.load(new_batch(), slow())
    assert (done.rows, done.jobs) == (8, 8)
    assert seen == [0, 0, 3, 3, 3, 6, 6, 6]


def test_a_key_twice_in_pieces_that_are_apart_leaves_nothing(store: Store) -> None:
    """Two rows of one key are refused, and what was written before is taken back."""
    twice = [row(n, f"{n}@example.com", key=key) for n, key in enumerate("abcdea", 1)]
    with pytest.raises(InputError, match="the same key"):
        store.loading.load(new_batch(), twice)
    assert query(store.path, "SELECT count(*) FROM rows") == [(0,)]


def test_a_long_list_that_is_overtaken_while_it_begins_to_be_read_writes_nothing(
    store: Store, clock: HandClock
) -> None:
    """Of two loads of one name the later one wins whole, also where the earlier one would be written in bulk."""

    def slow() -> Iterator[NewRow]:
        yield row(1, "first@example.com")
        clock.pass_seconds(1)
        store.loading.load(new_batch(), [row(1, None)])
        yield from rows(4)

    with pytest.raises(BatchError, match="overtaken"):
        store.loading.load(new_batch(), slow())
    tables = "SELECT (SELECT count(*) FROM batches), (SELECT count(*) FROM rows), (SELECT count(*) FROM jobs)"
    assert query(store.path, tables) == [(1, 1, 0)]
    assert store.reports.find("leads").state is BatchState.READY


def test_a_list_that_breaks_in_bulk_leaves_the_indexes(store: Store) -> None:
    """They were gone for this transaction alone; nobody else ever sees the tables without them."""
    before = schema(store.path)
    seen = []

    def breaking() -> Iterator[NewRow]:
        yield from rows(5)
        seen.append((schema(store.path), query(store.path, "SELECT count(*) FROM rows")))
        yield from rows(5)
        raise InputError("line 12: unterminated quote")

    with pytest.raises(InputError, match="line 12"):
        store.loading.load(new_batch(), breaking())
    assert seen == [(before, [(0,)])]
    assert schema(store.path) == before
    assert query(store.path, "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM batches)") == [(0,)]


def test_rows_are_added_to_a_list_written_in_bulk(store: Store) -> None:
    """What came before is found by the index that was built."""
    batch = store.loading.load(new_batch(), rows(7)).batch
    done = store.loading.add(batch, rows(9))
    assert (done.rows, done.jobs, done.shared) == (9, 2, 7)
