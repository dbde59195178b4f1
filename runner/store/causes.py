"""Why rows have no answer: failed requests by rule, refused cells by reason, what is in doubt; each with examples.

Streamed from the partial indexes of what went wrong: memory grows with the number of rules, not of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import BatchId
from runner.store.values import BatchInfo

EXAMPLES: Final = 3
"""Of each cause: enough to see what it is about."""

TEXT: Final = 400
"""Characters of a text from outside: more says nothing new."""

_FAILED: Final = """
SELECT id, operation, coalesce(reason, '') AS reason, final, debits > 0 AS charged,
    debits = 0 AND unknowns > 0 AS perhaps
FROM jobs WHERE batch = ? AND state = 'failed'
"""
_IN_DOUBT: Final = "SELECT id, operation FROM jobs WHERE batch = ? AND state = 'in_doubt'"
_REFUSED: Final = f"""
SELECT operation, invalid, row, substr(coalesce(value, ''), 1, {TEXT}) AS value
FROM row_jobs WHERE batch = ? AND invalid IS NOT NULL AND row <= ?
"""
_LINE: Final = "SELECT line FROM rows WHERE batch = ? AND number = ?"
_EXAMPLE: Final = f"""
SELECT j.operation, substr(j.value, 1, {TEXT}) AS value, j.http_status, substr(j.error_code, 1, {TEXT}) AS code,
    substr(j.error_message, 1, {TEXT}) AS message, r.number AS row, r.line,
    (SELECT max(opened_us) FROM attempts WHERE job = j.id) AS sent_us
FROM jobs AS j
JOIN row_jobs AS e ON e.job = j.id AND e.row = (SELECT min(row) FROM row_jobs WHERE job = j.id)
JOIN rows AS r ON r.batch = e.batch AND r.number = e.row
WHERE j.id = ? LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of many. `value` and the provider's words are as they are stored: shorten them before they are shown."""

    row: int
    line: int | None
    value: str
    http_status: int | None = None
    code: str | None = None
    message: str | None = None
    sent_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """The requests of one operation that failed for one reason."""

    operation: str
    reason: str  # a rule's name, as `retry --only failed:RULE` takes it
    jobs: int
    open: int  # not final: the same command tries them again
    charged: int  # for certain
    perhaps: int  # charged, and nobody knows
    examples: tuple[Example, ...]  # the first ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """The cells of one operation that were refused for one reason."""

    operation: str
    why: str  # "email", "empty"
    cells: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """The requests of one operation that nobody knows the charge of."""

    operation: str
    jobs: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """The most frequent first."""

    failures: tuple[Failures, ...]
    refusals: tuple[Refusals, ...]
    doubts: tuple[InDoubt, ...]


def read_causes(connection: sa.Connection, info: BatchInfo) -> Causes:
    """All of them."""
    return Causes(
        failures=_most_first(_failures(connection, info.id)),
        refusals=_most_first(_refusals(connection, info)) if info.refused else (),
        doubts=_most_first(_doubts(connection, info.id)),
    )


def _most_first(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(found, key=lambda one: -(one.cells if isinstance(one, Refusals) else one.jobs)))


class _Group:
    """What is counted of one cause."""

    def __init__(self) -> None:
        self.many = self.open = self.charged = self.perhaps = 0
        self.first: list[Any] = []  # whatever finds an example

    def count(self, found: Any) -> None:
        self.many += 1
        if len(self.first) < EXAMPLES:
            self.first.append(found)


def _failures(connection: sa.Connection, batch: BatchId) -> Iterator[Failures]:
    groups: dict[tuple[str, str], _Group] = {}
    for line in connection.exec_driver_sql(_FAILED, (batch,)):
        group = groups.setdefault((line.operation, line.reason), _Group())
        group.count(line.id)
        group.open += not line.final
        group.charged += line.charged
        group.perhaps += line.perhaps
    for (operation, reason), group in groups.items():
        yield Failures(
            operation=operation,
            reason=reason,
            jobs=group.many,
            open=group.open,
            charged=group.charged,
            perhaps=group.perhaps,
            examples=_examples(connection, group.first),
        )


def _doubts(connection: sa.Connection, batch: BatchId) -> Iterator[InDoubt]:
    groups: dict[str, _Group] = {}
    for line in connection.exec_driver_sql(_IN_DOUBT, (batch,)):
        groups.setdefault(line.operation, _Group()).count(line.id)
    for operation, group in groups.items():
        yield InDoubt(operation=operation, jobs=group.many, examples=_examples(connection, group.first))


def _refusals(connection: sa.Connection, info: BatchInfo) -> Iterator[Refusals]:
    groups: dict[tuple[str, str], _Group] = {}
    for line in connection.exec_driver_sql(_REFUSED, (info.id, info.rows)):
        groups.setdefault((line.operation, line.invalid), _Group()).count((line.row, line.value))
    for (operation, why), group in groups.items():
        examples = tuple(
            Example(row=row, line=connection.exec_driver_sql(_LINE, (info.id, row)).scalar(), value=value)
            for row, value in group.first
        )
        yield Refusals(operation=operation, why=why, cells=group.many, examples=examples)


def _examples(connection: sa.Connection, jobs: Iterable[int]) -> tuple[Example, ...]:
    found = (connection.exec_driver_sql(_EXAMPLE, (job,)).first() for job in jobs)
    return tuple(
        Example(
            row=line.row,
            line=line.line,
            value=line.value,
            http_status=line.http_status,
            code=line.code,
            message=line.message,
            sent_us=line.sent_us,
        )
        for line in found
        if line is not None
    )
