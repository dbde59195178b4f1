"""The lines that a terminal shows while a run is at work."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runner.cli.live import LiveProgress
from runner.cli.picture import MOST_LINES, SAFE, Frame, draw
from runner.cli.progress import Tally
from runner.cli.terminal import has_letters
from runner.domain.model import Action, Amount, BatchId, Debited, JobId
from runner.domain.states import BatchState, JobEvent
from runner.engine.events import (
    AttemptClosed,
    BalanceLow,
    CapsTuned,
    Event,
    LaneChanged,
    MachineSlept,
    RowsAdded,
    RunEnded,
    RunStarted,
    RunStopping,
    StoreTrouble,
)
from runner.work.money import Cost
from runner.work.outlook import Asked, Lane, Preflight
from tests.cli.place import RUN, Provider, names, write_list
from tests.cli.terminal import Terminal
from tests.warm import warm

B = BatchId(1)
SECOND = 1_000_000
CHECK = Cost(unit="check", amount=Decimal(1), money=Decimal("0.02"), currency="EUR", told=True, provider="defastra")
FULL = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "", "NO_COLOR": ""}
"""A terminal that can do all of it."""
WINDOWS = ((60, 60.0), (2, 1.0))


def plan(batch: str = "leads", requests: int = 200, *providers: str, **changes: Any) -> Preflight:
    """A batch of so many requests to each provider, Defastra unless others are named."""
    lanes = [
        Lane(
            provider=name,
            title=name,
            requests=requests,
            price=None,
            unit="check",
            amount=None,
            seconds=0.0,
            key_present=True,
            key_fix="",
            base_url="",
            windows=WINDOWS,
            asked=(
                Asked(
                    operation=f"{name}.email",
                    unit="check",
                    requests=requests,
                    low=None,
                    likely=None,
                    high=None,
                    one=CHECK,
                ),
            ),
        )
        for name in providers or ("defastra",)
    ]
    figures: dict[str, Any] = {
        "batch": batch,
        "state": BatchState.READY,
        "rows": requests,
        "requests": requests * len(lanes),
        "reused": 0,
        "at_most": requests * len(lanes),
        "caps": (),
        "shared": 0,
        "not_sent": 0,
        "invalid": {},
        "invalid_rows": {},
        "countries": {},
        "seconds": 0.0,
        "now_us": 0,
        "done_us": 0,
        "lanes": tuple(lanes),
        "known": (),
        "columns": (),
        "first_time": True,
    }
    return Preflight(**(figures | changes))


class Watched:
    """A live view whose clock is set by what happens."""

    def __init__(self, *plans: Preflight, stops: tuple[str, ...] = ()) -> None:
        self.now_us = 0
        tallies = [Tally(one.batch, one.requests, plan=one, stops=(*one.caps, *stops)) for one in plans]
        self.view = LiveProgress(*tallies, now_us=lambda: self.now_us)
        for number, one in enumerate(plans, start=1):
            self.see(RunStarted(batch=BatchId(number), at_us=0, providers=(), name=one.batch))

    def see(self, *events: Event) -> None:
        """Let them happen, each at its instant."""
        for event in events:
            self.now_us = max(self.now_us, event.at_us)
            self.view(event)

    def lane(self, second: float, state: str, provider: str = "defastra", **more: Any) -> None:
        """A change of a provider."""
        given: dict[str, Any] = {"batch": B, "reason": None, "until_us": None, "rate": "60/60 s, 2/1 s", "in_flight": 5}
        given |= {"windows": WINDOWS} | more
        self.see(LaneChanged(at_us=round(second * SECOND), provider=provider, state=state, **given))

    def answers(self, count: int, *, since: float, each: float, **changes: Any) -> None:
        """So many successes, one after the other."""
        for number in range(1, count + 1):
            self.see(closed(round((since + each * number) * SECOND), job=JobId(number), **changes))

    def shown(self, width: int = 120, lines: int = 24) -> list[str]:
        """What is on the screen."""
        return [line.plain for line in self.view.picture(width, lines)]

    def wait(self, seconds: float) -> None:
        """Nothing happens."""
        self.now_us += round(seconds * SECOND)


def closed(at_us: int, **changes: Any) -> AttemptClosed:
    """A request that is over; a success unless changed."""
    given: dict[str, Any] = {
        "batch": B,
        "provider": "defastra",
        "operation": "defastra.email",
        "job": JobId(1),
        "number": 1,
        "status": 200,
        "fault": None,
        "rule": "success",
        "action": Action.SUCCEED,
        "debited": Debited.YES,
        "amount": Amount(SECOND),
        "unit": "check",
        "event": JobEvent.SUCCEED,
        "seconds": 0.3,
    }
    return AttemptClosed(at_us=at_us, **(given | changes))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clocks on the screen are local ones."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


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
    run = Watched(plan(at_most=50, caps=("--max-requests 50",)), stops=("--until 07:00",))
    run.lane(0, "open")
    run.answers(40, since=0, each=1)
    charged, done, stops = run.shown()[1].split(" · ")
    assert (charged, done) == ("charged 40 checks (0.80 EUR)", "cap reached about 00:00 today (10 s)")
    assert stops == "stops at --max-requests 50, --until 07:00"


def test_a_cap_that_was_tuned_is_the_one_that_is_shown() -> None:
    """Higher, or none; what ends it besides stays."""
    run = Watched(plan(at_most=50, caps=("--max-requests 50",)), stops=("--until 07:00",))
    run.lane(0, "open")
    run.answers(40, since=0, each=1)
    spend = (("defastra", Amount(90 * SECOND)),)
    run.see(CapsTuned(batch=B, at_us=41 * SECOND, max_requests=60, max_spend=spend, requests_left=20))
    assert run.shown(200)[1].endswith("(20 s) · stops at --max-requests 60, --max-spend defastra=90, --until 07:00")
    run.see(CapsTuned(batch=B, at_us=41 * SECOND, max_requests=None, max_spend=(), requests_left=None))
    assert run.shown(200)[1].endswith("ready about 00:03 today (3 min) · stops at --until 07:00")
    assert run.view.take_news()[-1] == "00:00:41 leads caps taken back"


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


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("lines", [1, 2, 3, 6, 50])
@pytest.mark.parametrize(("batches", "providers"), [(1, 1), (1, 9), (3, 2), (9, 1), (9, 9)])
def test_there_are_never_more_than_six_lines_and_none_is_too_wide(
    width: int, lines: int, batches: int, providers: int
) -> None:
    """However many batches and providers; what has no room is counted."""
    who = [f"provider{number}" for number in range(providers)]
    run = Watched(*(plan(f"a-list-with-a-rather-long-name-{number}", 1000, *who) for number in range(batches)))
    for name in who:
        run.lane(1, "open", name)
    run.see(StoreTrouble(batch=B, at_us=SECOND, reason="database-locked"))
    shown = run.shown(width, lines)
    assert 1 <= len(shown) <= min(lines, MOST_LINES)
    assert all(len(line) <= width for line in shown)
    if lines >= MOST_LINES and width >= 80:
        assert sum("provider" in line for line in shown) >= 1
        assert (f"{batches} batches" in shown[0]) or ("more batches" in "".join(shown)) or batches <= 3


def test_one_batch_that_is_done_with_a_provider_does_not_speak_for_another() -> None:
    """They share its line."""
    run = Watched(plan("one"), plan("two"))
    run.lane(0, "open")
    run.lane(0, "open", batch=BatchId(2))
    run.lane(1, "done", batch=BatchId(2), reason="max-requests")
    assert "stopped" not in run.shown()[-1]
    run.lane(2, "halted", reason="insufficient-funds")
    assert run.shown()[-1].startswith("defastra halted: insufficient funds")


def test_a_narrow_screen_keeps_what_matters() -> None:
    """Counts before the percentage, an amount before its price, and the time that is left."""
    run = Watched(plan("leads-defastra-email", 4640))
    run.lane(0, "open")
    run.answers(60, since=0, each=1)
    run.see(closed(61 * SECOND, job=JobId(99), debited=Debited.UNKNOWN, event=JobEvent.DOUBT, action=Action.RETRY))
    assert run.shown(40) == [
        "leads-defastra… 61 of 4,640 · 1 in doubt",
        "charged 60 checks · 1 h 16 min left",
        "defastra 60/min · as fast as its limits…",
    ]


def test_safe_characters_are_ascii() -> None:
    """For a terminal that shows no others, whatever a batch is called."""
    tally = Tally("Kundenliste-Köln", 4)
    lines = draw([tally], [], ["so"], now_us=0, frame=Frame(width=30, lines=6, marks=SAFE))
    assert "".join(line.plain for line in lines).isascii()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_ALL": "C.utf8"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False),
        ({}, False),
    ],
)
def test_a_terminal_is_believed_in_what_it_shows(
    said: dict[str, str], shown: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By its locale, and not by what Python makes of it."""
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    with (tmp_path / "stream").open("w", encoding="utf-8") as stream:
        assert has_letters(stream) is shown
    with (tmp_path / "stream").open("w", encoding="latin-1") as stream:
        assert not has_letters(stream)


def test_a_terminal_that_is_made_narrow_and_wide_again_keeps_one_picture(folder: Path, provider: Provider) -> None:
    """News stand above it, nothing of an earlier picture is left behind, and what stays is how far the batch came."""
    write_list(folder, *names("live", 120))
    provider.post("next", [{"delay_seconds": 0.25}] * 10 + [{}] * 30 + [{"rule": "insufficient-funds"}])
    with Terminal(folder, *RUN, "--yes", size=(100, 30), program=(str(warm().command),), environment=FULL) as terminal:
        terminal.wait_for("charged ")
        for width in (50, 34, 120):
            terminal.resize(width, 30)
            terminal.wait_for("charged ")
        assert terminal.end() == 4
        screen = terminal.screen()
    pictures = [line for line in screen if line.startswith("leads-") and " of 120" in line]
    assert len(pictures) == 1
    assert "halted: insufficient funds" in pictures[0]
    assert not any(line.startswith("charged ") for line in screen)
    assert sum("defastra halted: insufficient funds" in line for line in screen) == 1


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"LANG": "C", "LC_ALL": "C"}])
def test_a_terminal_gets_what_it_can_show(folder: Path, more: dict[str, str]) -> None:
    """No colour, no motion, no characters beyond ASCII, as its owner says."""
    write_list(folder, *names(f"can{''.join(more)}".lower(), 3))
    with Terminal(folder, *RUN, "--yes", program=(str(warm().command),), environment=FULL | more) as terminal:
        assert terminal.end() == 0
        shown = terminal.shown
    assert ("event=start" in shown) is (more.get("TERM") == "dumb")
    assert ("\x1b[32m" in shown) is (more.get("LANG") == "C")
    assert ("━" in shown) is ("NO_COLOR" in more)


def test_a_log_that_is_asked_for_stands_above(folder: Path) -> None:
    """`-v --progress live`: a record of each request, and one picture."""
    write_list(folder, *names("above", 5))
    more = ("--yes", "-v", "--progress", "live")
    with Terminal(folder, *RUN, *more, program=(str(warm().command),), environment=FULL, size=(200, 40)) as terminal:
        assert terminal.end() == 0
        screen = terminal.screen()
    assert sum(" attempt.closed " in line for line in screen) == 5
    assert sum(line.startswith("leads-") and " of 5" in line for line in screen) == 1
