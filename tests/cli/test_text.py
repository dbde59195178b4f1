"""Figures, times and personal values as a person reads them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.cli import text


@pytest.mark.parametrize(
    ("millionths", "shown"), [(0, "0"), (1_000_000, "1"), (1_500_000, "1.5"), (1_856_000_000, "1,856"), (1, "0.000001")]
)
def test_amounts_lose_nothing_and_carry_no_zeros(millionths, shown):
    """Millionths are shown exactly, thousands separated, without zeros at the end."""
    assert text.amount(millionths) == shown


@given(st.integers(min_value=0, max_value=10**15))
def test_an_amount_reads_back(millionths):
    """What is shown is the very amount."""
    assert Decimal(text.amount(millionths).replace(",", "")) * 1_000_000 == millionths


def test_units_are_counted_but_currencies_are_not():
    """`checks`, `batches`, but `EUR`."""
    assert text.count(1, "check") == "1 check"
    assert text.count(2, "batch") == "2 batches"
    assert text.plural("EUR", Decimal("0.5")) == "EUR"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h"), (3600, "1 h"), (12000, "3 h 20 min"), (201600, "2 d 8 h")],
)
def test_durations_have_at_most_two_units(seconds, shown):
    """A length of time is shown in its two largest units."""
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("jane.doe@example.com", "j…@example.com"), ("+33612345678", "+3…78"), ("Ann", "A…"), ("", ""), ("x", "x")],
)
def test_personal_values_are_shortened(value, shown):
    """An e-mail keeps its domain, a phone its ends."""
    assert text.shorten(value) == shown


def test_messages_of_others_carry_no_whole_value_and_no_control_character():
    """A provider that echoes an address or sends an escape sequence does neither to the screen."""
    shown = text.redact("jane.doe@example.com or +33 6 12 34 56 78 \x1b[2J\u202e is 2026-11-21")
    assert shown == "j…@example.com or +3…78 \\u001b[2J\\u202e is 2026-11-21"


@given(st.text())
def test_cleaned_text_stays_on_its_line(value):
    """No line end, escape or direction mark survives."""
    shown = text.clean(value)
    assert shown.isprintable() or all(char == " " or char.isprintable() or char.isspace() for char in shown)
    assert not any(char in shown for char in "\n\r\x1b\u202e\u2066")


def test_rows_are_named_with_their_line():
    """`row 17 (line 18)`; a row of a table has no line."""
    assert text.row_name(17, 18) == "row 17 (line 18)"
    assert text.row_name(17) == "row 17"


def test_words_are_listed_as_in_a_sentence():
    """`a, b and c`."""
    assert [text.listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
