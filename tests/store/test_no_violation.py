"""What looks odd to `verify` and is not: what is on the way, and what a clock or a repetition explains."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.model import Answer, BatchId, Debited, Fault
from runner.domain.states import BatchEvent, JobEvent
from runner.store import open_store
from runner.store.database import Database
from runner.store.store import Store
from runner.store.verify import unended
from tests.store.past import cut_off, found
from tests.store.world import HandClock, attempt, claim, loaded, opening, row, settlement, started


def test_beside_a_run_what_is_on_the_way_is_no_violation(tmp_path: Path) -> None:
    """Claimed jobs and open attempts of a run that has not ended, dead or alive; before and after recovery."""
    clock = HandClock()
    with open_store(tmp_path / "runner.db", clock=clock, inline=True) as store:
        batch = loaded(store, 3).batch
        anyio.run(lambda: cut_off(store, clock, batch, recover=False))
        assert found(store.path) == []
        assert unended(Database(store.path)) == (1, 1)
        store.steering.recover(safe=())
        assert found(store.path) == []
        assert unended(Database(store.path)) == (0, 0)


def test_a_list_that_is_being_loaded_is_no_violation(tmp_path: Path) -> None:
    """What a load has written and not yet shown is nobody's row."""
    with open_store(tmp_path / "runner.db", clock=HandClock(), inline=True) as store:
        batch = loaded(store, 2).batch
        during: list[list[str]] = []

        def more() -> Iterable:
            yield from (row(n, f"more{n}@example.com") for n in range(3, 1500))
            during.append(found(store.path))

        store.loading.add(batch, more())
        assert during == [[]]
        assert found(store.path) == []


def test_a_clock_that_was_set_back_is_no_violation(tmp_path: Path) -> None:
    """Requests that were over before they began, and runs that ended before they started: the clock says so."""
    clock = HandClock()
    with open_store(tmp_path / "runner.db", clock=clock, inline=True) as store:
        batch = loaded(store, 2).batch

        async def main() -> None:
            run = started(store, batch)
            async with store.writing():
                for job in await store.jobs.claim(claim(batch, run, clock)):
                    opened = await store.jobs.open(opening(job, run, clock))
                    clock.pass_seconds(-100_000)
                    await store.jobs.settle(settlement(opened, job.id, JobEvent.SUCCEED, clock))
            store.steering.change(batch, BatchEvent.COMPLETE, run=run)
            store.steering.end_run(run, exit_code=0)

        anyio.run(main)
        assert found(store.path) == []


@pytest.mark.parametrize("event", [JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT])
def test_unsent_and_resent_attempts_are_counted_as_the_store_does(tmp_path: Path, event: JobEvent) -> None:
    """Withdrawn, not sent, resent by the rules: the sums of the checks are those of the triggers."""

    async def main(store: Store, clock: HandClock, batch: BatchId) -> None:
        run = started(store, batch)
        async with store.writing():
            unlike: tuple[dict[str, Any], ...] = (
                {"answer": Answer(fault=Fault.NOT_SENT), "debited": Debited.NO},
                {"answer": Answer(fault=Fault.WITHDRAWN), "action": None, "rule": "withdrawn"},
                {"debited": Debited.UNKNOWN, "released_from_doubt": True},
            )
            for number, changes in enumerate(unlike):
                (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
                assert job.attempts == number
                await attempt(store, job, run, JobEvent.RELEASE, clock, **changes)
            (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
            await attempt(store, job, run, event, clock)
        store.steering.change(batch, BatchEvent.COMPLETE, run=run)
        store.steering.end_run(run, exit_code=0 if event is JobEvent.SUCCEED else 3)

    clock = HandClock()
    with open_store(tmp_path / "runner.db", clock=clock, inline=True) as store:
        anyio.run(main, store, clock, loaded(store, 1).batch)
        assert found(store.path) == []
