"""`verify` on a file with a past: clean as the store wrote it; whatever a hand did to it since is found and named."""

from __future__ import annotations

import random
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.model import Answer, BatchId, Debited, Fault, Job, Resolution, RunId
from runner.domain.states import BatchEvent, JobEvent
from runner.errors import SchemaError
from runner.store import open_store
from runner.store.database import Database
from runner.store.remains import restore_command
from runner.store.store import Store
from runner.store.verify import readable_batches, unended, verify
from runner.store.verify.values import NAMED, Check, Fix
from tests.store.world import (
    EMAIL,
    HandClock,
    attempt,
    claim,
    loaded,
    new_batch,
    opening,
    row,
    rows,
    settlement,
    started,
)

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


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with a past, made once."""
    path, clock = tmp_path_factory.mktemp("verify") / "runner.db", HandClock()
    with open_store(path, clock=clock, inline=True) as store:
        anyio.run(past, store, clock)
    return path


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copy(original, tmp_path / "runner.db"))


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


def test_a_file_as_the_store_wrote_it_is_clean(path: Path) -> None:
    """Every check says what it looked at, and finds nothing."""
    checks = checked(path)
    assert found(path) == []
    assert {name: dict(check.figures) for name, check in checks.items() if name in ("rows", "requests", "answers")} == {
        "rows": {"rows": 14, "to_send": 13, "refused": 1},
        "requests": {
            "jobs": 12,
            "queued": 3,
            "running": 0,
            "succeeded": 6,
            "failed": 1,
            "in_doubt": 2,
            "cancelled": 0,
        },
        "answers": {"succeeded": 6, "answers": 12},
    }
    assert list(checks) == [
        "file",
        "integrity",
        "references",
        "rows",
        "requests",
        "batches",
        "attempts",
        "charges",
        "answers",
        "ledger",
    ]


SUCCEEDED = "(SELECT min(id) FROM attempts WHERE action = 'succeed')"
AGAIN = f"""
INSERT INTO attempts (id, job, batch, run, operation, provider, account, number, opened_us, timeout_us,
    client_request_id, method, path, unit, held)
SELECT 900, job, batch, run, operation, provider, account, number + 1, closed_us, timeout_us, 'again', method, path,
    unit, held FROM attempts WHERE id = {SUCCEEDED}
"""
DOUBTFUL = "(SELECT id FROM attempts WHERE debited = 'unknown' AND resolution = 'resend')"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        # rows
        ("DELETE FROM row_jobs WHERE row = 5 AND batch = 2", "rows: row 5 of leads has no line for defastra.email"),
        ("DELETE FROM rows WHERE number = 5 AND batch = 2", "rows: row 5 of leads is missing"),
        ("DELETE FROM rows WHERE number = 11 AND batch = 2", "rows: row 11 of leads is missing"),
        (
            "UPDATE row_jobs SET job = 777 WHERE row = 2 AND batch = 2",
            "rows: row 2 of leads asks defastra.email by job 777",
        ),
        (
            "UPDATE row_jobs SET job = 1 WHERE row = 2 AND batch = 2",
            "rows: row 2 of leads asks defastra.email by job 1,",
        ),
        ("DELETE FROM jobs WHERE id = 5", "references: a line of row_jobs refers to one of jobs that is missing"),
        ("UPDATE row_jobs SET job = 4 WHERE row = 2 AND batch = 2", "rows: job 5 of leads belongs to no row"),
        ("UPDATE batches SET refused = 2 WHERE id = 2", "rows: leads says that 2 of its cells were refused"),
        ("UPDATE batches SET visible_row = 2 WHERE id = 1", "rows: 3 rows of done are on record as read, and another"),
        ("DELETE FROM events", "rows: 0 rows of done are on record as read, and another number of them"),
        # totals
        (
            "UPDATE job_totals SET jobs = jobs + 1 WHERE batch = 1",
            "requests: 4 jobs of done at defastra.email are said",
        ),
        (
            "DELETE FROM job_totals WHERE batch = 1",
            "requests: 0 jobs of done at defastra.email are said to be succeeded",
        ),
        (
            "UPDATE jobs SET state = 'cancelled' WHERE id = 12",
            "requests: 3 jobs of leads at defastra.email are said to be",
        ),
        (
            "UPDATE attempt_totals SET amount = amount - 1 WHERE standing = 'debited' AND batch = 1",
            "at defastra.email says that on day 2026-11-18 3 requests (2.999999 check) are charged",
        ),
        ("DELETE FROM attempt_totals WHERE batch = 1", "ledger: the ledger of done at defastra.email says that"),
        ("UPDATE jobs SET amount = 5 WHERE id = 2", "ledger: job 2 (row 2 of done) counts charged: 0.000005 check, by"),
        ("UPDATE jobs SET requests = 9 WHERE id = 2", "ledger: job 2 (row 2 of done) counts requests: 9"),
        # batches and runs
        ("UPDATE jobs SET state = 'queued' WHERE id = 3", "batches: done is completed, but job 3 of row 3 is queued"),
        ("UPDATE jobs SET state = 'failed' WHERE id = 3", "batches: run 1 ended with exit 0, but left job 3 of row 3"),
        ("UPDATE batches SET state = 'running' WHERE id = 1", "batches: done is running, and no run is at work"),
        ("UPDATE runs SET ended_us = NULL WHERE id = 1", "batches: run 1 has not ended, and a later one began"),
        (
            "UPDATE jobs SET due_us = 9e17 WHERE id = (SELECT max(id) FROM jobs WHERE state = 'queued')",
            "of leads) is to wait for more than a week",
        ),
        # the record
        ("DELETE FROM attempts WHERE id = 2", "attempts: every attempt of job 2 (row 2 of done) is gone"),
        (f"DELETE FROM attempts WHERE id = {DOUBTFUL}", "counts attempts: 2, by its attempts 1"),
        (AGAIN, "answers: job 1 (row 1 of done) was sent again after attempt 1 had succeeded"),
        (AGAIN, "attempts: attempt 900 of job 1 (row 1 of done) is open, and its run has ended"),
        ("DELETE FROM answers WHERE attempt = 1", "attempts: attempt 1 of job 1 (row 1 of done) was answered, and its"),
        (
            "UPDATE attempts SET action = 'fail' WHERE id = 1",
            "answers: job 1 (row 1 of done) has succeeded, but its last",
        ),
        ("UPDATE attempts SET http_status = 402 WHERE id = 1", "answers: job 1 (row 1 of done) has succeeded, but its"),
        ("UPDATE attempts SET debited = 'no' WHERE id = 1", "ledger: job 1 (row 1 of done) counts charged requests: 1"),
        (
            "UPDATE attempts SET rule = NULL WHERE id = 1",
            "attempts: attempt 1 of job 1 (row 1 of done) is closed without",
        ),
        ("UPDATE attempts SET client_request_id = '' WHERE id = 1", "(row 1 of done) has no id of its own"),
        ("UPDATE attempts SET number = 4 WHERE id = 1", "attempts by their numbers: 1, by its attempts 4"),
        # money
        (
            f"UPDATE attempts SET resolution = NULL, resolved_us = NULL WHERE id = {DOUBTFUL}",
            "is in doubt, and was sent again",
        ),
        (
            "UPDATE jobs SET possible_double_charge = 0, unknowns = 2",
            "may have been charged 3 times, and is not marked",
        ),
        (
            "UPDATE jobs SET state = 'in_doubt' WHERE id = 2",
            "job 2 (row 2 of done) is in doubt, and none of its attempts",
        ),
        (
            "UPDATE attempts SET account = 'another' WHERE id = 2",
            "ledger: 1 of the 3 requests of run 1 for done at defastra are kept as those of another account",
        ),
        # the schema
        ("DROP VIEW v_spend", "file: the view v_spend is missing"),
        ("DROP INDEX uq_attempts_open", "file: the index uq_attempts_open is missing"),
    ],
)
def test_what_was_done_by_hand_is_found_and_named(path: Path, statement: str, expected: str) -> None:
    """With the row, job or attempt it is about, what it means and what to do."""
    vandalise(path, statement)
    assert any(expected in one for one in found(path)), found(path)
    for check in checked(path).values():
        assert check.violations == len(check.named)
        assert all(one.means and one.fix for one in check.named)


def test_two_open_attempts_are_found(path: Path) -> None:
    """The index that forbids it has to go first, which is found too."""
    second = AGAIN.replace("900,", "901,").replace("number + 1", "number + 2").replace("'again'", "'and again'")
    vandalise(path, "DROP INDEX uq_attempts_open", AGAIN, second)
    assert any("open attempts too many: 0, by its attempts 1" in one for one in found(path)), found(path)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TRIGGER tr_attempts_closed", "file: the trigger tr_attempts_closed is missing"),
        (
            "CREATE TRIGGER mine AFTER UPDATE ON jobs BEGIN UPDATE jobs SET amount = 0; END",
            "file: there is a trigger mine of another's",
        ),
    ],
)
def test_triggers_are_as_they_were_made(path: Path, statement: str, expected: str) -> None:
    """One that is gone guards nothing; one of another's writes what nobody expects. A view of one's own is no harm."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE VIEW of_mine AS SELECT 1")
        connection.execute(statement)
    assert found(path) == [expected]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE attempts SET opened_us = 'x' WHERE id = 1", "ledger: it could not be read to its end (TypeError)"),
        ("UPDATE attempt_totals SET day = 'x' WHERE batch = 1", "says that on day x 3 requests"),
        ("UPDATE attempt_totals SET day = 999999999999 WHERE batch = 1", "says that on day 999999999999 3 requests"),
        ("UPDATE attempt_totals SET day = -99999999 WHERE batch = 1", "says that on day -99999999 3 requests"),
        (
            "UPDATE attempt_totals SET standing = x'07' WHERE batch = 1 AND standing = 'debited'",
            "3 requests (3 check) are b'\\x07'",
        ),
        ("UPDATE batches SET settings = '{' WHERE id = 1", "batches: what done was loaded with cannot be read"),
        ("UPDATE batches SET operations = 'nojson' WHERE id = 1", "batches: what done was loaded with cannot be read"),
        ("UPDATE batches SET source = '[]' WHERE id = 1", "batches: what done was loaded with cannot be read"),
        ("UPDATE batches SET name = x'FF' WHERE id = 1", "was loaded with cannot be read"),
    ],
)
def test_a_value_of_another_kind_ends_no_check(path: Path, statement: str, expected: str) -> None:
    """Text for a number, a day that no calendar has, what is no JSON: a violation, and every check is made."""
    vandalise(path, statement)
    told = found(path)
    assert any(expected in one for one in told), told
    assert len(checked(path)) == 10
    assert "leads" in {batch.name for batch in readable_batches(Database(path))}


def test_a_backup_takes_the_place_of_a_damaged_file_that_stays(path: Path, tmp_path: Path) -> None:
    """The command as it is told: the file and its log are set aside together; a second time nothing is done."""
    place = tmp_path / "a place" / "runner.db"
    place.parent.mkdir()
    place.write_text("damaged")
    place.with_name("runner.db-wal").write_text("its log")
    command = restore_command(place).replace("BACKUP", shlex.quote(str(path)))
    for beside in (["runner.db", "runner.db.damaged"], None):
        subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        aside = place.with_name("runner.db.damaged")
        assert {one.name: one.read_text() for one in aside.iterdir()} == {
            "runner.db": "damaged",
            "runner.db-wal": "its log",
        }
        assert beside in (None, sorted(one.name for one in place.parent.iterdir()))
        assert found(place) == []  # which makes a log of its own


def test_a_line_without_its_owner_is_saved_and_reported_not_overwritten(path: Path) -> None:
    """The file itself is sound: it is worth more than a backup."""
    vandalise(path, "DELETE FROM jobs WHERE id = 5")
    assert {one.fix for one in checked(path)["references"].named} == {Fix.REPORT}


def test_a_missing_table_is_told_by_every_check_that_needs_it(path: Path) -> None:
    """No check is left out, and none ends the others."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE answers")
    told = found(path)
    assert "file: the table answers is missing" in told
    assert "attempts: it cannot be read: no such table: answers" in told
    assert len(checked(path)) == 10


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_byte_is_found(path: Path, seed: int) -> None:
    """In the head of a page, at random: SQLite's own check names the page, and no check is left out for it."""
    with closing(sqlite3.connect(path)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        pages = [page for (page,) in connection.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 1")]
    content = bytearray(path.read_bytes())
    place = (random.Random(seed).choice(pages) - 1) * size
    content[place] ^= 0xFF  # what kind of page it is
    path.write_bytes(content)
    checks = checked(path)
    assert sum(check.violations for check in checks.values()) > 0
    assert len(checks) == 10 or set(checks) == {"file"}


def test_what_is_repeated_for_free_needs_no_mark(path: Path) -> None:
    """Two unknown charges of an operation that costs nothing to repeat are no second charge."""
    vandalise(path, "UPDATE jobs SET possible_double_charge = 0")
    assert checked(path)["charges"].violations > 0
    assert checked(path, [EMAIL])["charges"].violations == 0


def test_memory_does_not_grow_with_what_is_wrong(path: Path) -> None:
    """All violations are counted, the first hundred are named."""
    many = "WITH RECURSIVE n(n) AS (SELECT 12 UNION ALL SELECT n + 1 FROM n WHERE n < 511) "
    vandalise(
        path,
        many + "INSERT INTO rows (batch, number, cells) SELECT 2, n, '[]' FROM n",
        "UPDATE batches SET visible_row = 511 WHERE id = 2",
    )
    check = checked(path)["rows"]
    assert check.violations == 501  # and the number of rows that were read
    assert len(check.named) == NAMED


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


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("PRAGMA application_id = 1", "is not a runner database"),
        ("UPDATE alembic_version SET version_num = '9999'", "was written by a newer version of runner"),
        ("UPDATE alembic_version SET version_num = '0000'", "has an older schema"),
        ("DELETE FROM alembic_version", "does not say which schema it has"),
        ("INSERT INTO alembic_version VALUES ('0002')", "does not say which schema it has"),
    ],
)
def test_other_files_are_refused(path: Path, statement: str, what: str) -> None:
    """Another program's, a newer and an older one: with what to do, and nothing is said of them."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(SchemaError, match=what) as refused:
        checked(path)
    assert refused.value.fix
