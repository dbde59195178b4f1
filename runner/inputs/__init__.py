"""Cells in: which column feeds which parameter, whether a cell can be sent, and what makes two cells the same job.

Knows no file, no database and no network. The libraries for e-mails and phones are loaded by the first checker that
needs them.
"""

from __future__ import annotations

from runner.domain.provider import Input
from runner.inputs.cell import Accepted, Checker, Refused
from runner.inputs.columns import ColumnMap, Match, match_columns, parse_map

__all__ = ["Accepted", "Checker", "ColumnMap", "Match", "Refused", "checker", "match_columns", "parse_map"]


def checker(input: Input, *, region: str | None = None) -> Checker:
    """How cells of this parameter are checked and normalised.

    `region` is the list's country, ISO 3166 alpha-2 (`GB`); a row's own region, given with the cell, goes before it.
    Raises InputError if `region` is not a country with telephones.
    """
    raise NotImplementedError
