"""Settlements: attempt closed, answer kept, job moved, in the writer's transaction. Part of the hot path."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import UNSENT, Debited, Fault
from runner.domain.states import JobState, advance_job
from runner.engine.ports import Settlement
from runner.store.codec import kept_headers, plain, to_json, to_text
from runner.store.requeue import take_back
from runner.store.sql import expect, run_lines, values, write_event
from runner.store.values import Removed

_OWNED: Final = "jobs.run = (SELECT run FROM attempts WHERE attempts.id = new.column2)"


@lru_cache(maxsize=16)
def _close_sql(lines: int) -> str:
    return f"""
    UPDATE attempts SET closed_us = new.column3, http_status = new.column4, fault = new.column5,
        detail = nullif(new.column6, ''),
        rule = new.column7, action = new.column8, debited = new.column9, amount = new.column10,
        error_code = new.column11, error_message = new.column12, provider_request_id = new.column13,
        wait_seconds = new.column14, spent = new.column15,
        resolution = iif(new.column16, 'resend', NULL), resolved_us = iif(new.column16, new.column3, NULL),
        balance = new.column17
    FROM ({values(lines, 17)}) AS new
    WHERE attempts.job = new.column1 AND attempts.id = new.column2 AND attempts.closed_us IS NULL
    """


@lru_cache(maxsize=16)
def _keep_sql(lines: int) -> str:
    return f"INSERT INTO answers (attempt, headers, body, truncated, removed) {values(lines, 5)}"


@lru_cache(maxsize=16)
def _move_sql(lines: int) -> str:
    return f"""
    UPDATE jobs SET state = new.column3, run = NULL, lease_until_us = NULL, due_us = new.column4,
        attempts_spent = attempts_spent + new.column5, requests = requests - new.column6,
        debits = debits + new.column7, unknowns = unknowns - new.column8, amount = amount + new.column9,
        possible_double_charge = possible_double_charge | new.column10, reason = new.column11, final = new.column12,
        found = new.column13, result = new.column14, http_status = new.column15, error_code = new.column16,
        error_message = new.column17, finished_us = new.column18
    FROM ({values(lines, 18)}) AS new
    WHERE jobs.id = new.column1 AND jobs.state = 'running' AND {_OWNED}
    """


@lru_cache(maxsize=16)
def _withdraw_sql(lines: int) -> str:
    return f"""
    UPDATE jobs SET state = new.column3, run = NULL, lease_until_us = NULL, due_us = new.column4,
        attempts_spent = attempts_spent + new.column5, requests = requests - 1, unknowns = unknowns - 1
    FROM ({values(lines, 5)}) AS new
    WHERE jobs.id = new.column1 AND jobs.state = 'running' AND {_OWNED}
    """


def settle_all(connection: sa.Connection, settlements: Sequence[Settlement]) -> list[None]:
    """Everything the answers change. StoreError, and nothing is changed, unless every attempt is open and its job
    running under its run."""
    named = f"attempt {settlements[0].attempt} of job {settlements[0].job}"
    closed = run_lines(connection, _close_sql, [_closed(one) for one in settlements])
    expect(closed, len(settlements), f"{named} cannot be closed")
    run_lines(connection, _keep_sql, [_kept(one) for one in settlements])
    # A withdrawn attempt taught nothing about its job: what its last real answer said stays.
    withdrawn = [one for one in settlements if one.answer.fault is Fault.WITHDRAWN]
    if withdrawn:
        released = [(one.job, one.attempt, plain(_target(one)), one.due_us, int(one.spent)) for one in withdrawn]
        moved = run_lines(connection, _withdraw_sql, released)
        expect(moved, len(withdrawn), f"the job of {named} cannot be released")
    answered = [one for one in settlements if one.answer.fault is not Fault.WITHDRAWN]
    if answered:
        moved = run_lines(connection, _move_sql, [_moved(one) for one in answered])
        expect(moved, len(answered), f"the job of {named} cannot be moved")
    for one in settlements:
        if one.requeue:
            count = take_back(connection, one.requeue, now_us=one.closed_us)
            detail = {"rule": one.rule, "jobs": count}
            batch = connection.exec_driver_sql("SELECT batch FROM jobs WHERE id = ?", (one.job,)).scalar_one()
            write_event(connection, "streak.requeued", at_us=one.closed_us, batch=batch, detail=detail)
    return [None] * len(settlements)


def _target(s: Settlement) -> JobState:
    return advance_job(JobState.RUNNING, s.event)


def _closed(s: Settlement) -> tuple[Any, ...]:
    answer = s.answer
    resent = s.released_from_doubt and s.debited is Debited.UNKNOWN
    return (
        s.job,
        s.attempt,
        s.closed_us,
        answer.status,
        plain(answer.fault),
        to_text(answer.detail),
        s.rule,
        plain(s.action),
        plain(s.debited),
        0 if s.debited is Debited.NO else s.amount,
        to_text(s.error_code),
        to_text(s.error_message),
        to_text(s.provider_request_id),
        s.wait_seconds,
        int(s.spent),
        int(resent),
        s.balance,
    )


def _kept(s: Settlement) -> tuple[Any, ...]:
    removed = plain(Removed.FIELDS) if s.stripped else None
    return s.attempt, kept_headers(s.answer.headers), bytearray(s.answer.body), int(s.answer.truncated), removed


def _moved(s: Settlement) -> tuple[Any, ...]:
    """The line of `_move_sql`: the job's counters follow the attempt's standing, its outcome the verdict."""
    state = _target(s)
    charged = s.debited is Debited.YES
    outcome = s.outcome
    return (
        s.job,
        s.attempt,
        plain(state),
        s.due_us,
        int(s.spent),
        int(s.answer.fault in UNSENT),
        int(charged),
        int(s.debited is not Debited.UNKNOWN),
        s.amount if charged else 0,
        int(s.released_from_doubt),
        outcome.reason if outcome else s.rule,
        int(outcome.final) if outcome else None,
        outcome.found if outcome else None,
        to_json(outcome.columns) if outcome else None,
        s.answer.status,
        to_text(s.error_code),
        to_text(s.error_message),
        None if state is JobState.QUEUED else s.closed_us,
    )
