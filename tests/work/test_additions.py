"""Which rows of a changed list are new."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.sources import Row
from runner.work import additions
from runner.work.additions import CellIndex, unknown_by_key

cells = st.tuples(st.sampled_from(["", "a", "ab", "1:a"]), st.sampled_from(["", "b", "c"]))


@given(st.lists(cells), st.lists(cells))
def test_new_rows_are_the_difference_of_multisets(batch: list[tuple[str, str]], read: list[tuple[str, str]]) -> None:
    """What the batch has once is matched once; the rest comes through in order."""
    rows = [Row(number, None, row) for number, row in enumerate(read, 1)]
    found = list(CellIndex(batch).unknown(rows))
    assert Counter(row.cells for row in found) == Counter(read) - Counter(batch)
    assert [row.number for row in found] == sorted(row.number for row in found)


def test_a_long_list_is_known_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it is being read: no row is an object of its own, and none is forgotten."""
    monkeypatch.setattr(additions, "_SORTED_AT_ONCE", 500)
    count = 10_250
    tracemalloc.start()
    try:
        index = CellIndex((str(number % 9_000),) for number in range(count))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 24 * count
    again = (Row(number, None, (str(number % 9_000),)) for number in range(2 * count))
    assert len(list(index.unknown(again))) == count
    assert index.unmatched == 0


def test_rows_of_a_keyed_source_are_known_by_their_key() -> None:
    """Thousands of keys are asked in pieces; a known one is left out whatever its cells are now."""
    asked: list[int] = []

    def known(keys: list[str]) -> frozenset[str]:
        asked.append(len(keys))
        return frozenset(key for key in keys if int(key) % 2)

    rows = (Row(number, None, ("x",), str(number)) for number in range(1, 1202))
    assert [row.number for row in unknown_by_key(rows, known)] == list(range(2, 1202, 2))
    assert asked == [500, 500, 201]
