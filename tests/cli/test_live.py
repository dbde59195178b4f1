"""What the live lines say of a run: how far, how fast, how much, until when, and what is wrong."""

from __future__ import annotations

import pytest

from runner.domain.model import Action, Amount, BatchId, Debited, JobId
from runner.domain.states import JobEvent
from runner.engine.events import BalanceLow, CapsTuned, MachineSlept, RowsAdded, RunEnded, RunStopping, StoreTrouble
from tests.cli.watched import SECOND, WINDOWS, B, Watched, closed, plan

pytestmark = pytest.mark.usefixtures("utc")


def test_a_run_at_its_pace_says_how_far_how_fast_how_much_and_when() -> None:
    """One line for the batch, one for money and time, one for its provider with what holds it back."""
    run = Watched(plan())
    run.lane(0, "open")
    assert run.shown()[2] == "defastra one request goes first"
    run.answers(60, since=0, each=1)
    assert run.shown() == [
        "leads ━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 60 of 200 · 30 %",
        "charged 60 checks (1.20 EUR) · ready about 00:03 today (2 min)",
        "defastra 60/min · as fast as its limits allow (60/60 s, 2/1 s)",
    ]


def test_a_provider_that_nothing_waits_for_says_so() -> None:
    """From the first on, or once all of its own are through, while others are still at work."""
    idle, done = Watched(plan(requests=0)), Watched(plan(requests=60))
    idle.lane(0, "open")
    assert idle.shown()[2] == "defastra nothing to send"
    done.lane(0, "open")
    done.answers(60, since=0, each=1)
    assert done.shown()[2] == "defastra nothing to send"


def test_a_wait_says_until_when_and_why_and_is_no_speed() -> None:
    """What was asked for counts in the time that is left, and takes nothing off the pace it goes on with."""
    run = Watched(plan())
    run.lane(0, "open")
    run.answers(60, since=0, each=1)
    run.lane(60, "gated", reason="rate-limited-minute", until_us=360 * SECOND)
    run.wait(100)
    assert run.shown()[1].endswith("ready about 00:08 today (6 min)")
    assert run.shown()[2] == "defastra waiting until 00:06:00 (3 min): it asked to (rate limited minute)"
    run.wait(200)
    assert run.shown()[2] == "defastra it asked to wait: one request goes first"
    run.lane(361, "open", rate="60/60 s, 2/1 s at 70 %", slowed=True, windows=((42, 60.0), (1, 1.0)))
    assert run.shown()[2] == "defastra slower, as it refused (60/60 s, 2/1 s at 70 %)"
    run.answers(40, since=361, each=1.5)
    assert run.shown()[2].startswith("defastra 40/min · slower")


@pytest.mark.parametrize(
    ("state", "more", "says"),
    [
        ("circuit", ("server-error", 9), "waiting until 00:00:09 (7 s): it fails (server error)"),
        ("circuit", ("unreachable", 9), "waiting until 00:00:09 (7 s): it cannot be reached"),
        ("circuit", ("unreachable", 1), "cannot be reached: one request is tried at a time"),
        ("parked", ("daily-limit", 90_000), "waiting until 1970-01-02 01:00:00 UTC (25 h): daily limit"),
        ("halted", ("no-funds", None), 'halted: no funds "not for j…@example.com"'),
        ("done", ("max-requests", None), "stopped: --max-requests is reached"),
        ("done", (None, None), "done"),
    ],
)
def test_a_provider_that_sends_nothing_says_why(state: str, more: tuple[str | None, int | None], says: str) -> None:
    """Until when, if that is known; never a whole personal value."""
    run, (reason, until) = Watched(plan()), more
    until_us = None if until is None else until * SECOND
    run.lane(2, state, reason=reason, until_us=until_us, message="not for jane@example.com")
    assert run.shown()[2] == f"defastra {says}"


def test_answers_that_take_long_are_what_holds_it_back() -> None:
    """Five on the way at once, half a minute each: the limits are not to blame."""
    run = Watched(plan())
    run.lane(0, "open")
    run.answers(12, since=0, each=6, seconds=30.0)
    assert run.shown()[2] == "defastra 10/min · an answer takes 30 s, 5 at once"


def test_what_is_left_may_all_wait_to_be_tried_again() -> None:
    """Backoff: how many, and when the first of them goes."""
    run = Watched(plan(requests=3))
    run.lane(0, "open")
    run.see(closed(SECOND, job=JobId(1)))
    for job in (2, 3):
        failed = {"action": Action.RETRY, "event": JobEvent.RETRY, "debited": Debited.NO, "amount": Amount(0)}
        run.see(closed(2 * SECOND, job=JobId(job), due_us=(20 + job) * SECOND, **failed))
    assert run.shown()[2] == "defastra waiting until 00:00:22 (20 s): 2 requests are tried again"
    run.wait(25)
    assert "tried again" not in run.shown()[2]


def test_a_cap_ends_it_before_everything_is_asked() -> None:
    """The time is that of the cap, which is named; requests count against it."""
    run = Watched(plan(at_most=50, caps=("--max-requests 50",)), until="07:00")
    run.lane(0, "open")
    run.answers(40, since=0, each=1)
    charged, done, stops = run.shown()[1].split(" · ")
    assert (charged, done) == ("charged 40 checks (0.80 EUR)", "cap reached about 00:00 today (10 s)")
    assert stops == "stops at --max-requests 50, --until 07:00"


def test_a_cap_that_was_tuned_is_the_one_that_is_shown() -> None:
    """Higher, or none; what ends it besides stays."""
    run = Watched(plan(at_most=50, caps=("--max-requests 50",)), until="07:00")
    run.lane(0, "open")
    run.answers(40, since=0, each=1)
    spend = (("defastra", Amount(90 * SECOND)),)
    run.see(CapsTuned(batch=B, at_us=41 * SECOND, max_requests=60, max_spend=spend, requests_left=20))
    assert run.shown(200)[1].endswith("(20 s) · stops at --max-requests 60, --max-spend defastra=90, --until 07:00")
    run.see(CapsTuned(batch=B, at_us=41 * SECOND, max_requests=None, max_spend=(), requests_left=None))
    assert run.shown(200)[1].endswith("ready about 00:03 today (3 min) · stops at --until 07:00")
    assert run.view.take_news()[-1] == "00:00:41 leads caps taken back"


def test_a_limit_of_the_run_holds_whatever_cap_is_tuned() -> None:
    """The smaller of both ends it, in the time as in the run; rows that come in do not change that."""
    run = Watched(plan(requests=400, at_most=50, caps=("--limit 50",)), limit=50)
    run.lane(0, "open")
    run.answers(40, since=0, each=1)
    for left in (300, None, 5):
        run.see(CapsTuned(batch=B, at_us=41 * SECOND, max_requests=left, max_spend=(), requests_left=left))
        seconds = 5 if left == 5 else 10
        assert f"cap reached about 00:00 today ({seconds} s)" in run.shown()[1]
    few = Watched(plan(requests=40), limit=50)
    few.lane(0, "open")
    few.answers(30, since=0, each=1)
    assert "ready about" in few.shown()[1]
    few.see(RowsAdded(batch=B, at_us=31 * SECOND, rows=100, requests=100))
    assert "cap reached about 00:00 today (21 s)" in few.shown()[1]


@pytest.mark.parametrize(
    ("windows", "rate", "first", "then"),
    [(WINDOWS, "60/60 s, 2/1 s", "(15 min)", "(16 min)"), ((), None, "not known yet for how long", "(8 min)")],
)
def test_a_low_rate_that_is_taken_back_says_nothing_of_the_time_that_is_left(
    windows: tuple[tuple[int, float], ...], rate: str | None, first: str, then: str
) -> None:
    """By the limits that hold now, and soon by the answers that come under them; also where there are none."""
    run = Watched(plan(requests=1000))
    run.lane(0, "open", rate="6/60 s, 60/60 s, 2/1 s", windows=((6, 60.0), *WINDOWS))
    run.answers(30, since=0, each=10)
    assert "(2 h 42 min)" in run.shown()[1]
    run.lane(301, "open", rate=rate, windows=windows)
    assert run.shown()[1].endswith(first)
    run.answers(20, since=301, each=1 if windows else 0.5)
    assert run.shown()[1].endswith(then)


def test_a_limit_that_is_little_higher_leaves_the_speed_as_it_is() -> None:
    """Or one that was not what held it back: what was measured says more than the limits do."""
    run = Watched(plan(requests=1000))
    run.lane(0, "open", windows=((6, 60.0),))
    run.answers(30, since=0, each=10)
    run.lane(301, "open", windows=((9, 60.0),))
    assert "(2 h 42 min)" in run.shown()[1]
    slow = Watched(plan(requests=1000))
    slow.lane(0, "open")
    slow.answers(30, since=0, each=10, seconds=40.0)
    slow.lane(301, "open", windows=((600, 60.0),))
    assert "(2 h 42 min)" in slow.shown()[1]


def test_a_wallet_that_runs_dry_is_told_as_it_falls_and_forgotten_when_it_is_filled() -> None:
    """With each answer that says what is left."""
    run = Watched(plan())
    run.lane(0, "open")
    holds, cost = Amount(9 * SECOND), Amount(10 * SECOND)
    run.see(BalanceLow(batch=B, at_us=1, provider="defastra", unit="check", balance=holds, requests=10, cost=cost))
    run.see(closed(2, balance=Amount(8 * SECOND)))
    assert run.shown()[3] == "defastra holds 8 checks, 199 requests wait: it will run dry"
    run.see(closed(3, job=JobId(2), balance=Amount(1000 * SECOND)))
    assert len(run.shown()) == 3


def test_trouble_is_in_sight_as_long_as_it_lasts_and_told_above() -> None:
    """The database, the machine, an end that was asked for."""
    run = Watched(plan())
    run.see(StoreTrouble(batch=B, at_us=0, reason="database-locked"), MachineSlept(batch=B, at_us=0, seconds=7200.0))
    assert run.shown()[-1] == "waiting for the database: another program holds it"
    run.see(StoreTrouble(batch=B, at_us=SECOND, reason="database-free"))
    run.see(RunStopping(batch=B, at_us=SECOND, reason="signal:130", in_flight=3))
    assert run.shown()[-1] == "stopping, interrupted: 3 requests on the way"
    run.see(RunEnded(batch=B, at_us=SECOND, state="paused", reason="interrupted"))
    assert run.shown()[0].endswith("paused: interrupted")
    assert run.view.take_news() == [
        "00:00:00 waiting for the database: another program holds it",
        "00:00:00 the machine slept 2 h; going on",
        "00:00:01 stopping, interrupted: 3 requests on the way",
    ]


def test_an_outage_of_hours_is_two_lines_of_news() -> None:
    """That it began, and that it is over; and a provider at its limits is open and limited by turns, which is none."""
    run = Watched(plan())
    for second in range(10):
        run.lane(second, "limited" if second % 2 else "open")
    assert run.view.take_news() == []
    for second in range(10, 4000, 40):
        run.lane(second, "circuit", reason="server-error", until_us=(second + 40) * SECOND)
    run.lane(4000, "open")
    assert run.view.take_news() == [
        "00:00:10 defastra fails (server error): one request is tried at a time",
        "01:06:40 defastra sending (60/60 s, 2/1 s)",
    ]


def test_rows_that_come_in_meanwhile_count_and_answers_that_were_taken_over_do_not() -> None:
    """What was never sent is in neither the total nor the speed."""
    run = Watched(plan(requests=10, reused=500))
    run.lane(0, "open")
    run.see(RowsAdded(batch=B, at_us=SECOND, rows=30, requests=30))
    assert "0 of 40" in run.shown()[0]


def test_one_batch_that_is_done_with_a_provider_does_not_speak_for_another() -> None:
    """They share its line."""
    run = Watched(plan("one"), plan("two"))
    run.lane(0, "open")
    run.lane(0, "open", batch=BatchId(2))
    run.lane(1, "done", batch=BatchId(2), reason="max-requests")
    assert "stopped" not in run.shown()[-1]
    run.lane(2, "halted", reason="insufficient-funds")
    assert run.shown()[-1].startswith("defastra halted: insufficient funds")
