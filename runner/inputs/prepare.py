"""From a row's cells to a job of one operation: its key and what is sent, or why it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from runner.domain.provider import Operation
from runner.inputs.cell import Accepted, Refused


class Prepared(NamedTuple):
    """A job to be: rows with an equal key share it."""

    key: str
    params: Mapping[str, str]  # what is sent, by parameter: the row's own; those set for the whole batch are not in it
    value: str  # what `v_outcomes.value` shows: the first input as it is sent
    bare: bool = False  # as in `Accepted`


def job_key(operation: Operation, accepted: Mapping[str, Accepted]) -> str:
    """The job's key from its parameters' keys: the one key as it is, several joined without ambiguity.

    Parameters set for the whole batch belong to the batch, not here; a mapped optional one belongs here.
    """
    raise NotImplementedError


def preparer(
    operation: Operation, columns: Mapping[str, int], *, region: str | None = None, region_column: int | None = None
) -> Callable[[Sequence[str]], Prepared | Refused]:
    """A function from a row's cells to its job. `columns` is `ColumnMap.of(operation.key)`.

    The first refused required parameter refuses the row; a blank optional one is left out, a wrong one refuses.
    """
    raise NotImplementedError


def check_given(operation: Operation, given: Mapping[str, str], *, region: str | None = None) -> dict[str, str]:
    """`--set PARAM=VALUE` for one operation: what is sent, by parameter; those it does not have are left out.

    Raises InputError if a value is refused.
    """
    raise NotImplementedError
