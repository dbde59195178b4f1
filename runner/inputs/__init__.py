"""Cells in: which column feeds which parameter, whether a cell can be sent, and what makes two cells the same job.

Knows no database and no network, and of files only those that a list names (`files`). The libraries for e-mails and
phones are loaded by the first checker that needs them.
"""

from __future__ import annotations

from runner.inputs.cell import Accepted, Checker, Refused
from runner.inputs.check import checker
from runner.inputs.columns import ColumnMap, Match, column_map, match_columns, parse_map
from runner.inputs.national import PhoneSummary, check_national, looks_national
from runner.inputs.prepare import Prepared, check_given, job_key, preparer

__all__ = [
    "Accepted",
    "Checker",
    "ColumnMap",
    "Match",
    "PhoneSummary",
    "Prepared",
    "Refused",
    "check_given",
    "check_national",
    "checker",
    "column_map",
    "job_key",
    "looks_national",
    "match_columns",
    "parse_map",
    "preparer",
]
