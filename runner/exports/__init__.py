"""Lists out: the user's rows with the outcomes beside them."""

from __future__ import annotations

from runner.exports.csv_file import Line, OutcomeCells, Written, export_header, write_csv

__all__ = ["Line", "OutcomeCells", "Written", "export_header", "write_csv"]
