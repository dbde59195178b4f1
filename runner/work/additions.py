"""Which rows of a changed list are not in the batch yet, in little memory: twelve bytes for each row that is, and
sixteen while they are sorted."""

from __future__ import annotations

import hashlib
import heapq
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from runner.sources import Row

_PIECE = 500
_SORTED_AT_ONCE = 100_000


class KnownKeys(Protocol):
    """The part of the store's reports that is asked for keys."""

    def __call__(self, keys: list[str]) -> frozenset[str]:
        """Which of these keys the batch has."""
        ...


def unknown_by_key(rows: Iterable[Row], known: KnownKeys) -> Iterator[Row]:
    """The rows whose key the batch does not have: for keyed sources."""
    remaining = iter(rows)
    while piece := list(islice(remaining, _PIECE)):
        have = known([row.key or "" for row in piece])
        yield from (row for row in piece if row.key not in have)


class CellIndex:
    """The rows of a batch as a multiset: a row that the list has twice and the batch once is new once."""

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        """`rows`: the cells of every row of the batch."""
        marks = (_mark(cells) for cells in rows)
        # As a list all of them would be numbers of Python's, at 40 bytes each.
        sorted_pieces = iter(lambda: array("Q", sorted(islice(marks, _SORTED_AT_ONCE))), array("Q"))
        self._marks = array("Q", heapq.merge(*sorted_pieces))
        self._taken = array("I", bytes(4 * len(self._marks)))  # at the first of equal marks: how many are matched

    def unknown(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that the batch does not have, in order. Each of the batch's rows is matched once."""
        return (row for row in rows if not self._take(_mark(row.cells)))

    @property
    def unmatched(self) -> int:
        """The rows of the batch that no row so far was the same as."""
        return len(self._marks) - sum(self._taken)

    def _take(self, mark: int) -> bool:
        first = bisect_left(self._marks, mark)
        if self._taken_at(first) >= bisect_right(self._marks, mark, first) - first:
            return False
        self._taken[first] += 1
        return True

    def _taken_at(self, index: int) -> int:
        return self._taken[index] if index < len(self._taken) else 0


def _mark(cells: Sequence[str]) -> int:
    """64 bits of a row. Lengths keep ("ab", "c") and ("a", "bc") apart."""
    text = "\0".join(f"{len(cell)}:{cell}" for cell in cells)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
