"""`verify` on a file that a hand changed: each change is found and named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.past import checked, found, vandalise

SUCCEEDED = "(SELECT min(id) FROM attempts WHERE action = 'succeed')"
AGAIN = f"""
INSERT INTO attempts (id, job, batch, run, operation, provider, account, number, opened_us, within_us,
    client_request_id, method, path, unit, held)
SELECT 900, job, batch, run, operation, provider, account, number + 1, closed_us, within_us, 'again', method, path,
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
