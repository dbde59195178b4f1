"""Answers of other batches: which count for a job, and what is taken over of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from runner.domain.model import BatchId, Outcome
from runner.domain.states import BatchEvent, BatchState, JobEvent
from runner.store.database import Database
from runner.store.store import Store
from runner.store.values import AnsweredBefore, NewJob, NewRow
from runner.store.verify import verify
from tests.store.world import (
    ASKED,
    EMAIL,
    PHONE,
    START_US,
    HandClock,
    attempt,
    claim,
    loaded,
    new_batch,
    query,
    row,
    started,
)

pytestmark = pytest.mark.anyio

HOUR = 3600
ELSE = dict.fromkeys(ASKED, "else")


def asking(number: int, key: str, **params: str) -> NewRow:
    """A row with parameters of its own."""
    return NewRow(number + 1, (key,), None, (NewJob(EMAIL, key, key, params),))


def before(store: Store, batch: BatchId, **given: Any) -> list[AnsweredBefore]:
    """What is known of a batch whose profile is as it was."""
    return store.answered.before(batch, **{"request_hashes": ASKED} | given)


def take_over(store: Store, batch: BatchId, **given: Any) -> int:
    """What is taken for a batch whose profile is as it was."""
    return store.answered.take_over(batch, **{"request_hashes": ASKED} | given)


async def answered(
    store: Store,
    batch: BatchId,
    clock: HandClock,
    *events: JobEvent,
    asked: Mapping[str, str] = ASKED,
    **changes: Any,
) -> None:
    """The jobs of a batch end so in a run, in their order; those left over wait. Found with the time as their score."""
    if store.reports.batch(batch).state is BatchState.RUNNING:
        store.steering.change(batch, BatchEvent.PAUSE)
    run = started(store, batch, asked)
    async with store.writing():
        jobs = await store.jobs.claim(claim(batch, run, clock, limit=len(events)))
        for job, event in zip(jobs, events, strict=True):
            outcome = Outcome(reason=f"rule-{event}", final=True, found=True, columns={"score": clock.us})
            ended = event in (JobEvent.SUCCEED, JobEvent.FAIL)
            given = {"client_request_id": f"{batch}-{job.id}", **({"outcome": outcome} if ended else {}), **changes}
            await attempt(store, job, run, event, clock, **given)
    store.steering.end_run(run, exit_code=5)


async def test_what_succeeded_elsewhere_is_known(store: Store, clock: HandClock) -> None:
    """Not what failed, is in doubt, waits, was tried already, or asked with something else set."""
    first = loaded(store, 5).batch
    await answered(store, first, clock, JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT, JobEvent.SUCCEED)
    again = [row(n, f"USER{n}@example.com") for n in range(1, 6)]
    other = store.loading.load(new_batch("other", params={EMAIL: {"timeout": "extensive"}}), again).batch
    assert before(store, other) == []
    same = store.loading.load(new_batch("same", params={PHONE: {"timeout": "extensive"}}), again).batch
    (known,) = before(store, same)
    assert (known.operation, known.jobs, known.batches) == (EMAIL, 2, {"leads": 2})
    assert (known.first_us, known.last_us, known.young) == (START_US, START_US, 0)
    await answered(store, same, clock, JobEvent.RETRY)
    assert [one.jobs for one in before(store, same)] == [1]
    assert take_over(store, same, since_us=0) == 1
    assert query(store.path, "SELECT state FROM jobs WHERE batch = ? ORDER BY id", same) == [
        ("queued",),
        ("queued",),
        ("queued",),
        ("succeeded",),
        ("queued",),
    ]


async def test_of_several_answers_the_newest_is_taken(store: Store, clock: HandClock) -> None:
    """With its date, its result and whose it is; a copy stands back behind the answer that it is of."""
    for name in ("one", "two"):
        await answered(store, loaded(store, 1, name).batch, clock, JobEvent.SUCCEED)
        clock.pass_seconds(HOUR)
    copy = loaded(store, 1, "copy").batch
    assert take_over(store, copy, since_us=clock.us - HOUR * 1_000_000) == 1
    third = loaded(store, 1, "third").batch
    assert before(store, third, since_us=clock.us)[0].young == 0
    assert before(store, third)[0].batches == {"two": 1}
    assert take_over(store, third, since_us=clock.us) == 0
    assert take_over(store, third, since_us=clock.us - HOUR * 1_000_000) == 1
    told = "SELECT result, found, finished_us, requests, amount, reused FROM jobs WHERE batch = ?"
    at_us = START_US + HOUR * 1_000_000
    for batch in (copy, third):
        assert query(store.path, told, batch) == [(f'{{"score":{at_us}}}', 1, at_us, 0, 0, 2)]
    assert query(store.path, "SELECT reused_from FROM v_outcomes ORDER BY batch") == [
        ("two",),
        (None,),
        ("two",),
        (None,),
    ]
    assert store.reports.status(third).reused == {EMAIL: 1}


async def test_a_copy_outlives_the_answer_it_is_of(store: Store, clock: HandClock) -> None:
    """Erased with somebody else's row it is still in the copy, and a copy of that is of the same answer."""
    await answered(store, loaded(store, 1).batch, clock, JobEvent.SUCCEED)
    take_over(store, loaded(store, 1, "copy").batch, since_us=0)
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(
            "UPDATE jobs SET key = 'erased-1', value = '', result = NULL, found = NULL, erased = 1 WHERE id = 1"
        )
    third = loaded(store, 1, "third").batch
    assert before(store, third)[0].batches == {"leads": 1}
    assert take_over(store, third, since_us=0) == 1
    assert query(store.path, "SELECT reused FROM jobs WHERE batch = ?", third) == [(1,)]
    assert violations(store) == []


async def test_equal_keys_of_other_parameters_are_other_requests(store: Store, clock: HandClock) -> None:
    """One that came by another parameter, or beside one more, is not what was asked."""
    first = store.loading.load(new_batch(), [asking(1, "a", name="a"), asking(2, "b", name="b", plan="x")]).batch
    await answered(store, first, clock, JobEvent.SUCCEED, JobEvent.SUCCEED)
    second = store.loading.load(new_batch("more"), [asking(1, "a", label="a"), asking(2, "b", name="B", plan="x")])
    assert [one.jobs for one in before(store, second.batch)] == [1]


async def test_the_profile_that_was_asked_decides(store: Store, clock: HandClock) -> None:
    """A file of one's own under the name of another provider is another provider."""
    await answered(store, loaded(store, 1).batch, clock, JobEvent.SUCCEED)
    own = new_batch("own", source={"profiles": {"defastra": "/mine.toml"}})
    assert before(store, store.loading.load(own, [row(1, "user1@example.com")]).batch) == []


async def test_rows_that_are_still_being_loaded_are_given_nothing(
    store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever loads them may yet take them back."""
    monkeypatch.setattr("runner.store.loading.PIECE", 1)
    await answered(store, loaded(store, 1).batch, clock, JobEvent.SUCCEED)
    batch = store.loading.load(new_batch("more"), [row(1, "other@example.com")]).batch
    taken = []

    def slowly() -> Iterator[NewRow]:
        yield row(2, "user1@example.com")
        taken.append((before(store, batch), take_over(store, batch, since_us=0)))
        yield row(3, "user3@example.com")

    store.loading.add(batch, slowly())
    assert query(store.path, "SELECT count(*) FROM jobs WHERE batch = ?", batch) == [(3,)]
    assert taken == [([], 0)]
    assert [one.jobs for one in before(store, batch)] == [1]
    assert take_over(store, batch, since_us=0) == 1


@pytest.mark.parametrize("asked", [ELSE, {PHONE: "c0de"}, {}])
async def test_what_made_the_requests_decides(store: Store, clock: HandClock, asked: dict[str, str]) -> None:
    """Of an edited profile, or of one of which nobody knows what it made, neither asks what the other was told."""
    rows = [row(1, "user1@example.com")]
    edited = store.loading.load(new_batch("edited"), rows).batch
    same = store.loading.load(new_batch("same"), rows).batch
    await answered(store, edited, clock, JobEvent.SUCCEED, asked=asked)
    assert before(store, same) == []
    assert take_over(store, same, since_us=0) == 0
    await answered(store, same, clock, JobEvent.SUCCEED)
    third = store.loading.load(new_batch("third"), rows).batch
    found = before(store, third, request_hashes=ELSE)
    assert [one.batches for one in found] == ([{"edited": 1}] if asked is ELSE else [])


async def test_a_batch_whose_profile_was_edited_since_takes_none(store: Store, clock: HandClock) -> None:
    """What it would send today counts, not what it was loaded to ask."""
    await answered(store, loaded(store, 1).batch, clock, JobEvent.SUCCEED)
    batch = loaded(store, 1, "more").batch
    assert before(store, batch, request_hashes=ELSE) == []
    assert take_over(store, batch, request_hashes=ELSE, since_us=0) == 0
    assert take_over(store, batch, since_us=0) == 1


async def test_each_answer_is_of_the_run_that_asked(store: Store, clock: HandClock) -> None:
    """A list that was asked by one profile and went on by another: each of its answers is known where it is the same.
    A copy is of the kind of what it is of."""
    batch = loaded(store, 4).batch
    await answered(store, batch, clock, JobEvent.SUCCEED)
    await answered(store, batch, clock, JobEvent.SUCCEED, JobEvent.SUCCEED, asked=ELSE)
    await answered(store, batch, clock, JobEvent.SUCCEED)
    other = loaded(store, 4, "other").batch
    assert [[one.jobs for one in before(store, other, request_hashes=asked)] for asked in (ASKED, ELSE)] == [[2], [2]]
    assert take_over(store, other, request_hashes=ELSE, since_us=0) == 2
    taken = "SELECT reused FROM jobs WHERE batch = ? ORDER BY id"
    assert query(store.path, taken, other) == [(None,), (2,), (3,), (None,)]
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE jobs SET key = 'erased-' || id WHERE batch = ?", (batch,))
    third = loaded(store, 4, "third").batch
    assert [[one.jobs for one in before(store, third, request_hashes=asked)] for asked in (ASKED, ELSE)] == [[], [2]]


async def test_a_run_that_was_told_to_try_again_asked_for_no_answer(store: Store, clock: HandClock) -> None:
    """The job's answer came to a later run, which asked something else."""
    batch = loaded(store, 1).batch
    await answered(store, batch, clock, JobEvent.RETRY)
    clock.pass_seconds(HOUR)
    await answered(store, batch, clock, JobEvent.SUCCEED, asked=ELSE)
    other = loaded(store, 1, "other").batch
    assert [[one.jobs for one in before(store, other, request_hashes=asked)] for asked in (ASKED, ELSE)] == [[], [1]]


async def test_which_operations_have_results_of_another_kind(store: Store, clock: HandClock) -> None:
    """Only what came to a result counts, in whichever run of the list; not what another list was told."""
    batch, other = loaded(store, 4).batch, loaded(store, 2, "other").batch
    otherwise = partial(store.answered.asked_otherwise, batch)
    assert otherwise(ASKED) == set()
    await answered(store, batch, clock, asked=ELSE)
    await answered(store, other, clock, JobEvent.SUCCEED, asked=ELSE)
    await answered(store, batch, clock, JobEvent.FAIL, JobEvent.DOUBT, asked=ELSE)
    await answered(store, batch, clock, JobEvent.SUCCEED)
    await answered(store, other, clock, JobEvent.SUCCEED, asked=ELSE)
    assert (otherwise(ASKED), otherwise(ELSE)) == (set(), {EMAIL})
    await answered(store, batch, clock, JobEvent.SUCCEED, asked=ELSE)
    assert (otherwise(ASKED), otherwise(ELSE)) == ({EMAIL}, {EMAIL})


async def test_a_copy_is_a_result_of_another_kind_too(store: Store, clock: HandClock) -> None:
    """A list that was given a sandbox's answers, and is to go to the provider."""
    await answered(store, loaded(store, 2).batch, clock, JobEvent.SUCCEED, asked=ELSE)
    batch = loaded(store, 2, "more").batch
    assert take_over(store, batch, request_hashes=ELSE, since_us=0) == 1
    assert [store.answered.asked_otherwise(batch, asked) for asked in (ASKED, ELSE)] == [{EMAIL}, set()]


async def test_it_is_taken_over_piece_by_piece(store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also behind jobs that nobody has an answer to, and of those that were put off."""
    monkeypatch.setattr("runner.store.answered.PIECE", 2)
    await answered(store, loaded(store, 7).batch, clock, *[JobEvent.SUCCEED] * 7)
    values = [row(n, f"user{n}@example.com") for n in (20, 21, 1, 22, 23, 2, 3, 24, 4)]
    batch = store.loading.load(new_batch("more"), values).batch
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("UPDATE jobs SET due_us = 5 WHERE key = 'user2@example.com' AND state = 'queued'")
    looks = iter([False, False, True])
    assert take_over(store, batch, since_us=0, given_up=lambda: next(looks)) == 1
    assert take_over(store, batch, since_us=0) == 3
    assert take_over(store, batch, since_us=0) == 0
    events = query(store.path, "SELECT json_extract(detail, '$.jobs') FROM events WHERE event = 'answers.reused'")
    assert sum(jobs for (jobs,) in events) == 4
    assert len(events) > 1


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        ("UPDATE jobs SET result = '{}' WHERE reused IS NOT NULL", "and has another one now"),
        ("UPDATE jobs SET finished_us = 1 WHERE reused IS NOT NULL", "and has another one now"),
        ("UPDATE jobs SET requests = 1 WHERE reused IS NOT NULL", "and was sent itself, or charged"),
        ("UPDATE jobs SET amount = 1 WHERE reused IS NOT NULL", "and was sent itself, or charged"),
        ("UPDATE jobs SET reused = id WHERE reused IS NOT NULL", "which has none for it"),
        ("UPDATE jobs SET key = 'else' WHERE reused IS NOT NULL", "which has none for it"),
    ],
)
async def test_an_answer_that_is_not_that_of_its_batch_is_found(
    store: Store, clock: HandClock, damage: str, wrong: str
) -> None:
    """Verification looks whose each is; a file without damage has none."""
    await answered(store, loaded(store, 1).batch, clock, JobEvent.SUCCEED)
    assert take_over(store, loaded(store, 1, "more").batch, since_us=0) == 1
    assert violations(store) == []
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(damage)
    assert any(wrong in one for one in violations(store))


def violations(store: Store) -> list[str]:
    """What verification says of answers."""
    checks = verify(Database(store.path), repeatable=lambda: ())
    return [one.what for check in checks if check.name == "answers" for one in check.named]


async def test_no_taken_answer_proves_an_operation(store: Store, clock: HandClock) -> None:
    """Whether requests as they are sent today are understood is known once one succeeded."""
    await answered(store, loaded(store, 1).batch, clock, JobEvent.SUCCEED)
    batch = loaded(store, 2, "more").batch
    take_over(store, batch, since_us=0)
    async with store.writing():
        assert await store.jobs.proven(batch) == frozenset()
    await answered(store, batch, clock, JobEvent.SUCCEED)
    async with store.writing():
        assert await store.jobs.proven(batch) == {EMAIL}
