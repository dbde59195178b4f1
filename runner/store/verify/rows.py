"""Rows, the jobs they ask for, and what batches and runs say of them."""

from __future__ import annotations

from typing import Final

from runner.store.verify.search import OF_JOB, Plan, Search, in_states
from runner.store.verify.values import Fix

# A provider's word is heard up to a week; an hour is for what happens between the answer and its being written down.
_LONGEST_WAIT_US: Final = (7 * 24 + 1) * 3_600_000_000

ROWS: Final = Plan(
    "rows",
    ("P1",),
    """
    SELECT sum(visible_row) AS rows,
        (SELECT count(*) FROM row_jobs AS e JOIN batches AS b ON b.id = e.batch AND e.row <= b.visible_row
            WHERE e.job IS NOT NULL) AS to_send,
        sum(refused) AS refused
    FROM batches
    """,
    (
        Search(
            """
            SELECT b.name AS batch, r.number + 1 AS row FROM rows AS r
            JOIN batches AS b ON b.id = r.batch AND r.number < b.visible_row
            WHERE NOT EXISTS (SELECT 1 FROM rows AS n WHERE n.batch = r.batch AND n.number = r.number + 1)
            UNION ALL SELECT name, 1 FROM batches AS b
            WHERE visible_row > 0 AND NOT EXISTS (SELECT 1 FROM rows WHERE batch = b.id AND number = 1)
            """,
            "row {row} of {batch} is missing",
            "it was read, and is gone: an export leaves it out",
            Fix.EXPORT,
        ),
        Search(
            """
            SELECT b.name AS batch, r.number AS row, o.value AS detail FROM batches AS b, json_each(b.operations) AS o
            JOIN rows AS r ON r.batch = b.id AND r.number <= b.visible_row
            LEFT JOIN row_jobs AS e ON e.batch = r.batch AND e.row = r.number AND e.operation = o.value
            WHERE e.batch IS NULL
            """,
            "row {row} of {batch} has no line for {detail}",
            "nobody knows whether it was sent, and an export leaves its columns empty",
            Fix.EXPORT,
        ),
        Search(
            """
            SELECT b.name AS batch, e.row AS row, e.job AS job, e.operation AS detail FROM row_jobs AS e
            JOIN batches AS b ON b.id = e.batch AND e.row <= b.visible_row LEFT JOIN jobs AS j ON j.id = e.job
            WHERE (e.job IS NOT NULL AND (j.id IS NULL OR j.batch <> e.batch OR j.operation <> e.operation))
                OR e.operation NOT IN (SELECT value FROM json_each(b.operations))
            """,
            "row {row} of {batch} asks {detail} by job {job}, which is missing or another's",
            "what the row was answered cannot be told",
            Fix.EXPORT,
        ),
        Search(
            f"""
            SELECT {OF_JOB} FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch AND j.id <= b.visible_job
            WHERE NOT EXISTS (SELECT 1 FROM row_jobs WHERE job = j.id)
            """,
            "job {job} of {batch} belongs to no row",
            "it may be sent and paid for, and no row would show its answer",
            Fix.EXPORT,
        ),
        Search(
            """
            SELECT name AS batch, refused AS detail FROM batches AS b WHERE refused <> (
                SELECT count(*) FROM row_jobs WHERE batch = b.id AND row <= b.visible_row AND invalid IS NOT NULL)
            """,
            "{batch} says that {detail} of its cells were refused, and holds another number of them",
            "a refused cell was lost, or one to be sent was made a refused one",
            Fix.EXPORT,
        ),
        Search(
            """
            SELECT b.name AS batch, coalesce(sum(json_extract(e.detail, '$.rows')), 0) AS detail FROM batches AS b
            LEFT JOIN events AS e ON e.batch = b.id AND e.event = 'batch.loaded' GROUP BY b.id
            HAVING coalesce(sum(json_extract(e.detail, '$.rows')), 0) <> b.visible_row
                OR coalesce(sum(json_extract(e.detail, '$.refused')), 0) <> b.refused
            """,
            "{detail} rows of {batch} are on record as read, and another number of them, or of refused ones, is here",
            "rows were lost or invented after the list was read, or the events that record its loading are gone",
            Fix.EXPORT,
        ),
    ),
)

BATCHES: Final = Plan(
    "batches",
    ("P2",),
    """
    SELECT (SELECT count(*) FROM batches) AS batches,
        (SELECT count(*) FROM batches WHERE state = 'completed') AS completed,
        (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM runs WHERE exit_code = 0) AS runs_without_failure
    """,
    (
        Search(
            in_states(
                """
            SELECT {of_job}, j.state AS detail FROM batches AS b
            JOIN jobs AS j ON j.batch = b.id AND j.state = {state} AND j.id <= b.visible_job WHERE b.state = 'completed'
            """,
                "queued",
                "running",
            ),
            "{batch} is completed, but job {job} of row {row} is {detail}",
            "the batch says that nothing waits: the row was never answered, or it was and is asked about again",
            Fix.HOLD,
        ),
        Search(
            in_states(
                """
            SELECT {of_job}, j.state AS detail, r.id AS run FROM (
                SELECT e.batch AS batch, max(r.id) AS id FROM events AS e
                JOIN runs AS r ON r.id = e.run AND r.exit_code = 0 WHERE e.event = 'batch.running' GROUP BY e.batch
            ) AS r JOIN batches AS b ON b.id = r.batch JOIN jobs AS j ON j.batch = b.id AND j.state = {state}
            JOIN attempts AS a ON a.job = j.id AND a.number = j.attempts AND a.run <= r.id
            """,
                "failed",
                "in_doubt",
            ),
            "run {run} ended with exit 0, but left job {job} of row {row} of {batch} as {detail}",
            "it said that every request ended well, and one had not",
            Fix.EXPLAIN,
        ),
        Search(
            """
            SELECT name AS batch FROM batches
            WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM runs WHERE ended_us IS NULL)
            """,
            "{batch} is running, and no run is at work",
            "a run ended without saying how the batch stands",
            Fix.RUN,
        ),
        Search(
            """
            SELECT name AS batch FROM batches
            WHERE iif(json_valid(settings), json_type(settings), '') <> 'object'
                OR iif(json_valid(source), json_type(source), '') <> 'object'
                OR iif(json_valid(mapping), json_type(mapping), '') <> 'object'
                OR iif(json_valid(params), json_type(params), '') <> 'object'
                OR iif(json_valid(header), json_type(header), '') <> 'array'
                OR iif(json_valid(operations), json_type(operations), '') <> 'array' OR typeof(name) <> 'text'
            """,
            "what {batch} was loaded with cannot be read",
            "no command can work with it: another program wrote into its line of batches",
            Fix.REPORT,
        ),
        Search(
            f"""
            SELECT {OF_JOB} FROM jobs AS j CROSS JOIN batches AS b ON b.id = j.batch AND j.id <= b.visible_job
            WHERE j.state = 'queued' AND j.due_us > {_LONGEST_WAIT_US} + max(
                (SELECT coalesce(max(at_us), 0) FROM events), (SELECT coalesce(max(closed_us), 0) FROM attempts))
            """,
            "job {job} (row {row} of {batch}) is to wait for more than a week after all that is on record",
            "no provider can ask for so long: it was set by another program, and the row waits for nothing",
            Fix.EXPLAIN,
        ),
        Search(
            "SELECT id AS run FROM runs WHERE ended_us IS NULL AND id < (SELECT max(id) FROM runs)",
            "run {run} has not ended, and a later one began",
            "two runs were at work at once, or recovery left one out",
            Fix.LOG,
        ),
    ),
)
