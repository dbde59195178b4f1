"""What must hold in the file itself at any moment, as SQL that finds nothing."""

from __future__ import annotations

from typing import Final

_JOBS = """
SELECT j.batch, j.operation, j.state, count(*) AS jobs FROM jobs AS j JOIN batches AS b ON b.id = j.batch
WHERE j.id <= b.visible_job GROUP BY j.batch, j.operation, j.state
"""
_KEPT_JOBS = "SELECT batch, operation, state, jobs FROM job_totals WHERE jobs > 0"
_LEDGER = """
SELECT batch, provider, operation, unit, opened_us / 86400000000 AS day, standing,
    sum(iif(standing = 'held', 1, sent)) AS requests,
    sum(CASE standing WHEN 'held' THEN held WHEN 'released' THEN 0 ELSE amount END) AS amount
FROM attempts GROUP BY batch, provider, operation, unit, day, standing HAVING requests <> 0 OR amount <> 0
"""
_KEPT_LEDGER = """
SELECT batch, provider, operation, unit, day, standing, requests, amount FROM attempt_totals
WHERE requests <> 0 OR amount <> 0
"""


def _differs(left: str, right: str) -> str:
    return f"SELECT * FROM ({left} EXCEPT {right}) UNION ALL SELECT * FROM ({right} EXCEPT {left})"


INVARIANTS: Final[dict[str, str]] = {
    "P1 states sum": _differs(_JOBS, _KEPT_JOBS),
    "P8 the ledger sums": _differs(_LEDGER, _KEPT_LEDGER),
    "P8 a job's counters are its attempts'": """
        SELECT j.id, j.attempts, j.requests, j.debits, j.unknowns, j.amount, count(a.id), sum(a.sent)
        FROM jobs AS j LEFT JOIN attempts AS a ON a.job = j.id GROUP BY j.id
        HAVING j.attempts <> count(a.id) OR j.requests <> coalesce(sum(a.sent), 0)
        OR j.debits <> coalesce(sum(a.standing = 'debited'), 0)
        OR j.unknowns <> coalesce(sum(a.standing IN ('in_doubt', 'held')), 0)
        OR j.amount <> coalesce(sum(iif(a.standing = 'debited', a.amount, 0)), 0)
    """,
    "P7 an open attempt has a running job": """
        SELECT a.id, j.id, j.state FROM attempts AS a JOIN jobs AS j ON j.id = a.job
        WHERE a.closed_us IS NULL AND (j.state <> 'running' OR j.run <> a.run)
    """,
    "P9 a success is its job's last word": """
        SELECT a.id, j.id, j.state FROM attempts AS a JOIN jobs AS j ON j.id = a.job
        WHERE a.action = 'succeed' AND a.closed_us IS NOT NULL AND (j.state <> 'succeeded' OR j.attempts <> a.number)
    """,
    "P9 a job that succeeded was answered": """
        SELECT j.id FROM jobs AS j WHERE j.state = 'succeeded'
        AND NOT EXISTS (SELECT 1 FROM attempts AS a WHERE a.job = j.id AND a.action = 'succeed')
    """,
    "P7 what is in doubt has a doubt": """
        SELECT j.id FROM jobs AS j WHERE j.state = 'in_doubt' AND NOT EXISTS
        (SELECT 1 FROM attempts AS a WHERE a.job = j.id AND a.debited = 'unknown' AND a.resolution IS NULL)
    """,
    "P6 what was answered has its bytes": """
        SELECT a.id FROM attempts AS a LEFT JOIN answers AS n ON n.attempt = a.id
        WHERE a.http_status IS NOT NULL AND n.attempt IS NULL
    """,
    "P8 what a person calls charged is over": """
        SELECT j.id, j.reason, j.final FROM attempts AS a JOIN jobs AS j ON j.id = a.job AND j.attempts = a.number
        WHERE a.resolution = 'charged' AND j.state = 'failed' AND j.final IS NOT 1
    """,
    "P13 what was spent is counted": """
        SELECT j.id, j.attempts_spent, sum(a.spent) FROM jobs AS j JOIN attempts AS a ON a.job = j.id
        WHERE j.batch NOT IN (SELECT e.batch FROM events AS e WHERE e.batch IS NOT NULL AND e.event IN
        ('jobs.retried', 'jobs.requeued', 'doubts.resolved', 'doubts.released', 'streak.requeued'))
        GROUP BY j.id HAVING j.attempts_spent <> coalesce(sum(a.spent), 0)
    """,
    "P18 a job at three crashes is poison": """
        SELECT j.id, j.state, j.crashes FROM jobs AS j WHERE j.crashes >= 3 AND NOT (j.state = 'failed' AND j.final)
        AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.batch = j.batch AND e.event = 'jobs.retried')
    """,
    "P15 who halted is not failed for it": """
        SELECT j.id, j.reason FROM jobs AS j JOIN attempts AS a ON a.job = j.id AND a.number = j.attempts
        WHERE j.state = 'failed' AND a.action = 'halt' AND j.reason = a.rule
    """,
}
"""By promise. Each finds what breaks it."""

AT_REST: Final[dict[str, str]] = {
    "P1 nothing is claimed when nobody works": "SELECT id, state, run FROM jobs WHERE state = 'running'",
    "P7 nothing is open when nobody works": "SELECT id FROM attempts WHERE closed_us IS NULL",
    "P2 complete is complete": """
        SELECT j.id, j.state FROM jobs AS j JOIN batches AS b ON b.id = j.batch
        WHERE b.state = 'completed' AND j.state IN ('queued', 'running') AND j.id <= b.visible_job
    """,
    "P2 nothing is at work when nobody works": "SELECT id, name FROM batches WHERE state = 'running'",
}
"""When a run ended in order."""
