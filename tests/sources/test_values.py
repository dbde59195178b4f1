"""Values of databases, workbooks and Parquet files as the text of cells."""

import datetime
import decimal

import pytest

from runner.errors import InputError
from runner.sources.values import MOST_CHARACTERS, as_text, check_cells


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (33612345678.0, "33612345678"),
        (0.1, "0.1"),
        (float("inf"), "inf"),
        (decimal.Decimal("1.50"), "1.50"),
        (decimal.Decimal("3.36E+10"), "33600000000"),
        (datetime.date(2026, 11, 21), "2026-11-21"),
        (datetime.datetime(2026, 11, 21, 9, 5, tzinfo=datetime.UTC), "2026-11-21T09:05:00+00:00"),
        (datetime.time(9, 5), "09:05:00"),
        (datetime.timedelta(hours=30, seconds=5), "30:00:05"),
        (datetime.timedelta(microseconds=1_500_000), "0:00:01.5"),
        (b"\xc3\xa9", "é"),
        (b"\xff\x00", "ff00"),
        ({"a": ["ü", 1], "d": datetime.date(2026, 1, 2)}, '{"a":["ü",1],"d":"2026-01-02"}'),
    ],
)
def test_values_as_text(value, text):
    """Nothing is lost or added."""
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("cell", "says"),
    [("x\0y", "a NUL character"), ("\ud800", "half a surrogate"), ("x" * (MOST_CHARACTERS + 1), "more than 131,072")],
)
def test_what_no_file_can_hold(cell, says):
    """Refused with the row and the column; two long cells that are short enough each are not."""
    with pytest.raises(InputError, match=says) as caught:
        check_cells("leads.xlsx", "row 7", ("a", "b"), ("ok", cell))
    assert "row 7" in caught.value.what
    assert "'b'" in caught.value.fix
    check_cells("leads.xlsx", "row 7", ("a", "b"), ("x" * MOST_CHARACTERS, "ü😀"))
