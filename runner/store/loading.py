"""Batches and their rows on the way in: in short transactions, invisible to claims until the list is complete."""

from __future__ import annotations

from collections.abc import Iterable

from runner.domain.model import BatchId
from runner.store.values import Loaded, NewBatch, NewRow

PIECE = 1_000
"""Rows in one transaction: short enough for a run beside it."""


class Loading:
    """Writes lists. Memory stays constant; what an interrupted load left is removed by the next one."""

    def load(self, new: NewBatch, rows: Iterable[NewRow]) -> Loaded:
        """Create the batch (loading -> ready) with its rows, numbered from 1.

        An interrupted load of the same name is started over. If `rows` raises, nothing of the batch is left.
        Raises BatchError if the name is taken.
        """
        raise NotImplementedError

    def add(self, batch: BatchId, rows: Iterable[NewRow], *, content_hash: str | None = None) -> Loaded:
        """Append rows, numbered on from the last; they become visible to a run at work all at once.

        A completed batch that gets new jobs is ready again. Raises BatchError if the batch is loading or cancelled.
        """
        raise NotImplementedError
