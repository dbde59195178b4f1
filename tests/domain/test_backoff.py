"""Waits: backoff with full jitter, the gate, the circuit, and what a Retry-After may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import RetryCallState, Retrying, wait_random_exponential

from runner.domain.backoff import (
    WEEK_SECONDS,
    asked_seconds,
    circuit_wait,
    full_jitter,
    gate_wait,
    next_utc_midnight,
    parse_retry_after,
)
from runner.domain.model import Action, Debited, Verdict, WaitWord
from tests.virtual import NOON_US

chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10_000), st.floats(0.001, 10), st.floats(0.001, 3600), chances)
def test_backoff_stays_between_nothing_and_the_cap(tries: int, base: float, cap: float, chance: float) -> None:
    """Never negative, never over the cap, for any number of tries."""
    assert 0 <= full_jitter(tries, base_seconds=base, cap_seconds=cap, chance=chance) <= cap


@given(st.integers(1, 60), st.floats(0.01, 10), st.floats(0.01, 3600))
def test_backoff_has_the_ceiling_that_tenacity_draws_under(tries: int, base: float, cap: float) -> None:
    """The oracle: tenacity's random exponential wait draws uniformly below min(cap, base * 2 ** (n - 1))."""
    strategy = wait_random_exponential(multiplier=base, max=cap)
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = tries
    ceiling = super(wait_random_exponential, strategy).__call__(retry_state=state)
    assert full_jitter(tries, base_seconds=base, cap_seconds=cap, chance=1.0) == pytest.approx(ceiling)


@given(st.integers(1, 1000), st.booleans(), chances)
def test_circuit_waits_grow_to_their_cap(failures: int, silent: bool, chance: float) -> None:
    """1 s to 45 s, to 10 min where requests vanish; never less than half of the step."""
    wait = circuit_wait(failures, silent=silent, chance=chance)
    assert 0.5 <= wait <= (600 if silent else 45)
    assert circuit_wait(failures + 1, silent=silent, chance=chance) >= wait


@given(st.integers(1, 1000), st.floats(0, 7 * 86400), chances)
def test_the_providers_word_is_never_shortened(refusals: int, asked: float, chance: float) -> None:
    """Retry-After is a floor, and nothing is ever retried in less than a second."""
    wait = gate_wait(refusals, wait_seconds=5, wait_cap_seconds=None, retry_after_seconds=asked, chance=chance)
    assert max(1.0, asked) <= wait <= max(1.0, asked + 1, 6 if refusals > 1 else 0)


@given(st.integers(2, 1000), st.floats(0, 60), chances)
def test_a_word_that_was_too_short_is_not_believed_again(refusals: int, asked: float, chance: float) -> None:
    """`Retry-After: 0` again and again: from the second refusal on the rule's own wait is kept."""
    wait = gate_wait(refusals, wait_seconds=60, wait_cap_seconds=None, retry_after_seconds=asked, chance=chance)
    assert wait >= 60


def test_a_range_doubles_with_each_refusal() -> None:
    """wait = [1, 60]: 1, 2, 4 ... 60 at the top of the draw, and it stays there."""
    tops = [
        gate_wait(n, wait_seconds=1, wait_cap_seconds=60, retry_after_seconds=None, chance=1.0)
        for n in (1, 2, 3, 7, 8, 500)
    ]
    assert tops == [1, 2, 4, 60, 60, 60]


def test_a_fixed_wait_is_waited_in_full() -> None:
    """A window of 60 s is not over after 59."""
    assert gate_wait(9, wait_seconds=60, wait_cap_seconds=None, retry_after_seconds=None, chance=0.0) == 60


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_retry_after_ever_raises_or_asks_for_less_than_a_second(raw: str) -> None:
    """Any text is a wait between 1 s and a week, or nothing."""
    for unix in (False, True):
        seconds = parse_retry_after(raw, now_us=NOON_US, unix=unix)
        assert seconds is None or 1 <= seconds <= WEEK_SECONDS


@given(st.integers(2, 600_000))
def test_seconds_and_dates_mean_the_same(seconds: int) -> None:
    """30, a date 30 s from now, and the Unix time 30 s from now."""
    now = datetime.fromtimestamp(NOON_US / 1e6, UTC)
    date = format_datetime(now + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(str(seconds), now_us=NOON_US) == seconds
    assert parse_retry_after(date, now_us=NOON_US) == pytest.approx(seconds)
    assert parse_retry_after(str(NOON_US // 1_000_000 + seconds), now_us=NOON_US, unix=True) == seconds


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0", 1.0),
        ("-5", None),
        ("5.5", None),
        ("1_0", None),
        ("٣٠", None),
        ("nan", None),
        ("9" * 5000, None),
        ("604801", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1.0),
        ("Fri, 31 Feb 2027 07:28:00 GMT", None),
        ("Fri, 15 Jan 2027 08:00:25 GMT", 25.0),
        ("Friday, 15-Jan-27 08:00:25 GMT", 25.0),
        ("Fri Jan 15 08:00:25 2027", 25.0),
        ("15 Jan 2027", None),
        ("Fri, 15 Jan 2027 08:00:25 +0100", None),
        ("\u00a030", None),
        ("30\n", None),
        ("", None),
        (None, None),
    ],
)
def test_odd_retry_afters(raw: str | None, expected: float | None) -> None:
    """Garbage is no wait of the provider's; the past and zero are one second; beyond a week is garbage too."""
    assert parse_retry_after(raw, now_us=NOON_US) == expected


def test_of_two_headers_the_longer_readable_one_holds() -> None:
    """The first header of the profile that can be read decides; nonsense and absurd values hide nothing."""

    def asked(*words: WaitWord) -> float | None:
        return asked_seconds(
            Verdict(rule="r", action=Action.PAUSE, debited=Debited.NO, recognised=True, retry_after=words), now_us=0
        )

    assert asked(WaitWord("5"), WaitWord("9"), WaitWord("7")) == 9
    assert asked(WaitWord("soon"), WaitWord("9"), WaitWord("604801")) == 9
    assert asked(WaitWord("5"), WaitWord("90", True, 1)) == 5
    assert asked(WaitWord("soon"), WaitWord("90", True, 1)) == 90
    assert asked(WaitWord("soon")) is None


@pytest.mark.parametrize(("clock", "expected"), [("08:00:00", 60), ("07:59:00", 120), ("08:05:00", 60), ("soon", 60)])
def test_a_date_is_read_by_the_slower_of_both_clocks(clock: str, expected: float) -> None:
    """A machine whose clock is fast would ask too early: the answer's own `Date` tells."""
    told_at = f"Fri, 15 Jan 2027 {clock} GMT"
    seconds = parse_retry_after("Fri, 15 Jan 2027 08:01:00 GMT", now_us=NOON_US, told_at=told_at)
    assert seconds == expected
    assert parse_retry_after("60", now_us=NOON_US, told_at=told_at) == 60


@given(st.integers(0, 4 * 10**15))
def test_midnight_is_the_next_one(now_us: int) -> None:
    """Strictly later, at most a day ahead, at 00:00 UTC."""
    midnight = next_utc_midnight(now_us)
    assert 0 < midnight - now_us <= 86_400_000_000
    assert datetime.fromtimestamp(midnight / 1e6, UTC).time().isoformat() == "00:00:00"
