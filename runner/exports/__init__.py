"""Lists out: the user's rows with the outcomes beside them."""

from __future__ import annotations

from runner.exports.cells import Line, OutcomeCells, export_header
from runner.exports.csv_file import write_csv
from runner.exports.target import Written

__all__ = ["Line", "OutcomeCells", "Written", "export_header", "write_csv"]
