"""What a run would do, as a person reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from runner.cli.ahead import known_text, lane_text, nights_text, preflight_text, when
from runner.domain.model import MILLION
from runner.domain.states import BatchState
from runner.work.money import Cost
from runner.work.outlook import Asked, Known, Lane, Nights, Preflight, RowPlace

EVENING_US = round(datetime(2026, 11, 21, 22, 10).timestamp()) * MILLION  # noqa: DTZ001 - local time is what is shown
HOUR_US = 3600 * MILLION
DAY_US = 24 * HOUR_US


def checks(amount: int, *, price: str | None = None, told: bool = False) -> Cost:
    """So many checks, with their price in euros if it is known."""
    money = None if price is None else Decimal(price) * amount
    return Cost(
        unit="check",
        amount=Decimal(amount),
        money=money,
        currency="" if price is None else "EUR",
        told=told or price is not None,
    )


def asks(requests: int, low: Cost | None, likely: Cost | None, high: Cost | None) -> Lane:
    """A lane with one operation."""
    asked = Asked(operation="defastra.email", unit="check", requests=requests, low=low, likely=likely, high=high)
    return Lane(
        provider="defastra",
        title="Defastra",
        requests=requests,
        price=None,
        unit="check",
        amount=None,
        seconds=4640.0,
        key_present=True,
        key_fix="",
        base_url="https://api.defastra.com",
        asked=(asked,),
    )


def at_one_price(requests: int, cost: Cost | None) -> Lane:
    """A lane whose requests cost the same each."""
    return asks(requests, cost, cost, cost)


KNOWN = Known(
    operation="defastra.email",
    values=1856,
    of=4640,
    batches={"old": 1856},
    first_us=EVENING_US - 7 * DAY_US,
    last_us=EVENING_US - 7 * DAY_US,
    reuse="30d",
    taken=None,
    saves=checks(1856),
)

PLAN = Preflight(
    batch="leads-defastra-email",
    state=BatchState.READY,
    rows=5000,
    requests=4640,
    reused=0,
    at_most=4640,
    caps=(),
    shared=357,
    not_sent=6,
    invalid={"invalid:empty": 2, "invalid:email": 4},
    invalid_rows={
        "invalid:empty": (RowPlace(3, 4), RowPlace(9, None)),
        "invalid:email": (RowPlace(17, 18), RowPlace(20, 21), RowPlace(21, 22)),
    },
    countries={},
    seconds=4640.0,
    now_us=EVENING_US,
    done_us=EVENING_US + 6 * HOUR_US,
    lanes=(at_one_price(4640, checks(4640, price="0.02")),),
    known=(KNOWN,),
    changed={},
    columns=("email <- E-Mail, 98 % valid",),
    first_time=True,
    notices=("read as cp1252",),
)


def test_the_summary_has_rows_lines_price_time_and_what_is_known() -> None:
    """Everything a person decides by, before anything is sent."""
    lines = preflight_text(PLAN).splitlines()
    assert lines[:9] == [
        "leads-defastra-email: 4,640 requests to send",
        "  list      5,000 rows",
        "  column    email <- E-Mail, 98 % valid",
        "  shared    357 rows with an earlier one",
        "  refused   2 empty: row 3 (line 4), row 9",
        "  refused   4 email: row 17 (line 18), row 20 (line 21), row 21 (line 22), ...",
        "  provider  Defastra: 4,640 requests, 4,640 checks (92.80 EUR), 1 h 17 min at its limits",
        "  done      about 04:10 tomorrow, at the limits",
        lines[8],
    ]
    assert lines[8].endswith(
        "1,856 of 4,640 values of defastra.email were answered on 14 Nov 2026 (batch old): they are sent again; "
        "--reuse 30d saves 1,856 checks"
    )
    assert lines[9:] == ["  note      read as cp1252"]


def test_known_answers_are_told_with_what_takes_them() -> None:
    """Of when and where they are, what `--reuse` takes of them, and what would take the rest."""
    week = replace(KNOWN, first_us=EVENING_US - 11 * DAY_US, batches=dict.fromkeys("abcde", 1), saves=None)
    assert known_text([week]) == [
        "1,856 of 4,640 values of defastra.email were answered between 10 Nov 2026 and 14 Nov 2026 "
        "(batches a, b, c and 2 more): they are sent again; --reuse 30d saves 1,856 requests"
    ]
    (all_,) = known_text([replace(KNOWN, taken=1856)])
    assert all_.endswith("(batch old): they are taken from there and not sent, which saves 1,856 checks")
    (some,) = known_text([replace(KNOWN, taken=6, saves=checks(6))])
    assert some.endswith(
        ": 6 of them are taken from there and not sent, which saves 6 checks; --reuse 30d takes them all"
    )
    (none,) = known_text([replace(KNOWN, taken=0, saves=checks(0))])
    assert none.endswith("(batch old), none of them as late as --reuse says; --reuse 30d takes them all")
    shown = preflight_text(replace(PLAN, requests=2784, at_most=2784, reused=1856))
    assert shown.startswith("leads-defastra-email: 2,784 requests to send, 1,856 answers taken from other batches\n")


def test_what_two_operations_share_is_told_once() -> None:
    """A column that feeds both, a row that both refuse."""
    twice = {"invalid:empty": 2}
    shown = preflight_text(
        replace(PLAN, columns=PLAN.columns * 2, invalid=twice, invalid_rows={"invalid:empty": (RowPlace(3, 4),)})
    )
    assert shown.count("email <- E-Mail") == 1
    assert "  refused   2 empty: row 3 (line 4)\n" in shown


def test_a_cap_and_countries_are_told() -> None:
    """What ends the run before, and whose phones were read."""
    shown = preflight_text(
        replace(PLAN, at_most=50, caps=("--max-requests 50",), countries={"DE": 40, "unknown": 300, "US": 812})
    )
    assert ": at most 50 of 4,640 requests to send" in shown
    assert "  stops at  --max-requests 50" in shown
    assert "  countries US 812, DE 40, unknown 300" in shown


def test_a_price_that_is_not_known_is_called_so() -> None:
    """Never 0: neither in the provider's unit nor in money."""
    assert "3 requests, price unknown, " in lane_text(at_one_price(3, None))
    assert "3 requests, 3 checks, " in lane_text(at_one_price(3, checks(3)))
    assert "3 requests, 3 checks (no price set), " in lane_text(at_one_price(3, checks(3, told=True)))
    assert "3 requests, no charge per request, " in lane_text(at_one_price(3, checks(0)))
    assert lane_text(at_one_price(0, checks(0))) == "Defastra: nothing to send"


def test_between_two_prices_both_ends_are_shown() -> None:
    """And what was usual here, where that says more."""
    low, high = checks(99, price="0.01"), checks(165, price="0.01")
    assert "99 to 165 checks (0.99 EUR to 1.65 EUR), " in lane_text(asks(33, low, low, high))
    assert "165 checks (0.99 EUR to 1.65 EUR), likely 120 checks (1.20 EUR), " in lane_text(
        asks(33, low, checks(120, price="0.01"), high)
    )
    assert "33 requests, up to 165 checks, " in lane_text(asks(33, None, None, checks(165)))
    assert "99 to 165 checks (no price set), " in lane_text(
        asks(33, checks(99, told=True), None, checks(165, told=True))
    )


def test_several_operations_are_counted_each() -> None:
    """Requests by operation, and a missing key where it belongs."""
    other = replace(at_one_price(7, checks(7)), title="Acme", key_present=False)
    shown = preflight_text(replace(PLAN, lanes=(*PLAN.lanes, other)))
    assert "  requests  4,640 defastra.email, 7 defastra.email" in shown
    assert "Acme: 7 requests, 7 checks, 1 h 17 min at its limits; no usable key" in shown


def test_nights_say_from_when_to_when() -> None:
    """One night: until when. Several: the same start each time, and when the last one is done."""
    nights = Nights(begins="22:10", until="07:00", seconds=31_800.0, count=1, done_us=EVENING_US + 6 * HOUR_US)
    assert nights_text(nights, EVENING_US) == "1, from now until 07:00 (8 h 50 min): done about 04:10 tomorrow"
    more = replace(nights, count=7, done_us=EVENING_US + 150 * HOUR_US)
    assert nights_text(more, EVENING_US) == (
        "7, if a run begins at 22:10 like this one each time and ends at 07:00 (8 h 50 min): "
        "done about 04:10 on Sat 28 Nov 2026"
    )


def test_an_instant_is_told_as_people_do() -> None:
    """Today, tomorrow, else with its day."""
    assert when(EVENING_US, EVENING_US) == "about 22:10 today"
    assert when(EVENING_US + 2 * HOUR_US, EVENING_US) == "about 00:10 tomorrow"
    assert when(EVENING_US + 48 * HOUR_US, EVENING_US) == "about 22:10 on Mon 23 Nov 2026"
