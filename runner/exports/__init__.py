"""Lists out: the user's rows with the outcomes beside them."""

from __future__ import annotations

from runner.exports.cells import Line, OutcomeCells
from runner.exports.formats import Format, format_of, write
from runner.exports.layout import Layout, export_header
from runner.exports.target import Written

__all__ = ["Format", "Layout", "Line", "OutcomeCells", "Written", "export_header", "format_of", "write"]
