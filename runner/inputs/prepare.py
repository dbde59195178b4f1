"""From a row's cells to a job of one operation: its key and what is sent, or why it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from runner.domain.file_value import most_bytes
from runner.domain.provider import Input, InputKind, Operation
from runner.domain.quick import quick
from runner.errors import InputError
from runner.inputs.cell import EMPTY, NO_COUNTRY, Accepted, Checker, Refused
from runner.inputs.check import HERE, checker, given_checker
from runner.inputs.national import PhoneSummary


class Prepared(NamedTuple):
    """A job to be: rows with an equal key share it."""

    key: str
    params: Mapping[str, str]  # what is sent, by parameter: the row's own; those set for the whole batch are not in it
    value: str  # what `v_outcomes.value` shows: the first of them in the profile's order; a file by its path


def job_key(accepted: Mapping[str, Accepted]) -> str:
    """What makes two rows the same job of an operation, from its accepted parameters in the profile's order.

    One parameter: its own key. Several: a JSON array of names and keys, so that no two combinations look alike.
    Parameters set for the whole batch belong to the batch, not here; a mapped optional one belongs here.
    """
    if len(accepted) == 1:
        (only,) = accepted.values()
        if not only.key.startswith("["):  # else it could pass for an array
            return only.key
    return json.dumps([[name, value.key] for name, value in accepted.items()], ensure_ascii=False)


def preparer(
    operation: Operation,
    columns: Mapping[str, int],
    *,
    region: str | None = None,
    region_column: int | None = None,
    phones: PhoneSummary | None = None,
    folder: Path = HERE,
    national: bool = False,
) -> Callable[[Sequence[str]], Prepared | Refused]:
    """A function from a row's cells to its job.

    `columns` is `ColumnMap.of(operation.key)` and `region_column` its `regions.get(operation.key)`. The first parameter
    that is refused refuses the row; a blank optional one is left out. Every phone is counted in `phones`; `folder` is
    where the list's files are. `national`: phones of digits alone, where no region is known, are of a country that
    nobody named: they are refused, and not counted.
    Raises InputError if `region` is not a country.
    """
    inputs = [each for each in operation.inputs if each.name in columns]
    if not inputs:
        raise InputError(
            f"no column feeds {operation.key}",
            why="All its parameters are set for the whole list: every row would be the same request.",
            fix="--map PARAM=COLUMN",
        )

    def check_of(parameter: Input) -> Checker:
        check = checker(parameter, region=region, folder=folder)
        return _never_bare(check) if national else check

    if len(inputs) == 1:
        (only,) = inputs
        return _of_one(
            only.name,
            columns[only.name],
            check_of(only),
            region_column,
            phones.add if phones is not None and only.kind is InputKind.PHONE else None,
        )
    steps = [
        (
            each.name,
            columns[each.name],
            check_of(each),
            each.required,
            phones.add if phones is not None and each.kind is InputKind.PHONE else None,
        )
        for each in inputs
    ]

    def prepare(cells: Sequence[str]) -> Prepared | Refused:
        own_region = None if region_column is None else cells[region_column]
        accepted: dict[str, Accepted] = {}
        for name, column, check, required, count in steps:
            result = check(cells[column], own_region)
            if count is not None:
                count(result)
            if isinstance(result, Accepted):
                accepted[name] = result
            elif required or result is not EMPTY:
                return result
        if not accepted:  # nothing but optional parameters, all of them blank
            return EMPTY
        params = {name: result.sent for name, result in accepted.items()}
        first = next(iter(accepted.values()))
        return Prepared(job_key(accepted), params, first.sent if first.shown is None else first.shown)

    return prepare


def _never_bare(check: Checker) -> Checker:
    def strict(cell: str, region: str | None) -> Accepted | Refused:
        result = check(cell, region)
        return NO_COUNTRY if result.bare else result

    return strict


def _of_one(
    name: str,
    column: int,
    check: Checker,
    region_column: int | None,
    count: Callable[[Accepted | Refused], None] | None,
) -> Callable[[Sequence[str]], Prepared | Refused]:
    """As `prepare` of `preparer`, for the one parameter that most operations have: a third of its time."""

    def prepare(cells: Sequence[str]) -> Prepared | Refused:
        result = check(cells[column], None if region_column is None else cells[region_column])
        if count is not None:
            count(result)
        if isinstance(result, Refused):
            return result
        key, sent, _, shown = result
        if key.startswith("["):
            key = job_key({name: result})
        return quick(Prepared, (key, {name: sent}, sent if shown is None else shown))

    return prepare


def check_given(
    operation: Operation, given: Mapping[str, str], *, region: str | None = None, folder: Path = HERE
) -> dict[str, str]:
    """`--set PARAM=VALUE` for one operation: what is sent, by parameter; those it does not have are left out.

    A relative path of a file starts at `folder`. Raises InputError if a value is refused.
    """
    sent = {}
    for each in operation.inputs:
        if each.name in given:
            result = given_checker(each, region=region, folder=folder)(given[each.name], None)
            if isinstance(result, Refused):
                raise InputError(
                    f"the value set for {each.name} of {operation.key} is refused: {result.why}",
                    why=f"it must be {_allowed(each)}",
                    fix=f"--set {each.name}={each.of[0] if each.of else 'VALUE'}",
                )
            sent[each.name] = result.sent
    return sent


def _allowed(parameter: Input) -> str:
    """What a value may be, for people."""
    if parameter.of:
        return f"one of {', '.join(parameter.of)}"
    if parameter.kind is InputKind.FILE:
        return f"the path of a file of 1 to {most_bytes(parameter):,} bytes"
    return f"a {parameter.kind}" + (f" at most {parameter.max} long" if parameter.max else "")
