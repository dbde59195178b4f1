"""What people and exports read: read-only connections, one snapshot for each question."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager

from runner.domain.model import Answer, AttemptId, BatchId
from runner.store.database import Database
from runner.store.values import AnsweredBefore, BatchInfo, BatchStatus, Doubt, Outcomes, RowHistory


class Reports:
    """Questions to the database. Safe beside a run; nothing here writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def batches(self) -> list[BatchInfo]:
        """Every batch, the one last worked on first."""
        raise NotImplementedError

    def batch(self, batch: BatchId) -> BatchInfo:
        """One batch; BatchError if there is none."""
        raise NotImplementedError

    def find(self, text: str) -> BatchInfo:
        """By name, unique prefix of a name, or path of the source (the batch last worked on). BatchError otherwise."""
        raise NotImplementedError

    def named(self, name: str) -> BatchInfo | None:
        """The batch of exactly this name."""
        raise NotImplementedError

    def last(self) -> BatchInfo | None:
        """The batch last worked on."""
        raise NotImplementedError

    def status(self, batch: BatchId) -> BatchStatus:
        """Counts, ledger and lanes; its cost does not grow with the batch."""
        raise NotImplementedError

    def outcomes(self, batch: BatchId, *, states: Collection[str] | None = None) -> AbstractContextManager[Outcomes]:
        """Rows in order with the outcome of each operation, streamed from one snapshot.

        `states` keeps the rows of which at least one operation is in one of them (job states or "invalid").
        """
        raise NotImplementedError

    def history(self, batch: BatchId, row: int) -> RowHistory:
        """Every attempt behind one row; BatchError if the batch has no such row."""
        raise NotImplementedError

    def answer(self, attempt: AttemptId) -> Answer | None:
        """The raw answer of a closed attempt, as received; None while open."""
        raise NotImplementedError

    def rows_by_value(self, batch: BatchId, value: str) -> list[int]:
        """The numbers of the rows whose value (as sent, as key, or the raw refused cell) is this one, case ignored."""
        raise NotImplementedError

    def known_keys(self, batch: BatchId, keys: Collection[str]) -> frozenset[str]:
        """Which of the source keys the batch already has."""
        raise NotImplementedError

    def doubts(self, batch: BatchId) -> list[Doubt]:
        """The jobs in doubt, by row, with the attempts whose charge is unknown."""
        raise NotImplementedError

    def answered_before(self, batch: BatchId) -> list[AnsweredBefore]:
        """Queued jobs of the batch that succeeded in other batches with equal operation and parameters."""
        raise NotImplementedError
