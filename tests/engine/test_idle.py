"""When a lane has nothing to do: it is done only if nothing waits for it, whatever it knew before."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.domain.model import BatchId
from runner.store.store import Store
from runner.store.values import NewJob, NewRow
from tests.engine.night import Night


def add(store: Store, operation: str) -> None:
    """One row more, as another terminal adds it."""
    batch = store.reports.named("leads")
    assert batch is not None
    row = NewRow(line=99, cells=("late",), key=None, entries=(NewJob(operation, "late", "late", {"email": "late"}),))
    store.loading.add(batch.id, [row])


def test_rows_added_after_the_last_look_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The feed has just heard that nothing is left when a row is added: the store is asked once more."""
    asked: list[int | None] = []

    async def during(store: Store) -> None:
        next_due = store.jobs.next_due

        async def and_add(batch: BatchId, operations: tuple[str, ...]) -> int | None:
            asked.append(await next_due(batch, operations))
            if asked == [None]:
                add(store, "acme.email")
            return asked[-1]

        monkeypatch.setattr(store.jobs, "next_due", and_add)

    night = Night(path=tmp_path / "r.db", values=20, during=during)
    summary = night.run()
    assert not summary.queued
    assert night.states() == {"succeeded": 21}
    assert asked[:2] == [None, 0]
    assert len(asked) < 8, "by one of the eight workers, not by each"
