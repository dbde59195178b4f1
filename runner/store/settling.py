"""One settlement: attempt closed, answer kept, job moved, in the writer's transaction. Part of the hot path."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import UNSENT, Debited, Fault
from runner.domain.states import JobState, advance_job
from runner.engine.ports import Settlement
from runner.store.codec import kept_headers, to_json, to_text
from runner.store.sql import expect_one

_CLOSE: Final = """
UPDATE attempts SET closed_us = ?, http_status = ?, fault = ?, detail = ?, rule = ?, action = ?, debited = ?,
    amount = ?, error_code = ?, error_message = ?, provider_request_id = ?, wait_seconds = ?, spent = ?,
    resolution = ?, resolved_us = ?
WHERE id = ? AND job = ? AND closed_us IS NULL
"""
_KEEP_ANSWER: Final = "INSERT INTO answers (attempt, headers, body, truncated) VALUES (?, ?, ?, ?)"
_OWNED: Final = "run = (SELECT run FROM attempts WHERE id = ?)"
_MOVE: Final = f"""
UPDATE jobs SET state = ?, run = NULL, lease_until_us = NULL, due_us = ?, attempts_spent = attempts_spent + ?,
    requests = requests - ?, debits = debits + ?, unknowns = unknowns - ?, amount = amount + ?,
    possible_double_charge = possible_double_charge | ?, reason = ?, final = ?, found = ?, result = ?,
    http_status = ?, error_code = ?, error_message = ?, finished_us = ?
WHERE id = ? AND state = 'running' AND {_OWNED}
"""
_WITHDRAW: Final = f"""
UPDATE jobs SET state = ?, run = NULL, lease_until_us = NULL, due_us = ?, attempts_spent = attempts_spent + ?,
    requests = requests - 1, unknowns = unknowns - 1
WHERE id = ? AND state = 'running' AND {_OWNED}
"""


def settle(connection: sa.Connection, *, settlement: Settlement) -> None:
    """Everything one answer changes. StoreError unless the attempt is open and its job running under its run."""
    answer, s = settlement.answer, settlement
    resent = s.released_from_doubt and s.debited is Debited.UNKNOWN
    code, message = to_text(s.error_code), to_text(s.error_message)
    closed = connection.exec_driver_sql(
        _CLOSE,
        (
            s.closed_us,
            answer.status,
            answer.fault,
            to_text(answer.detail) or None,
            s.rule,
            s.action,
            s.debited,
            0 if s.debited is Debited.NO else s.amount,
            code,
            message,
            to_text(s.provider_request_id),
            s.wait_seconds,
            s.spent,
            "resend" if resent else None,
            s.closed_us if resent else None,
            s.attempt,
            s.job,
        ),
    )
    expect_one(closed, f"attempt {s.attempt} of job {s.job} cannot be closed")
    connection.exec_driver_sql(
        _KEEP_ANSWER, (s.attempt, kept_headers(answer.headers), bytes(answer.body), answer.truncated)
    )
    state = advance_job(JobState.RUNNING, s.event)
    if answer.fault is Fault.WITHDRAWN:
        # Nothing was learnt about the job: what its last real answer said stays.
        moved = connection.exec_driver_sql(_WITHDRAW, (state, s.due_us, s.spent, s.job, s.attempt))
    else:
        moved = connection.exec_driver_sql(_MOVE, _moved(s, state, code, message))
    expect_one(moved, f"job {s.job} cannot {s.event}")


def _moved(s: Settlement, state: JobState, code: str | None, message: str | None) -> tuple[Any, ...]:
    """The values of `_MOVE`: the job's counters follow the attempt's standing, its outcome the verdict."""
    charged = s.debited is Debited.YES
    outcome = s.outcome
    return (
        state,
        s.due_us,
        s.spent,
        s.answer.fault in UNSENT,
        charged,
        s.debited is not Debited.UNKNOWN,
        s.amount if charged else 0,
        s.released_from_doubt,
        outcome.reason if outcome else s.rule,
        outcome.final if outcome else None,
        outcome.found if outcome else None,
        to_json(outcome.columns) if outcome else None,
        s.answer.status,
        code,
        message,
        None if state is JobState.QUEUED else s.closed_us,
        s.job,
        s.attempt,
    )
