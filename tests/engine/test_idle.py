"""When a lane has nothing to do: it is done only if nothing waits for it, whatever it knew before."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import anyio
import pytest

from runner.domain.model import BatchId
from runner.domain.provider import Limit
from runner.engine.gate import Pass
from runner.engine.lane import Lane
from runner.store.store import Store
from runner.store.values import NewJob, NewRow
from tests.engine.night import Night
from tests.engine.scripted import provider

SLOW = provider("slow", limits=(Limit(at_most=1, per_seconds=1),))
QUICK = provider("quick")


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


def night_of(folder: Path, operation: str) -> Night:
    """Two seconds on, one provider has nothing left, and says that it wants a minute; then a row for `operation`."""

    async def during(store: Store) -> None:
        await anyio.sleep(2)
        lanes = cast(list[Lane], night.accounts.lanes())
        gate = next(lane.gate for lane in lanes if lane.provider is QUICK)
        gate.refuse(Pass(probe=False))
        gate.hold_until(62)
        add(store, operation)

    night = Night(path=folder / "r.db", values=6, providers=(SLOW, QUICK), during=during)
    return night


def test_a_lane_that_has_to_wait_with_its_new_rows_is_not_done(tmp_path: Path) -> None:
    """Another batch was told to wait where this one had nothing left; the row added then goes when the wait is over."""
    night = night_of(tmp_path, "quick.email")
    assert not night.run().queued
    assert night.sent("quick")[-1].value == "late"
    assert night.sent("quick")[-1].at >= 62


def test_a_lane_that_has_to_wait_for_nothing_holds_up_no_other(tmp_path: Path) -> None:
    """The row added is the other provider's: the run ends with it, whoever wants a minute."""
    night = night_of(tmp_path, "slow.email")
    began_us = night.clock.shift_us
    assert not night.run().queued
    assert night.clock.shift_us - began_us < 20e6
