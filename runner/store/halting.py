"""A run that a full disk ended, on record where there is room for it: what was set aside for answers has some left."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import sqlalchemy as sa

from runner.domain.model import RunId
from runner.domain.states import BatchEvent, BatchState
from runner.errors import StoreError
from runner.store.database import Database
from runner.store.putback import PutBack, put_back
from runner.store.recovery import RELEASE
from runner.store.spill import Spill
from runner.store.sql import batch_may, write_event
from runner.store.steering import END_RUN

_OPEN: Final = "SELECT 1 FROM attempts WHERE closed_us IS NULL LIMIT 1"
_HALT: Final = f"""
UPDATE batches SET state = 'halted', reason = :reason, resume_at_us = NULL, touched_us = :now
WHERE state = 'running' AND {batch_may(BatchEvent.HALT)} RETURNING id
"""


class _OpenError(Exception):
    """A request has no answer, or an answer no request: a matter of recovery."""


def halt_run(database: Database, run: RunId, *, reason: str, exit_code: int, now_us: int) -> bool:
    """End a run whose requests are all over, and halt its batches; the caller still holds the database lock.

    In one transaction with what else the next run would find: answers that were kept beside the database are put into
    it, and what was claimed is queued again. False: there is no room for it, or an answer could be kept nowhere, which
    is a matter of recovery: nothing is changed.
    """
    spill = Spill(database.path)
    try:
        lines = spill.read()
        with database.write_now() as connection:
            back = put_back(connection, lines, now_us=now_us)
            _halt(connection, run, back, reason=reason, now_us=now_us)
            connection.exec_driver_sql(END_RUN, (now_us, exit_code, run))
    except (StoreError, _OpenError):
        return False
    with suppress(StoreError):  # lines that are left lying do nothing when they are put back once more
        spill.done(lines, back.unused)
    return True


def _halt(connection: sa.Connection, run: RunId, back: PutBack, *, reason: str, now_us: int) -> None:
    if back.strangers or connection.exec_driver_sql(_OPEN).first():
        raise _OpenError
    connection.exec_driver_sql(RELEASE)
    for batch in connection.exec_driver_sql(_HALT, {"reason": reason, "now": now_us}).scalars().all():
        detail = {"reason": reason}
        write_event(connection, f"batch.{BatchState.HALTED}", at_us=now_us, run=run, batch=batch, detail=detail)
