"""Durations, rates, shares and caps as they are written: understood, or refused by the setting's name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ConfigError
from runner.settings import parse_duration, parse_rate, parse_share, parse_spend


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("1h30m", 5400.0), (12, 12.0), ("1 min", 60.0)]
)
def test_durations(text: str | float, seconds: float) -> None:
    """Numbers are seconds; units add up."""
    assert parse_duration(text, name="--wait") == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "1w", "h", "1h x", -1, float("nan")])
def test_bad_durations(text: str | float) -> None:
    """Anything else is refused with the setting's name."""
    with pytest.raises(ConfigError, match="--wait"):
        parse_duration(text, name="--wait")


def test_rates_shares_and_caps() -> None:
    """The forms of design 9."""
    assert parse_rate("30/min", name="--rate") == (30, 60.0)
    assert parse_rate("0001000000/h", name="--rate") == (1_000_000, 3600.0)
    assert parse_share("10%", name="x") == parse_share(0.1, name="x") == 0.1
    assert parse_spend("12.5", name="x") == {None: 12_500_000}
    assert parse_spend(["defastra=1", "acme=0.000001"], name="x") == {"defastra": 1_000_000, "acme": 1}
    assert parse_spend({"acme": Decimal(2)}, name="x") == {"acme": 2_000_000}
    for bad in ("x", "-1", "0.0000001", "inf", "nan", ["a=1", "a=2"]):
        with pytest.raises(ConfigError):
            parse_spend(bad, name="x")


@given(st.text(max_size=12))
def test_parsers_answer_or_refuse(text: str) -> None:
    """No text makes a parser raise anything but its own refusal."""
    for parse in (parse_duration, parse_rate, parse_share, parse_spend):
        try:
            parse(text, name="x")
        except ConfigError:
            continue
