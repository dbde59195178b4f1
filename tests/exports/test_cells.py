"""What stands in a cell: the quick way of the guard against what it means."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from runner.domain.table import Dialect
from runner.exports import Layout, Line
from runner.exports.cells import guarded, guarded_cells, plain_text
from runner.exports.csv_file import write_csv
from tests.exports.rows import EMAIL, GOOD

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
_SIGNS = st.sampled_from([*"=+-@ \t\r\n\0'\"[{a1", "\uff1d", "\u200b", "\u00a0", "\ufb29"])


@given(_VALUES | st.lists(_SIGNS, max_size=6).map("".join))
@example("\0=1")
@example("'=1")
@example(["=1"])
@example(-5)
@example("-5")
def test_a_guarded_cell_is_its_text_with_a_mark_or_without(value: Any) -> None:
    """The mark is there when, after spaces and signs nobody sees, a formula begins that is no number; else never."""
    text, cell = plain_text(value), guarded(value)
    assert cell in (text, f"'{text}")
    begins = value if isinstance(value, str) else text
    if re.match(r"[\s\0]*[=+\-@]|[\t\r\n\0]", begins) and not re.fullmatch(r"[+-]?\d{1,15}(\.\d+)?", text, re.ASCII):
        assert (cell != text) is not isinstance(value, int | float)
    if re.match(r"[a-zA-Z0-9]", begins):
        assert cell == text


@given(st.lists(_VALUES, min_size=1))
@example(["=1", "a\0b", None, True, -5, ["=1", "b"], {"a": "\0"}])
@example([None])
def test_what_is_left_to_the_writer_is_written_like_the_text(values: list[Any]) -> None:
    """A line of cells reads back as the text of each, under the guard."""
    assert written(guarded_cells(values)) == written([guarded(value) for value in values])


def written(record: list[Any]) -> str:
    """What the export's writer makes of a record."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(record)
    return text.getvalue().replace("\0", "\ufffd")


def test_no_nul_reaches_a_file() -> None:
    """Guarded or not: no CSV reader takes one. In a list of texts it is gone before the file is written."""
    columns = {"risk_score": "a\0b", "signals": ["c\0d", "e"]}
    for guard in (True, False):
        stream = io.BytesIO()
        layout = Layout(header=["id"], operations=[EMAIL])
        write_csv(stream, [Line(["1"], [GOOD._replace(columns=columns)])], layout, Dialect(), guard=guard)
        assert b"\0" not in stream.getvalue()
        assert "\n1,a\ufffdb,c\ufffdd | e,succeeded," in stream.getvalue().decode()
    assert plain_text(["a\0b", "c"]) == "a\ufffdb | c"


@given(st.integers() | st.floats())
def test_numbers_are_written_as_json_writes_them(value: float) -> None:
    """With all their digits."""
    assert plain_text(value) == guarded(value) == json.dumps(value)
