"""What counts as a stated charge, and to how many millionths it comes."""

from __future__ import annotations

from typing import Any

import pytest

from runner.domain.charge import stated_amount


@pytest.mark.parametrize(
    ("value", "millionths"),
    [
        (3, 3_000_000),
        ("0.25", 250_000),
        (0, 0),
        ("-0", 0),
        (0.3, 300_000),
        ("1000000000", 10**15),
        ("0.0000015", 2),
        ("0.0000005", 1),
        (5e-7, 1),
        ("1e-999999999", 1),
    ],
)
def test_a_charge_is_never_rounded_down(value: Any, millionths: int) -> None:
    """What is more than nothing is never read as nothing: it would pass for not charged."""
    assert stated_amount(value) == millionths


BIG = 10**500


@pytest.mark.parametrize(
    "value", [None, True, False, -1, 1e300, BIG, [3], {"credits": 3}], ids=lambda value: repr(value)[:9]
)
def test_what_is_no_number_of_units_is_not_read(value: Any) -> None:
    """Truth values, negatives, more than a billion, tables: as if nothing had been stated."""
    assert stated_amount(value) is None


@pytest.mark.parametrize(
    "text", ["", " ", "-0.1", "1000000000.1", "1e99999", "NaN", "sNaN", "inf", "3 credits", "²", "0" * 41]
)
def test_a_text_that_is_no_number_of_units_is_not_read(text: str) -> None:
    """Nor what only looks like one."""
    assert stated_amount(text) is None
