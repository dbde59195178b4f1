"""What a run shows while it works."""

import io
import json
import re
import shlex
from typing import Any

import pytest

from runner.cli.lines import Form, Line, LineProgress, json_line, plain_line
from runner.cli.progress import ProgressMode, Tally, dry_text
from runner.cli.shown import Lines, progress
from runner.cli.terminal import Screen
from runner.domain.model import Action, Amount, Debited, Fault
from runner.domain.states import JobEvent
from runner.engine.events import (
    BalanceLow,
    CapsTuned,
    Event,
    LaneChanged,
    MachineSlept,
    PlaceTrouble,
    RowsAwaited,
    RunEnded,
    RunStarted,
    RunStopping,
    StoreTrouble,
)
from tests.cli.watched import SECOND, B, closed
from tests.docs.pages import ROOT


def lane(at_us: int, state: str, **changes: Any) -> LaneChanged:
    """A change of a provider's state."""
    return LaneChanged(
        batch=B, at_us=at_us, provider="defastra", state=state, **({"reason": None, "until_us": None} | changes)
    )


@pytest.fixture
def shown():
    """A plain observer over 100 requests, and the lines it wrote."""
    lines: list[str] = []
    return LineProgress(Tally("leads", 100), lines.append), lines


def test_what_never_left_was_not_sent():
    """A row whose file is gone has ended, and no request was made for it."""
    tally = Tally("leads", 2)
    tally.add(closed(SECOND, fault=Fault.INVALID, action=Action.FAIL, debited=Debited.NO, event=JobEvent.FAIL))
    tally.add(closed(SECOND))
    assert tally.fields() == {"sent": 1, "charged": 1, "not_charged": 0, "in_doubt": 0, "waiting": 0}


def test_a_request_in_doubt_counts_whatever_becomes_of_its_job():
    """With resend-once the job is queued again: the request that nobody knows about stays in doubt."""
    tally = Tally("leads", 1)
    tally.add(closed(SECOND, debited=Debited.UNKNOWN, event=JobEvent.RETRY, action=Action.RETRY))
    tally.add(closed(SECOND))
    assert tally.fields() == {"sent": 2, "charged": 1, "not_charged": 0, "in_doubt": 1, "waiting": 0}


def test_plain_lines_are_start_changes_and_end(shown):
    """Requests themselves are counted, not shown."""
    observe, lines = shown
    observe(RunStarted(batch=B, at_us=0, providers=("defastra",)))
    observe(closed(SECOND))
    observe(closed(SECOND, debited=Debited.NO, event=JobEvent.FAIL, action=Action.FAIL))
    observe(closed(SECOND, debited=Debited.UNKNOWN, event=JobEvent.DOUBT, action=Action.RETRY))
    observe(lane(2 * SECOND, "gated", reason="limited", until_us=9 * SECOND))
    observe(RunStopping(batch=B, at_us=3 * SECOND, reason="signal:130", in_flight=2))
    observe(RunEnded(batch=B, at_us=4 * SECOND, state="paused", reason="interrupted"))
    assert lines == [
        "at=1970-01-01T00:00:00Z event=start batch=leads providers=defastra due=100",
        "at=1970-01-01T00:00:02Z event=waiting batch=leads provider=defastra until=1970-01-01T00:00:09Z why=limited",
        "at=1970-01-01T00:00:03Z event=stopping batch=leads why=signal:130 in_flight=2",
        "at=1970-01-01T00:00:04Z event=end batch=leads state=paused why=interrupted sent=3 charged=1 not_charged=1 "
        "in_doubt=1 waiting=97",
    ]


def test_a_minute_of_work_is_one_line(shown):
    """Ten requests a second for two minutes are two lines."""
    observe, lines = shown
    observe(RunStarted(batch=B, at_us=0, providers=("defastra",)))
    for tenth in range(1, 1201):
        observe(closed(tenth * SECOND // 10))
    assert [text.split()[1] for text in lines] == ["event=start", "event=progress", "event=progress"]
    assert "sent=600 charged=600" in lines[1]


def test_pacing_is_not_a_change_worth_a_line(shown):
    """A provider at its limit is open and limited by turns; the first of these is shown, a halt is shown."""
    observe, lines = shown
    for at in range(10):
        observe(lane(at, "limited" if at % 2 else "open"))
    observe(lane(10, "halted", reason="insufficient-funds", message="no credit for jane@example.com"))
    assert [text.split()[1] for text in lines] == ["event=sending", "event=halted"]
    assert lines[1].endswith('why=insufficient-funds says="no credit for j…@example.com"')


def test_a_pace_is_shown_while_it_is_slower_and_once_it_is_whole_again(shown):
    """Of a provider that was never slowed down it is not."""
    observe, lines = shown
    for at, rate, slowed in ((1, "60/60 s", False), (2, "60/60 s at 70 %", True), (3, "60/60 s", False)):
        observe(lane(at * SECOND, "open", rate=rate, slowed=slowed))
    assert [shlex.split(text)[4:] for text in lines] == [[], ["pace=60/60 s at 70 %"], ["pace=60/60 s"]]


def low(**changes: Any) -> BalanceLow:
    """A wallet that will not last."""
    figures: dict[str, Any] = {"balance": Amount(120_500_000), "requests": 1856, "cost": Amount(1_856_000_000)}
    return BalanceLow(batch=B, at_us=SECOND, provider="defastra", unit="check", **(figures | changes))


def test_a_wallet_that_will_run_dry_is_told_in_words(shown):
    """In the plain lines as they are; on a terminal the same words stand beside the bar."""
    observe, lines = shown
    observe(low())
    assert lines == [
        "at=1970-01-01T00:00:01Z event=warning batch=leads provider=defastra why=balance-low "
        'says="defastra holds 120.5 checks, 1,856 requests wait: it will run dry"'
    ]
    one = low(balance=Amount(1_000_000), requests=1, cost=Amount(2_000_000))
    assert dry_text(one) == "defastra holds 1 check, 1 request waits: it will run dry"


def test_a_machine_that_slept_is_told_in_one_line(shown):
    """How long, and that it goes on."""
    observe, lines = shown
    observe(MachineSlept(batch=B, at_us=SECOND, seconds=28_680.0))
    assert lines == [
        "at=1970-01-01T00:00:01Z event=awake batch=leads why=machine-slept "
        'says="the machine slept 7 h 58 min; going on"'
    ]


def test_withdrawn_requests_count_for_nothing():
    """What was opened and never sent is not in the counts."""
    tally = Tally("leads", 3)
    tally.add(closed(1, action=None, event=JobEvent.RELEASE, debited=Debited.NO))
    tally.add(closed(2, action=Action.RETRY, event=JobEvent.RETRY, debited=Debited.NO))
    assert tally.fields() == {"sent": 1, "charged": 0, "not_charged": 1, "in_doubt": 0, "waiting": 3}


def test_values_with_spaces_are_quoted_and_empty_ones_left_out():
    """A line can be split by a shell's rules."""
    fields = {"why": "a b", "code": "", "n": 0, "x": 'q="'}
    shown = plain_line(Line(at_us=0, event="end", fields=fields, counts={"sent": 1}))
    assert shown == 'at=1970-01-01T00:00:00Z event=end why="a b" n=0 x="q=\\""'


NIGHT: list[Event] = [
    RunStarted(batch=B, at_us=0, providers=("defastra", "defendis")),
    lane(SECOND, "open"),
    closed(2 * SECOND),
    lane(3 * SECOND, "gated", reason="rate-limited", until_us=9 * SECOND, message="slow down, jane@example.com"),
    closed(70 * SECOND),
    StoreTrouble(batch=B, at_us=71 * SECOND, reason="database-locked"),
    BalanceLow(
        batch=B,
        at_us=72 * SECOND,
        provider="defastra",
        unit="check",
        balance=Amount(1),
        requests=3,
        cost=Amount(3_000_000),
    ),
    MachineSlept(batch=B, at_us=73 * SECOND, seconds=60),
    RowsAwaited(batch=B, at_us=74 * SECOND, next_look_us=80 * SECOND),
    PlaceTrouble(batch=B, at_us=75 * SECOND, place="source", message="gone", until_us=80 * SECOND),
    PlaceTrouble(batch=B, at_us=76 * SECOND, place="source", message=None),
    StoreTrouble(batch=B, at_us=77 * SECOND, reason="disk-full"),
    CapsTuned(batch=B, at_us=78 * SECOND, max_requests=5, max_spend=((None, Amount(SECOND)),), requests_left=3),
    RunStopping(batch=B, at_us=78 * SECOND, reason="signal:143", in_flight=1),
    lane(79 * SECOND, "halted", reason="no-funds"),
    lane(80 * SECOND, "done"),
    RunEnded(batch=B, at_us=81 * SECOND, state="paused", reason="interrupted"),
]


def night(form: Form) -> list[str]:
    """The lines of a run in which everything happens."""
    lines: list[str] = []
    observe = LineProgress(Tally("leads", 100), lines.append, form)
    for event in NIGHT:
        observe(event)
    return lines


def test_json_lines_say_what_plain_ones_do():
    """Line by line the same events and values; an event has the same keys every time; no personal value in either."""
    plain, objects = night(plain_line), [json.loads(text) for text in night(json_line)]
    assert len(plain) == len(objects)
    for words, one in zip(map(shlex.split, plain), objects, strict=True):
        for key, value in (word.split("=", 1) for word in words):
            assert value == (",".join(one[key]) if isinstance(one[key], list) else str(one[key]))
    keys = {one["event"]: tuple(one) for one in objects}
    assert all(tuple(one) == keys[one["event"]] for one in objects)
    assert "jane@" not in "".join(plain) + json.dumps(objects)


def test_the_keys_of_each_line_are_on_the_page():
    """docs/operating.md names every event of a line with its keys, as they come."""
    page = (ROOT / "docs" / "operating.md").read_text("utf-8")
    table = page.split("| line | keys |", 1)[1].split("\n\n", 1)[0]
    told = {
        (word, tuple(re.findall(r"`([a-z_]+)`", keys)))
        for words, keys in re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \| ([^|]*) \|", table, re.MULTILINE)
        for word in re.findall(r"`([a-z]+)`", words)
    }
    everywhere = ("at", "event", "batch", *Tally("leads", 1).fields())
    objects = [json.loads(text) for text in night(json_line)]
    assert {(one["event"], tuple(key for key in one if key not in everywhere)) for one in objects} == told


def test_a_minute_of_silence_is_a_line_in_either_form():
    """What watches a log sees that the run is alive: counted from the last line, whatever that was."""
    for form in (plain_line, json_line):
        lines: list[str] = []
        observe = LineProgress(Tally("leads", 100), lines.append, form)
        observe(RunStarted(batch=B, at_us=0, providers=("defastra",)))
        for second in range(5, 185, 5):
            observe.beat(second * SECOND)
        assert len(lines) == 4


def test_auto_is_plain_without_a_terminal_and_quiet_is_nothing(capsys):
    """No motion where nobody looks."""
    assert isinstance(progress(ProgressMode.AUTO, Screen(), [Tally("x", 1)]), Lines)
    progress(ProgressMode.PLAIN, Screen(quiet=True), [Tally("x", 1)])(RunStarted(batch=B, at_us=0, providers=()))
    assert capsys.readouterr().err == ""


def test_a_screen_that_went_away_never_raises(monkeypatch):
    """A closed pipe makes the stream deaf; the run goes on."""

    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    screen = Screen()
    screen.say("anybody there?")
    screen.say("no")


def test_a_database_that_cannot_be_written_is_said(shown):
    """Once when it begins and once when it is over."""
    observe, lines = shown
    for second, reason in enumerate(("no-reserve", "database-locked", "database-free", "disk-full")):
        observe(StoreTrouble(batch=B, at_us=second * SECOND, reason=reason))
    assert [text.partition(" ")[2] for text in lines] == [
        "event=warning batch=leads why=no-reserve",
        "event=waiting batch=leads why=database-locked",
        "event=sending batch=leads why=database-free",
        "event=stopping batch=leads why=disk-full",
    ]
