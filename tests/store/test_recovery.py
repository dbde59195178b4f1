"""A run found dead: everything it left is put in order before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.domain.model import Amount, BatchId
from runner.domain.states import BatchEvent, BatchState, JobEvent
from runner.store import open_store
from runner.store.store import Store
from tests.store.world import EMAIL, HandClock, attempt, claim, loaded, opening, query, settlement, started, states

pytestmark = pytest.mark.anyio


async def dead_run(store: Store, clock: HandClock, **changes: Amount) -> BatchId:
    """A run that ended nothing: one job succeeded, one attempt open, one job claimed, one queued."""
    batch = loaded(store, 4).batch
    run = started(store, batch)
    async with store.writing():
        done, open_, _ = await store.jobs.claim(claim(batch, run, clock, limit=3))
        await attempt(store, done, run, JobEvent.SUCCEED, clock)
        await store.jobs.open(opening(open_, run, clock, **changes))
    return batch


async def test_open_attempts_are_in_doubt_and_claims_given_back(store: Store, clock: HandClock) -> None:
    """What was open may have been charged; what was only claimed was not sent; the batch waits for its command."""
    batch = await dead_run(store, clock)
    clock.pass_seconds(10)
    (found,) = store.steering.recover(safe=()).batches
    assert (found.batch, found.name, found.doubts, found.released) == (batch, "leads", 1, 1)
    assert states(store.path) == ["succeeded", "in_doubt", "queued", "queued"]
    info = store.reports.batch(found.batch)
    assert (info.state, info.reason) == (BatchState.PAUSED, "interrupted")
    assert query(store.path, "SELECT fault, rule, debited, amount FROM v_attempts WHERE job = 2") == [
        ("no-answer", "no-answer", "unknown", 1.0)
    ]
    assert query(store.path, "SELECT exit, ended IS NOT NULL FROM v_runs") == [("died", 1)]
    assert store.steering.recover(safe=()).batches == ()


@pytest.mark.parametrize(("waited", "closed_after"), [(10.0, 10.0), (3_600.0, 40.0), (-5.0, 0.0)])
async def test_when_a_cut_off_attempt_was_over(
    store: Store, clock: HandClock, waited: float, closed_after: float
) -> None:
    """For the windows it ended when it had to, or at recovery, whichever is earlier, and never before it began."""
    await dead_run(store, clock)
    begun = clock.us
    clock.pass_seconds(waited)
    store.steering.recover(safe=())
    ((closed,),) = query(store.path, "SELECT closed_us FROM attempts WHERE fault = 'no-answer'")
    assert closed == begun + round(closed_after * 1_000_000)
    async with store.writing():
        assert closed in await store.jobs.recent("account-1", begun - 1, 10)


@pytest.mark.parametrize(("held", "debited", "marked"), [(0, "no", 0), (1_000_000, "unknown", 1)])
async def test_safe_operations_go_back_to_the_queue(
    store: Store, clock: HandClock, held: int, debited: str, marked: int
) -> None:
    """Where repeating is safe nobody is asked; if it had a price, that one charge stays unknown and is marked."""
    await dead_run(store, clock, held=Amount(held))
    store.steering.recover(safe={(BatchId(1), EMAIL)})
    assert states(store.path) == ["succeeded", "queued", "queued", "queued"]
    assert query(store.path, "SELECT debited, possible_double_charge FROM v_outcomes WHERE job = 2") == [
        (debited, marked)
    ]


async def test_an_ended_run_is_left_alone(store: Store, clock: HandClock) -> None:
    """A run that said goodbye is not recovered, and keeps its exit code."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    store.steering.change(batch, BatchEvent.PAUSE, run=run, reason="person")
    store.steering.end_run(run, exit_code=5)
    assert store.steering.recover(safe=()).batches == ()
    assert query(store.path, "SELECT exit, pid, host, version, options FROM v_runs") == [
        (5, 4711, "testhost", "0.0", '{"limit":5}')
    ]


async def test_twice_killed_in_flight_stays_in_doubt(store: Store, clock: HandClock) -> None:
    """With resend-once a job is sent again after one death, not after two."""
    batch = await dead_run(store, clock)
    store.steering.recover(safe=())
    assert store.steering.release_doubts(batch, [EMAIL]) == 1
    run = started(store, batch)
    async with store.writing():
        again = next(job for job in await store.jobs.claim(claim(batch, run, clock)) if job.id == 2)
        assert (again.possible_double_charge, again.attempts) == (True, 1)
        await store.jobs.open(opening(again, run, clock))
    store.steering.recover(safe=())
    assert store.steering.release_doubts(batch, [EMAIL]) == 0
    assert states(store.path)[1] == "in_doubt"


class CrashError(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("point", ["before-begin", "before-commit", "after-commit"])
@pytest.mark.parametrize("step", ["claim", "open", "settle"])
async def test_a_crash_at_every_point_of_a_job(tmp_path: Path, clock: HandClock, step: str, point: str) -> None:
    """Wherever the process dies, the reopened file recovers, the ledger adds up, and nothing is sent twice unasked."""
    armed = {"step": ""}

    def crash(reached: str) -> None:
        if armed["step"] == step and reached == point:
            raise CrashError

    path = tmp_path / "a.db"
    sent = 0
    store = open_store(path, clock=clock, inline=True, fault_point=crash)
    batch = loaded(store, 1).batch
    run = started(store, batch)
    try:
        async with store.writing():
            armed["step"] = "claim"
            (job,) = await store.jobs.claim(claim(batch, run, clock))
            armed["step"] = "open"
            opened = await store.jobs.open(opening(job, run, clock))
            sent += 1
            armed["step"] = "settle"
            await store.jobs.settle(settlement(opened, job.id, JobEvent.SUCCEED, clock))
    except CrashError:
        store.close()
    with open_store(path, clock=clock, inline=True) as again:
        again.steering.recover(safe=())
        (state,) = states(path)
        recorded = query(path, "SELECT coalesce(sum(requests), 0) FROM v_spend")[0][0]
        assert recorded >= sent, "a request without an attempt on record"
        assert state in {"queued", "in_doubt", "succeeded"}
        assert (state == "queued") == (recorded == 0)
        assert query(path, "SELECT count(*) FROM attempts WHERE closed_us IS NULL") == [(0,)]


async def test_recovery_is_on_record(store: Store, clock: HandClock) -> None:
    """The events tell what recovery decided."""
    await dead_run(store, clock)
    store.steering.recover(safe=())
    ((detail,),) = query(store.path, "SELECT detail FROM v_events WHERE event = 'batch.recovered'")
    assert json.loads(detail) == {"doubts": 1, "released": 1, "on_the_way": 1}


async def test_what_is_safe_is_so_in_its_batch(store: Store, clock: HandClock) -> None:
    """Two batches may know a provider of one name by different profiles: consent to one is none to the other."""
    await dead_run(store, clock)
    store.steering.recover(safe={(BatchId(2), EMAIL)})
    assert states(store.path) == ["succeeded", "in_doubt", "queued", "queued"]
