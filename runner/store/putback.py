"""Answers that an earlier run could not store are put where they belong, as if they had been settled in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import AttemptId, BatchId, JobId
from runner.engine.ports import Settlement
from runner.errors import StoreError
from runner.store.kept import Withdrawn
from runner.store.settling import settle_all
from runner.store.spill import Line
from runner.store.sql import write_event
from runner.store.values import Recovered

_ATTEMPT: Final = "SELECT batch, closed_us FROM attempts WHERE id = ? AND client_request_id = ?"
_UNSENT: Final = "SELECT id, job, opened_us FROM attempts WHERE client_request_id = ? AND closed_us IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """What became of the lines."""

    answers: Counter[int]  # by batch: stored now
    unused: tuple[Line, ...]  # damaged, of another database, or about a request on which somebody decided meanwhile


def put_back(connection: sa.Connection, lines: Sequence[Line], *, now_us: int) -> PutBack:
    """Inside the caller's transaction, before open attempts are declared in doubt. Done twice it changes nothing."""
    answers: Counter[int] = Counter()
    unused: list[Line] = []
    for line in lines:
        match line.kept:
            case Settlement() as settlement:
                attempt = connection.exec_driver_sql(
                    _ATTEMPT, (settlement.attempt, settlement.client_request_id)
                ).first()
                if attempt is not None and attempt.closed_us is None and _settle(connection, settlement):
                    answers[attempt.batch] += 1
                elif attempt is None or attempt.closed_us != settlement.closed_us:
                    unused.append(line)  # if it was closed then, this is what it was closed with
            case Withdrawn() as withdrawn:
                for found in connection.exec_driver_sql(_UNSENT, (withdrawn.client_request_id,)).all():
                    _settle(connection, _withdrawal(found, withdrawn))
            case None:
                unused.append(line)
    for batch, count in answers.items():
        write_event(connection, "answers.recovered", at_us=now_us, batch=batch, detail={"answers": count})
    if unused:
        detail = {"lines": len(unused), "file": unused[0].file.name}
        write_event(connection, "answers.aside", at_us=now_us, detail=detail)
    return PutBack(answers=answers, unused=tuple(unused))


def with_answers(connection: sa.Connection, found: Sequence[Recovered], answers: Mapping[int, int]) -> list[Recovered]:
    """What recovery did, batch by batch, with the answers that came back before it."""
    told = [replace(one, answers=answers.get(one.batch, 0)) for one in found]
    others = sorted(answers.keys() - {one.batch for one in found})
    for batch in others:
        name = connection.exec_driver_sql("SELECT name FROM batches WHERE id = ?", (batch,)).scalar_one()
        told.append(
            Recovered(batch=BatchId(batch), name=name, doubts=0, released=0, poisoned=0, answers=answers[batch])
        )
    return told


def _settle(connection: sa.Connection, settlement: Settlement) -> bool:
    """False: the database refuses it, as it did before."""
    savepoint = connection.begin_nested()
    try:
        settle_all(connection, [settlement])
    except (StoreError, sa.exc.IntegrityError, OverflowError):
        savepoint.rollback()
        return False
    savepoint.commit()
    return True


def _withdrawal(attempt: sa.Row[Any], withdrawn: Withdrawn) -> Settlement:
    return Settlement.withdrawn(
        attempt=AttemptId(attempt.id),
        client_request_id=withdrawn.client_request_id,
        job=JobId(attempt.job),
        closed_us=attempt.opened_us,
    )
