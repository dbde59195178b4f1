"""Every edge of the state tables, guarded in the database itself, whatever program writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from runner.domain.states import BATCH_TABLE, JOB_TABLE, BatchEvent, BatchState, JobEvent, JobState
from runner.errors import BatchError
from runner.store.store import Store
from tests.store.world import EMAIL, HandClock, attempt, claim, loaded, opening, query, started


def edges(table: Mapping[Any, Mapping[Any, Any]]) -> set[tuple[str, str]]:
    return {(source, target) for source, targets in table.items() for target in targets.values()}


def allowed_by_database(
    store: Store, table: str, all_states: type[JobState] | type[BatchState]
) -> set[tuple[str, str]]:
    """Try every pair of states on one line, in a transaction that is always undone."""
    found = set()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        triggers = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall())
        for source in all_states:
            for target in all_states:
                connection.execute("BEGIN")
                connection.execute(f"DROP TRIGGER tr_{table}_edges")
                run = ", run = 1" if table == "jobs" and source == "running" else ""
                connection.execute(f"UPDATE {table} SET state = ? {run}", (source.value,))
                connection.execute(triggers[f"tr_{table}_edges"])
                owner = ", run = iif(? = 'running', 1, NULL), reused = 1" if table == "jobs" else ", reason = ?"
                try:
                    connection.execute(f"UPDATE {table} SET state = ? {owner}", (target.value, target.value))
                    if source is not target:
                        found.add((source.value, target.value))
                except sqlite3.IntegrityError as refused:
                    assert "cannot move" in str(refused)  # noqa: PT017  # both ends are asserted
                connection.execute("ROLLBACK")
    return found


def test_jobs_move_along_their_table_only(store: Store) -> None:
    """The trigger on jobs allows exactly the edges of the domain's table."""
    started(store, loaded(store, 1).batch)
    assert allowed_by_database(store, "jobs", JobState) == edges(JOB_TABLE)


def test_a_waiting_job_succeeds_by_an_answer_that_is_there_or_by_asking(store: Store) -> None:
    """Without a word of whose answer it was given, or once it was sent, it is not answered but by a request."""
    loaded(store, 1)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        for given in ("", ", reused = 1, requests = 1"):
            with pytest.raises(sqlite3.IntegrityError, match="cannot move"):
                connection.execute(f"UPDATE jobs SET state = 'succeeded' {given}")


def test_batches_move_along_their_table_only(store: Store) -> None:
    """The trigger on batches allows exactly the edges of the domain's table."""
    loaded(store, 1)
    assert allowed_by_database(store, "batches", BatchState) == edges(BATCH_TABLE)


def test_steering_refuses_what_the_table_lacks(store: Store) -> None:
    """Every event that has no edge from the batch's state is an error, and the batch stays where it was."""
    batch = loaded(store, 1).batch
    for event in BatchEvent:
        if event not in BATCH_TABLE[BatchState.READY]:
            with pytest.raises(BatchError):
                store.steering.change(batch, event)
    assert store.reports.batch(batch).state is BatchState.READY


@pytest.mark.anyio
async def test_closed_attempts_do_not_change(store: Store, clock: HandClock) -> None:
    """History is append-only: a closed attempt and its answer cannot be rewritten."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await attempt(store, job, run, JobEvent.SUCCEED, clock)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        for sql in (
            "UPDATE attempts SET amount = 0",
            "UPDATE attempts SET closed_us = closed_us + 1",
            "UPDATE attempts SET resolution = 'not-charged', resolved_us = 1",
            "UPDATE answers SET body = x''",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(sql)


@pytest.mark.anyio
async def test_one_open_attempt_a_job(store: Store, clock: HandClock) -> None:
    """The database refuses a second open attempt of a job, whoever writes it."""
    batch = loaded(store, 1).batch
    run = started(store, batch)
    async with store.writing():
        (job,) = await store.jobs.claim(claim(batch, run, clock))
        await store.jobs.open(opening(job, run, clock))
    with (
        closing(sqlite3.connect(store.path, isolation_level=None)) as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute(
            "INSERT INTO attempts (job, batch, run, operation, provider, account, number, opened_us, within_us,"
            " client_request_id, method, path, unit, held)"
            " SELECT job, batch, run, operation, provider, account, 2, 0, 0, 'other', method, path, unit, 0"
            " FROM attempts"
        )
    assert query(store.path, "SELECT count(*) FROM attempts WHERE operation = ?", EMAIL) == [(1,)]
