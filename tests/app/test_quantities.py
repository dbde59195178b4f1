"""Durations, rates, shares and caps as they are written: understood, or refused by the setting's name."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ConfigError, UsageError
from runner.settings import parse_duration, parse_rate, parse_share, parse_spend, parse_time_of_day, parse_whole


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("1h30m", 5400.0), (12, 12.0), ("1 min", 60.0)]
)
def test_durations(text: str | float, seconds: float) -> None:
    """Numbers are seconds; units add up."""
    assert parse_duration(text, name="--wait") == seconds


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1w", "h", "1h x", -1, float("nan"), float("inf"), "9" * 400, True, None, [1]]
)
def test_bad_durations(text: Any) -> None:
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
    for bad in ("x", "-1", "0.0000001", "inf", "nan", "1e999999999", ["a=1", "a=2"]):
        with pytest.raises(ConfigError):
            parse_spend(bad, name="x")


def test_what_nothing_can_count_is_refused() -> None:
    """The most that the database holds is taken, one more is not; a time so long ago has a date."""
    assert parse_spend("9223372036854.775807", name="x") == {None: 2**63 - 1}
    assert parse_duration("365000d", name="x") == parse_duration(365_000 * 86_400, name="x")
    for much in ("9223372036854.775808", "1e5000", 10**20, 10**5000):
        with pytest.raises(ConfigError):
            parse_spend(much, name="x")
    for long in ("365000d1s", "99999999999d", 10**20, 10**5000, "9" * 300):
        with pytest.raises(ConfigError):
            parse_duration(long, name="x")
    with pytest.raises(UsageError, match="too much"):
        parse_whole(2**63, name="x")


NOTHING = (True, float("nan"), None, [None], object())


@pytest.mark.parametrize(
    ("parse", "given"),
    [
        *((parse_share, one) for one in (*NOTHING, float("inf"), "nan%")),
        *((parse_spend, one) for one in (*NOTHING, float("-inf"), {"a": True}, -1)),
        *((parse_rate, one) for one in (*NOTHING, 5)),
        *((parse_time_of_day, one) for one in (*NOTHING, 7)),
    ],
)
def test_what_is_no_number_and_no_text_is_refused(parse: Callable[..., object], given: Any) -> None:
    """An empty cell of a table, a truth value, a list, a number where a word belongs."""
    with pytest.raises(ConfigError, match="--it"):
        parse(given, name="--it")


class Count:
    """An integer of another library."""

    def __index__(self) -> int:
        """As numpy's."""
        return 3


def test_whole_numbers() -> None:
    """Integers of any kind; nothing that is like one."""
    assert [parse_whole(one, name="x") for one in (0, -1, Count())] == [0, -1, 3]
    assert type(parse_whole(Count(), name="x")) is int
    for bad in (2.5, 2.0, float("nan"), float("inf"), "2", Decimal(2), True, None):
        with pytest.raises(UsageError, match=r"--limit .* no whole number"):
            parse_whole(bad, name="--limit")


@given(st.text(max_size=12))
def test_parsers_answer_or_refuse(text: str) -> None:
    """No text makes a parser raise anything but its own refusal."""
    for parse in (parse_duration, parse_rate, parse_share, parse_spend):
        try:
            parse(text, name="x")
        except ConfigError:
            continue
