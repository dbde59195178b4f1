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
    unused: tuple[Line, ...]  # damaged, or about a request that is not here, or on which somebody decided meanwhile
    strangers: tuple[Line, ...]  # those of them that were paid for with another state of the database, or another one


def put_back(connection: sa.Connection, lines: Sequence[Line], *, now_us: int) -> PutBack:
    """Inside the caller's transaction, before open attempts are declared in doubt. Done twice it changes nothing."""
    answers: Counter[int] = Counter()
    unused: list[Line] = []
    useless: Counter[int | None] = Counter()
    unknown = strangers(connection, lines)
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
                    useless[None if attempt is None else attempt.batch] += 1
            case Withdrawn() as withdrawn:
                for found in connection.exec_driver_sql(_UNSENT, (withdrawn.client_request_id,)).all():
                    _settle(connection, _withdrawal(found, withdrawn))
            case None:
                unused.append(line)
                useless[None] += 1
    for batch, count in answers.items():
        write_event(connection, "answers.recovered", at_us=now_us, batch=batch, detail={"answers": count})
    for of, count in () if unknown else useless.items():  # where they are not set aside, they come again
        detail = {"lines": count, "file": unused[0].file.name}
        write_event(connection, "answers.aside", at_us=now_us, batch=of, detail=detail)
    return PutBack(answers=answers, unused=tuple(unused), strangers=unknown)


def strangers(connection: sa.Connection, lines: Sequence[Line]) -> tuple[Line, ...]:
    """Answers to requests that this database does not know. An opening that is kept, too, was perhaps never committed:
    what came of it is no answer."""
    unsent = {line.kept.client_request_id for line in lines if isinstance(line.kept, Withdrawn)}
    return tuple(
        line
        for line in lines
        if isinstance(line.kept, Settlement)
        and line.kept.client_request_id not in unsent
        and connection.exec_driver_sql(_ATTEMPT, (line.kept.attempt, line.kept.client_request_id)).first() is None
    )


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
