"""What the oracles read by themselves. That each of them can fail is what the planted bugs are for."""

from __future__ import annotations

from collections import Counter

import pytest

from runner.domain.model import Answer
from tests.simulation.counters import HEALED, SOMETIMES, never
from tests.simulation.nights import Tally
from tests.simulation.options import Mode
from tests.simulation.oracles.base import hold
from tests.simulation.oracles.lanes import seconds_asked, seconds_left

NOON_US = 1_800_000_000_000_000  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        (" 7200 ", 7200.0),
        ("Fri, 15 Jan 2027 08:01:30 GMT", 90.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", None),
        ("604801", None),
        ("-1", None),
        ("+5", None),
        ("5.5", None),
        ("1_0", None),
        ("\u0663", None),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wait_is_read_as_the_rfc_says_and_no_other_way(said: str, seconds: float | None) -> None:
    """Digits or a date, up to a week ahead; all else asks for nothing."""
    assert seconds_asked(Answer(status=429, headers=(("retry-after", said),)), now_us=NOON_US) == seconds


@pytest.mark.parametrize(
    ("written", "until", "left"),
    [
        (-20, 10, 10.0),
        (-20, -5, -5.0),
        (86_400, 86_406, 6.0),
        (3, 3, 0.0),
    ],
    ids=["under way", "over", "the clock was a day ahead", "over when it was written, by a clock set back since"],
)
def test_a_wait_on_record_is_no_longer_than_it_was_told_to_be(written: int, until: int, left: float) -> None:
    """What is left of it goes by the clock; where that was set back it begins anew, and does not grow."""
    end_us, written_us = (NOON_US + seconds * 1_000_000 for seconds in (until, written))
    assert seconds_left(end_us, written_us, now_us=NOON_US) == left


def test_what_never_came_up_is_named() -> None:
    """By its name; healing is only asked of nights that heal."""
    everything = Counter(dict.fromkeys(SOMETIMES, 1))
    assert never(everything, Mode.LIVENESS) == []
    some = everything - Counter({"completed": 1, HEALED: 1})
    assert never(some, Mode.SAFETY) == ["completed"]
    assert never(some, Mode.LIVENESS) == ["completed", HEALED]


def test_a_violation_names_its_promise() -> None:
    """So does the line that repeats the night."""
    with pytest.raises(AssertionError, match="P4: no attempt"):
        hold(False, "P4", "no attempt")


def test_nights_add_up() -> None:
    """Figures, situations and violations."""
    tally = Tally(nights=1, sends=3, counts=Counter({"completed": 1}))
    tally.add(Tally(nights=1000, sends=4, crashes=2, violations=["P1"], counts=Counter({"completed": 2})))
    assert str(tally) == "1,001 nights, 0 lives, 2 crashes, 7 requests, 0 hours simulated"
    assert (tally.counts["completed"], tally.violations) == (3, ["P1"])
