"""`verify`: what a database can show of the promises, checked line by line on one snapshot. Reads only.

It may run beside a run: what is on the way then is as it should be. Memory does not grow with the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId
from runner.errors import BatchError, SchemaError
from runner.store.database import Database
from runner.store.reading import read_batch
from runner.store.remains import empty_error, is_damaged_one_of_ours
from runner.store.tables import APPLICATION_ID, HEAD
from runner.store.values import BatchInfo
from runner.store.verify.attempts import ANSWERS, ATTEMPTS, CHARGES
from runner.store.verify.counts import check_job_totals, check_ledger
from runner.store.verify.file import check_integrity, check_references, check_schema
from runner.store.verify.rows import BATCHES, ROWS
from runner.store.verify.search import Plan, Search
from runner.store.verify.values import Check, Fix, Found, Violation

# What a value raises that is not of the kind that was ever written there.
_STRANGE: Final = (TypeError, ValueError, ArithmeticError, OSError, MemoryError, AttributeError)
_AT_WORK: Final = "SELECT count(*) FROM runs WHERE ended_us IS NULL"
_ON_THE_WAY: Final = "SELECT count(*) FROM attempts WHERE closed_us IS NULL"


def verify(database: Database, *, repeatable: Callable[[], Collection[str]]) -> Iterator[Check]:
    """Each check as soon as it is done; all of one snapshot.

    `repeatable` says which operations may be sent again without another charge, once the file is known. What is
    damaged so far that a check cannot read it is a violation of that check. SchemaError: not a runner database, or not
    of this version.
    """
    try:
        yield from _checked(database, repeatable)
    except SchemaError as error:
        if not isinstance(error.__cause__, Exception) or not is_damaged_one_of_ours(database.path):
            raise
        yield _damaged("integrity", error.why)


def _checked(database: Database, repeatable: Callable[[], Collection[str]]) -> Iterator[Check]:
    with database.reading() as connection:
        try:
            _known_file(connection, database)
        except sa.exc.DatabaseError as error:
            yield _unreadable("file", error)
            connection.rollback()  # a damaged file takes no COMMIT, not even of nothing
            return
        for name, check in _checks({"repeatable": json.dumps(sorted(repeatable()))}):
            try:
                yield check(connection)
            except sa.exc.DatabaseError as error:
                yield _unreadable(name, error)
            except _STRANGE as error:
                yield _strange(name, error)
        connection.rollback()


def unended(database: Database) -> tuple[int, int]:
    """Runs that have not said how they ended, and attempts that are open: at work, or cut off."""
    with database.reading() as connection:
        runs = connection.exec_driver_sql(_AT_WORK).scalar_one()
        return int(runs), int(connection.exec_driver_sql(_ON_THE_WAY).scalar_one())


def readable_batches(database: Database) -> list[BatchInfo]:
    """Every batch whose description can be read; the others are passed over."""
    found = []
    with database.reading() as connection:
        for batch in connection.exec_driver_sql("SELECT id FROM batches ORDER BY id").scalars().all():
            with suppress(*_STRANGE, BatchError, sa.exc.DatabaseError):
                found.append(read_batch(connection, BatchId(batch)))
    return found


def _known_file(connection: sa.Connection, database: Database) -> None:
    """SchemaError unless it is a runner database of this version's schema."""
    name = database.path.name
    if connection.exec_driver_sql("PRAGMA page_count").scalar_one() == 0:
        raise empty_error(database.path)
    if connection.exec_driver_sql("PRAGMA application_id").scalar_one() != APPLICATION_ID:
        raise SchemaError(f"{name} is not a runner database", why="another program made it", fix="--db ANOTHER-FILE")
    revisions = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    if len(revisions) != 1:
        raise SchemaError(
            f"{name} does not say which schema it has",
            why=f"alembic_version has one line in every file of runner; here it has {len(revisions)}",
            fix="--db BACKUP",
        )
    revision = str(revisions[0])
    if revision > HEAD:  # revisions are numbered 0001, 0002, ...
        raise SchemaError(
            f"{name} was written by a newer version of runner",
            why=f"its schema is {revision}; this version knows up to {HEAD}",
            fix="pip install --upgrade bulk-runner",
        )
    if revision < HEAD:
        raise SchemaError(
            f"{name} has an older schema",
            why=f"it is {revision}; this version checks {HEAD}",
            fix="runner db upgrade",
        )


def _checks(given: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[sa.Connection], Check]]]:
    yield "file", check_schema
    yield "integrity", check_integrity
    yield "references", check_references
    for plan in (ROWS, BATCHES, ATTEMPTS, CHARGES, ANSWERS):
        yield plan.name, partial(_search, plan=plan, given=given)
        if plan is ROWS:
            yield "requests", check_job_totals
    yield "ledger", check_ledger


def _unreadable(name: str, error: sa.exc.DatabaseError) -> Check:
    """What damage looks like: a bad page, a table that is gone, a text that is none. Anything else is raised again."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # none of them: the text is not UTF-8
    if code not in (0, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
        raise error
    return _damaged(name, str(error.orig))


def _damaged(name: str, why: str) -> Check:
    found = Found()
    found.take([Violation(f"it cannot be read: {why}", "a part of the file is damaged or gone", Fix.RESTORE)])
    return found.check(name, (), {})


def _strange(name: str, error: Exception) -> Check:
    """A check that came upon a value it can do nothing with. The words of the error may hold that value: left out."""
    found = Found()
    what = f"it could not be read to its end ({type(error).__name__})"
    found.take([Violation(what, "another program wrote something there that is never written there", Fix.REPORT)])
    return found.check(name, (), {})


def _search(connection: sa.Connection, *, plan: Plan, given: Mapping[str, Any]) -> Check:
    found = Found()
    for search in plan.searches:
        lines = connection.exec_driver_sql(search.sql, dict(given) if ":repeatable" in search.sql else {})
        found.take(_violation(search, line) for line in lines.mappings())
    figures = connection.exec_driver_sql(plan.figures).mappings().one()
    return found.check(plan.name, plan.promises, {name: figure or 0 for name, figure in figures.items()})


def _violation(search: Search, line: sa.RowMapping) -> Violation:
    numbers = {name: line.get(name) for name in ("row", "job", "attempt", "run")}
    ids = {name: number if isinstance(number, int) else None for name, number in numbers.items()}
    batch = line.get("batch")
    named = batch if isinstance(batch, str) else None
    return Violation(search.what.format_map(dict(line)), search.means, search.fix, batch=named, **ids)
