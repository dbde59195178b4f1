"""Files with a past: how one is made and spoiled, and what `verify` says of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from runner.domain.model import BatchId, Job, Resolution, RunId
from runner.domain.states import BatchEvent, JobEvent
from runner.store.database import Database
from runner.store.store import Store
from runner.store.verify import verify
from runner.store.verify.values import Check
from tests.store.world import HandClock, attempt, claim, loaded, new_batch, opening, row, rows, started

TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"


async def work(store: Store, clock: HandClock, batch: BatchId, *events: JobEvent, code: int) -> None:
    """A run: one attempt for each event, one after the other, then its end."""
    run = started(store, batch)
    async with store.writing():
        for event in events:
            clock.pass_seconds(1)
            (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
            await attempt(store, job, run, event, clock)
    store.steering.change(batch, BatchEvent.COMPLETE if code in (0, 3) else BatchEvent.PAUSE, run=run)
    store.steering.end_run(run, exit_code=code)


async def cut_off(store: Store, clock: HandClock, batch: BatchId, *, recover: bool = True) -> tuple[Job, RunId]:
    """A run that dies with one request on the wire."""
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock, limit=1))
        await store.jobs.open(opening(job, run, clock))
    clock.pass_seconds(60)
    if recover:
        store.steering.recover(safe=())
    return job, run


async def past(store: Store, clock: HandClock) -> None:
    """Two batches. `done`: three rows of one run with exit 0. `leads`: ten rows, one refused and two alike; a run with
    an answer of each kind, a crash, doubts resolved in each way, a retry, rows added later."""
    done = loaded(store, 3, "done").batch
    await work(store, clock, done, *[JobEvent.SUCCEED] * 3, code=0)
    listed = [*rows(8), row(9, None), row(10, "USER1@example.com")]
    batch = store.loading.load(new_batch("leads"), listed).batch
    some = (JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT, JobEvent.DOUBT, JobEvent.RETRY, JobEvent.SUCCEED)
    await work(store, clock, batch, *some, code=5)
    store.steering.resolve(batch, Resolution.CHARGED, rows=[3])
    store.steering.resolve(batch, Resolution.RESEND, rows=[4])
    await cut_off(store, clock, batch)
    store.steering.retry(batch)
    store.loading.add(batch, [row(11, "more@example.com")])
    clock.pass_seconds(100_000)  # another day
    await work(store, clock, batch, JobEvent.RELEASE, JobEvent.SUCCEED, JobEvent.DOUBT, code=5)


def checked(path: Path, repeatable: Iterable[str] = ()) -> dict[str, Check]:
    """Every check by its name."""
    return {check.name: check for check in verify(Database(path), repeatable=lambda: list(repeatable))}


def found(path: Path) -> list[str]:
    """What was found wrong, as `check: what`."""
    return [f"{name}: {one.what}" for name, check in checked(path).items() for one in check.named]


def vandalise(path: Path, *statements: str) -> None:
    """Write as a program does that minds no rule: triggers, constraints and references are out of its way."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute(TRIGGERS).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
