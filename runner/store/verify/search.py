"""Checks that SQL can put alone: each searches for lines that cannot be, in the order of an index or of the table.

A search yields the columns batch, row, job, attempt, run, detail, or some of them. None may sort or group more than it
reads in order: the file may hold ten million rows, and memory stays as it is. `CROSS JOIN` is a join whose left side is
read first, in the order it lies in: by an index on its batch a long list would be read at random.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from runner.store.verify.values import Fix


class Search(NamedTuple):
    """A question whose every answer is a violation."""

    sql: str
    what: str  # the columns by name in braces
    means: str
    fix: Fix


class Plan(NamedTuple):
    """One line of the report: what is counted to say what was looked at, and what is searched for."""

    name: str
    promises: tuple[str, ...]
    figures: str
    searches: tuple[Search, ...]


ROW_OF: Final = "(SELECT min(row) FROM row_jobs WHERE job = {job}) AS row"
OF_JOB: Final = f"b.name AS batch, j.id AS job, {ROW_OF.format(job='j.id')}"
OF_ATTEMPT: Final = f"b.name AS batch, a.id AS attempt, a.job AS job, {ROW_OF.format(job='a.job')}"
# The operations that may be repeated without another charge, as one JSON list.
NOT_REPEATABLE: Final = "operation NOT IN (SELECT value FROM json_each(:repeatable))"


def in_states(select: str, *states: str) -> str:
    """One arm for each state: an index on the jobs in one state serves a question for that state alone."""
    return " UNION ALL ".join(select.format(of_job=OF_JOB, state=f"'{state}'") for state in states)
