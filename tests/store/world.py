"""What the store's tests share: a clock that is set by hand, and short ways to load, open and settle."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runner.domain.model import (
    MILLION,
    Action,
    Amount,
    Answer,
    AttemptId,
    BatchId,
    Debited,
    Fault,
    Job,
    JobId,
    Outcome,
    RunId,
)
from runner.domain.states import BatchEvent, JobEvent
from runner.engine.ports import Claim, Opening, Settlement
from runner.store.store import Store
from runner.store.values import Loaded, NewBatch, NewJob, NewRow, Refusal

EMAIL = "defastra.email"
PHONE = "defastra.phone"
ASKED = dict.fromkeys((EMAIL, PHONE), "c0de")
START_US = 1_795_000_000_123_456  # 2026-11-18T11:06:40.123Z


class HandClock:
    """Stands still until it is moved. Sleeping moves it."""

    def __init__(self) -> None:
        self.us = START_US
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.us / 1_000_000

    def now_us(self) -> int:
        return self.us

    def asleep_seconds(self) -> float:
        return 0.0

    async def sleep_until(self, deadline: float) -> None:
        self.slept.append(deadline - self.monotonic())
        self.us = max(self.us, round(deadline * 1_000_000))

    def pass_seconds(self, seconds: float) -> None:
        self.us += round(seconds * 1_000_000)


def new_batch(name: str = "leads", operations: tuple[str, ...] = (EMAIL,), **changes: Any) -> NewBatch:
    values: dict[str, Any] = {
        "name": name,
        "source": {"path": f"{name}.csv"},
        "header": ("id", "email"),
        "operations": operations,
        "mapping": {"email": "email"},
        "params": {},
        "content_hash": "c0ffee",
        "settings": {},
    }
    return NewBatch(**(values | changes))


def row(number: int, *values: str | None, operations: tuple[str, ...] = (EMAIL,), key: str | None = None) -> NewRow:
    """A row that asks each operation for one value; None is a cell that was refused."""
    entries: list[NewJob | Refusal] = []
    for operation, value in zip(operations, values, strict=True):
        if value is None:
            entries.append(Refusal(operation, "empty", ""))
        else:
            entries.append(NewJob(operation, value.casefold(), value, {operation.partition(".")[2]: value}))
    return NewRow(number + 1, (str(number), *(value or "" for value in values)), key, tuple(entries))


def rows(count: int) -> Iterable[NewRow]:
    return (row(n, f"user{n}@example.com") for n in range(1, count + 1))


def loaded(store: Store, count: int = 3, name: str = "leads") -> Loaded:
    return store.loading.load(new_batch(name), rows(count))


def started(store: Store, batch: BatchId, asked: Mapping[str, str] = ASKED) -> RunId:
    options = {"limit": 5}
    run = store.steering.start_run(pid=4711, host="testhost", version="0.0", options=options, asked={batch: asked})
    store.steering.change(batch, BatchEvent.START, run=run)
    return run


def claim(batch: BatchId, run: RunId, clock: HandClock, limit: int = 10, only: JobId | None = None) -> Claim:
    return Claim(
        run=run,
        batch=batch,
        operations=(EMAIL,),
        limit=limit,
        now_us=clock.us,
        lease_until_us=clock.us + MILLION,
        only=only,
    )


def opening(job: Job, run: RunId, clock: HandClock, **changes: Any) -> Opening:
    values: dict[str, Any] = {
        "run": run,
        "job": job.id,
        "batch": job.batch,
        "operation": job.operation,
        "provider": "defastra",
        "account": "account-1",
        "number": job.attempts + 1,
        "opened_us": clock.us,
        "within_seconds": 40.0,
        "client_request_id": f"request-{job.id}-{job.attempts + 1}",
        "method": "POST",
        "path": "/deep_email_check",
        "held": Amount(MILLION),
        "unit": "check",
    }
    return Opening(**(values | changes))


GOOD = Answer(status=200, headers=(("content-type", "application/json"),), body=b'{"status":true}')
LOST = Answer(fault=Fault.NO_ANSWER, detail="ReadTimeout")


def settlement(attempt: AttemptId, job: JobId, event: JobEvent, clock: HandClock, **changes: Any) -> Settlement:
    """A plausible settlement for each event; `changes` overrides single fields."""
    debited, answer, action = {
        JobEvent.SUCCEED: (Debited.YES, GOOD, Action.SUCCEED),
        JobEvent.FAIL: (Debited.NO, Answer(status=400, body=b"{}"), Action.FAIL),
        JobEvent.RETRY: (Debited.NO, Answer(status=503, body=b"down"), Action.RETRY),
        JobEvent.RELEASE: (Debited.NO, Answer(status=429, body=b"slow"), Action.PAUSE),
        JobEvent.DOUBT: (Debited.UNKNOWN, LOST, Action.RETRY),
    }[event]
    ended = event in {JobEvent.SUCCEED, JobEvent.FAIL}
    values: dict[str, Any] = {
        "attempt": attempt,
        "client_request_id": f"request-{job}-1",
        "job": job,
        "closed_us": clock.us,
        "answer": answer,
        "rule": f"rule-{event}",
        "action": action,
        "debited": debited,
        "amount": Amount(0 if debited is Debited.NO else MILLION),
        "error_code": None,
        "error_message": None,
        "provider_request_id": None,
        "wait_seconds": None,
        "event": event,
        "spent": event is not JobEvent.RELEASE,
        "due_us": 0,
        "outcome": Outcome(reason=f"rule-{event}", final=True, columns={"score": 1}) if ended else None,
    }
    return Settlement(**(values | changes))


async def attempt(store: Store, job: Job, run: RunId, event: JobEvent, clock: HandClock, **changes: Any) -> AttemptId:
    """Open and settle one attempt."""
    opened = await store.jobs.open(opening(job, run, clock))
    await store.jobs.settle(settlement(opened, job.id, event, clock, **changes))
    return opened


def query(path: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Read the file as any other program would."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def states(path: Path) -> list[str]:
    return [state for (state,) in query(path, "SELECT state FROM jobs ORDER BY id")]
