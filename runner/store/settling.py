"""Settlements: attempt closed, answer kept, job moved, in the writer's transaction. Part of the hot path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import UNSENT, Debited, Fault
from runner.domain.states import JobState, advance_job
from runner.engine.ports import Settlement
from runner.store.codec import kept_headers, to_json, to_text
from runner.store.sql import expect

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


def settle_all(connection: sa.Connection, settlements: Sequence[Settlement]) -> list[None]:
    """Everything the answers change. StoreError, and nothing is changed, unless every attempt is open and its job
    running under its run."""
    named = f"attempt {settlements[0].attempt} of job {settlements[0].job}"
    closed = connection.exec_driver_sql(_CLOSE, [_closed(one) for one in settlements])
    expect(closed, len(settlements), f"{named} cannot be closed")
    connection.exec_driver_sql(_KEEP_ANSWER, [_kept(one) for one in settlements])
    # A withdrawn attempt taught nothing about its job: what its last real answer said stays.
    withdrawn = [one for one in settlements if one.answer.fault is Fault.WITHDRAWN]
    if withdrawn:
        lines = [(_target(one), one.due_us, one.spent, one.job, one.attempt) for one in withdrawn]
        expect(connection.exec_driver_sql(_WITHDRAW, lines), len(lines), f"the job of {named} cannot be released")
    answered = [one for one in settlements if one.answer.fault is not Fault.WITHDRAWN]
    if answered:
        lines = [_moved(one) for one in answered]
        expect(connection.exec_driver_sql(_MOVE, lines), len(lines), f"the job of {named} cannot be moved")
    return [None] * len(settlements)


def _target(s: Settlement) -> JobState:
    return advance_job(JobState.RUNNING, s.event)


def _closed(s: Settlement) -> tuple[Any, ...]:
    answer = s.answer
    resent = s.released_from_doubt and s.debited is Debited.UNKNOWN
    return (
        s.closed_us,
        answer.status,
        answer.fault,
        to_text(answer.detail) or None,
        s.rule,
        s.action,
        s.debited,
        0 if s.debited is Debited.NO else s.amount,
        to_text(s.error_code),
        to_text(s.error_message),
        to_text(s.provider_request_id),
        s.wait_seconds,
        s.spent,
        "resend" if resent else None,
        s.closed_us if resent else None,
        s.attempt,
        s.job,
    )


def _kept(s: Settlement) -> tuple[Any, ...]:
    return s.attempt, kept_headers(s.answer.headers), bytes(s.answer.body), s.answer.truncated


def _moved(s: Settlement) -> tuple[Any, ...]:
    """The values of `_MOVE`: the job's counters follow the attempt's standing, its outcome the verdict."""
    state = _target(s)
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
        to_text(s.error_code),
        to_text(s.error_message),
        None if state is JobState.QUEUED else s.closed_us,
        s.job,
        s.attempt,
    )
