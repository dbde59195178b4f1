"""Attempts as a record, as charges, and as what their jobs were answered."""

from __future__ import annotations

from typing import Final

from runner.store.verify.search import NOT_REPEATABLE, OF_ATTEMPT, OF_JOB, Plan, Search
from runner.store.verify.values import Fix

ATTEMPTS: Final = Plan(
    "attempts",
    ("P22",),
    """
    SELECT count(*) AS attempts, coalesce(sum(http_status IS NOT NULL), 0) AS answered,
        coalesce(sum(closed_us IS NULL), 0) AS on_the_way FROM attempts
    """,
    (
        Search(
            f"""
            SELECT {OF_ATTEMPT}, CASE
                WHEN a.client_request_id = '' THEN 'has no id of its own'
                WHEN a.batch <> j.batch OR a.operation <> j.operation THEN 'belongs to another batch or operation'
                WHEN a.closed_us IS NULL AND r.ended_us IS NOT NULL THEN 'is open, and its run has ended'
                WHEN a.closed_us IS NULL AND (j.state <> 'running' OR j.run <> a.run)
                    THEN 'is open, and its job is not at work in its run'
                WHEN a.closed_us IS NULL AND w.attempt IS NOT NULL THEN 'is open, and has an answer'
                WHEN a.closed_us IS NOT NULL AND (a.rule IS NULL OR a.amount IS NULL OR a.spent IS NULL)
                    THEN 'is closed without a verdict'
                WHEN a.closed_us IS NOT NULL AND (a.http_status IS NULL) = (a.fault IS NULL)
                    THEN 'has neither an answer nor a fault, or both'
                WHEN a.http_status IS NOT NULL AND a.action IS NULL THEN 'was answered, and nothing was done about it'
                WHEN a.http_status IS NOT NULL AND w.attempt IS NULL THEN 'was answered, and its answer is gone'
                WHEN (a.resolution IS NULL) <> (a.resolved_us IS NULL) THEN 'was decided on at no time'
                END AS wrong
            FROM attempts AS a CROSS JOIN batches AS b ON b.id = a.batch JOIN jobs AS j ON j.id = a.job
            JOIN runs AS r ON r.id = a.run LEFT JOIN answers AS w ON w.attempt = a.id
            WHERE wrong IS NOT NULL
            """,
            "attempt {attempt} of job {job} (row {row} of {batch}) {wrong}",
            "the record of what was sent is not what was written",
            Fix.COMPARE,
        ),
        Search(
            f"""
            SELECT {OF_JOB} FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch
            WHERE j.attempts > 0 AND NOT EXISTS (SELECT 1 FROM attempts WHERE job = j.id)
            """,
            "every attempt of job {job} (row {row} of {batch}) is gone",
            "what was sent for it, and what that cost, is not known any more",
            Fix.HOLD,
        ),
        Search(
            f"""
            SELECT {OF_JOB}, r.id AS run FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch
            JOIN runs AS r ON r.id = j.run WHERE j.state = 'running' AND r.ended_us IS NOT NULL
            """,
            "job {job} (row {row} of {batch}) is running, and its run {run} has ended",
            "no run takes it up again",
            Fix.EXPORT,
        ),
    ),
)

CHARGES: Final = Plan(
    "charges",
    ("P8",),
    """
    SELECT coalesce(sum(iif(standing = 'debited', requests, 0)), 0) AS charged,
        coalesce(sum(iif(standing = 'released', requests, 0)), 0) AS not_charged,
        coalesce(sum(iif(standing IN ('in_doubt', 'held'), requests, 0)), 0) AS in_doubt,
        (SELECT count(*) FROM jobs WHERE possible_double_charge) AS marked
    FROM attempt_totals
    """,
    (
        Search(
            f"""
            SELECT {OF_JOB}, j.debits + j.unknowns AS detail FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch
            WHERE j.debits + j.unknowns > 1 AND NOT j.possible_double_charge AND j.{NOT_REPEATABLE}
            """,
            "job {job} (row {row} of {batch}) may have been charged {detail} times, and is not marked",
            "a second charge that nobody was told of",
            Fix.EXPLAIN,
        ),
        Search(
            f"""
            SELECT {OF_ATTEMPT} FROM attempts AS a CROSS JOIN batches AS b ON b.id = a.batch
            WHERE a.debited = 'unknown' AND a.resolution IS NULL AND a.{NOT_REPEATABLE}
                AND EXISTS (SELECT 1 FROM attempts WHERE job = a.job AND number > a.number)
            """,
            "attempt {attempt} of job {job} (row {row} of {batch}) is in doubt, and was sent again",
            "nobody's decision to send it again is on record",
            Fix.EXPLAIN,
        ),
    ),
)

ANSWERS: Final = Plan(
    "answers",
    ("P6", "P9"),
    """
    SELECT (SELECT coalesce(sum(jobs), 0) FROM job_totals WHERE state = 'succeeded') AS succeeded,
        (SELECT count(*) FROM answers) AS answers
    """,
    (
        Search(
            f"""
            SELECT {OF_ATTEMPT} FROM attempts AS a CROSS JOIN batches AS b ON b.id = a.batch
            WHERE a.action = 'succeed' AND EXISTS (SELECT 1 FROM attempts WHERE job = a.job AND number > a.number)
            """,
            "job {job} (row {row} of {batch}) was sent again after attempt {attempt} had succeeded",
            "it may have been paid for twice",
            Fix.EXPLAIN,
        ),
        Search(
            f"""
            SELECT {OF_ATTEMPT}, j.state AS detail FROM attempts AS a CROSS JOIN batches AS b ON b.id = a.batch
            JOIN jobs AS j ON j.id = a.job WHERE a.action = 'succeed' AND j.state <> 'succeeded'
            """,
            "attempt {attempt} succeeded, but its job {job} (row {row} of {batch}) is {detail}",
            "a paid answer is not shown, and may be paid for again",
            Fix.HOLD,
        ),
        Search(
            f"""
            SELECT {OF_JOB} FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch
            LEFT JOIN attempts AS a ON a.job = j.id AND a.number = j.attempts
            WHERE j.state = 'succeeded' AND j.reused IS NULL
                AND (a.id IS NULL OR a.action IS NOT 'succeed' OR j.http_status IS NOT a.http_status)
            """,
            "job {job} (row {row} of {batch}) has succeeded, but its last attempt has not",
            "its answer is not the one that was stored",
            Fix.COMPARE,
        ),
        Search(
            f"""
            SELECT {OF_JOB}, CASE
                WHEN j.state <> 'succeeded' THEN 'and is not answered'
                WHEN j.requests > 0 OR j.debits > 0 OR j.unknowns > 0 OR j.amount > 0
                    THEN 'and was sent itself, or charged'
                WHEN o.state IS NOT 'succeeded' OR o.reused IS NOT NULL OR o.batch = j.batch
                    OR o.operation <> j.operation OR (o.key <> j.key AND NOT o.erased)
                    THEN 'from job ' || j.reused || ', which has none for it'
                WHEN NOT (o.erased OR j.erased) AND (j.result IS NOT o.result OR j.found IS NOT o.found
                    OR j.finished_us IS NOT o.finished_us)
                    THEN 'from job ' || j.reused || ', and has another one now'
                END AS wrong
            FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch LEFT JOIN jobs AS o ON o.id = j.reused
            WHERE j.reused IS NOT NULL AND wrong IS NOT NULL
            """,
            "job {job} (row {row} of {batch}) was given an answer {wrong}",
            "it is shown as answered, and nobody was asked that",
            Fix.COMPARE,
        ),
        Search(
            f"""
            SELECT {OF_JOB} FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch
            WHERE j.state = 'in_doubt' AND NOT EXISTS (
                SELECT 1 FROM attempts WHERE job = j.id AND debited = 'unknown' AND resolution IS NULL)
            """,
            "job {job} (row {row} of {batch}) is in doubt, and none of its attempts is",
            "there is nothing to decide, and it is never sent",
            Fix.STATUS,
        ),
    ),
)
