"""The learned pace: slower after each episode of refusals, slowly back, found where nobody stated a limit."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runner.domain.model import Answer
from runner.domain.provider import Limit
from runner.engine.adaptation import Adaptation
from runner.engine.events import LaneChanged
from runner.engine.throttle import Throttle
from tests.engine.night import Night
from tests.engine.scripted import BROKE, DOWN, LATER, OK, Script, Sent, provider
from tests.virtual import VirtualClock, run_virtual

PER_SECOND = (Limit(at_most=1, per_seconds=1),)
EVENTS = "SELECT event, json_extract(detail, '$.rate') FROM events WHERE event IN ('lane.slowed', 'lane.restored')"


def strict_server(at_most: int, seconds: float, refused: list[float]) -> Script:
    """Counts what arrives in a sliding window and refuses the rest until there is room."""
    log: deque[float] = deque()

    def script(sent: Sent) -> Answer:
        while log and log[0] <= sent.at - seconds:
            log.popleft()
        if len(log) >= at_most:
            refused.append(sent.at)
            return replace(LATER, headers=(("retry-after", str(math.ceil(log[0] + seconds - sent.at))),))
        log.append(sent.at)
        return OK

    return script


def refuse_once(number: int) -> Script:
    """The request of that number is refused, all others succeed."""
    seen: list[Sent] = []

    def script(sent: Sent) -> Answer:
        seen.append(sent)
        return replace(LATER, headers=(("retry-after", "2"),)) if len(seen) == number else OK

    return script


def adapting(*limits: Limit) -> tuple[Adaptation, Throttle]:
    throttle = Throttle(limits, clock=VirtualClock())
    return Adaptation(throttle), throttle


async def _share() -> None:
    adaptation, throttle = adapting(Limit(at_most=60, per_seconds=60))
    assert adaptation.in_words() == "60/60 s"
    adaptation.refused(100, in_flight=0, first=False)
    assert (adaptation.share, throttle.factor, adaptation.in_words()) == (0.7, 0.7, "60/60 s at 70 %")
    adaptation.answered(160)
    adaptation.answered(219)
    assert adaptation.share == 0.7, "no minute with answers is over"
    for second in range(220, 530, 10):
        adaptation.answered(second)
    assert (adaptation.share, throttle.factor, adaptation.slowed) == (1.0, 1.0, False), "six minutes of five points"


async def _unclean() -> None:
    adaptation, _ = adapting(Limit(at_most=60, per_seconds=60))
    adaptation.refused(0, in_flight=0, first=False)
    adaptation.answered(1)
    adaptation.refused_again()
    adaptation.answered(61)
    assert adaptation.share == 0.7, "a refusal came in this minute"
    adaptation.answered(121)
    assert adaptation.share == 0.75
    adaptation.answered(10_000)
    assert adaptation.share == 0.8, "minutes in which nothing was answered prove nothing"


async def _floor() -> None:
    adaptation, throttle = adapting(Limit(at_most=60, per_seconds=60))
    for episode in range(30):
        adaptation.refused(episode, in_flight=0, first=False)
    assert throttle.factor == 0.1
    adaptation, throttle = adapting()
    for episode in range(30):
        adaptation.refused(episode, in_flight=3, first=False)
    assert throttle.limits == (Limit(at_most=1, per_seconds=10),)


async def _found() -> None:
    adaptation, throttle = adapting()
    adaptation.refused(3, in_flight=0, first=True)
    assert not throttle.limits, "one request is no pace"
    for second in range(100, 120):
        for _ in range(20):
            adaptation.answered(second)
    adaptation.refused(119.5, in_flight=0, first=False)
    assert throttle.limits == (Limit(at_most=148, per_seconds=10),), "7 tenths of 201 in 9.5 s"
    adaptation.answered(120)
    adaptation.answered(180)
    assert throttle.limits[0].at_most == 158
    adaptation.refused(181, in_flight=0, first=False)
    assert throttle.limits[0].at_most == 111
    for minute in range(60):
        adaptation.answered(181 + 60 * minute)
    assert throttle.limits[0].at_most > 500, "it keeps growing"
    assert adaptation.in_words() == f"{throttle.limits[0].at_most}/10 s (found)"


@pytest.mark.parametrize("story", [_share, _unclean, _floor, _found])
def test_down_by_a_factor_and_up_by_steps(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """70 % per episode, five points for each clean minute with answers, never below a tenth, or one in ten seconds."""
    run_virtual(story)


def test_a_refusal_slows_the_lane_down_and_that_is_told_and_over_in_time(tmp_path: Path) -> None:
    """60 a minute, refused once: 42 a minute, told once; back within six minutes, told once."""
    night = Night(
        path=tmp_path / "r.db",
        values=450,
        providers=(provider(limits=(Limit(at_most=60, per_seconds=60),)),),
        scripts={"acme": refuse_once(30)},
    )
    night.run()
    assert night.states() == {"succeeded": 450}
    assert night.query(EVENTS) == [("lane.slowed", "60/60 s at 70 %"), ("lane.restored", "60/60 s")]
    refused_at = night.sent()[29].at
    minute = [sent.at for sent in night.sent() if refused_at + 3 < sent.at <= refused_at + 63]
    assert 30 <= len(minute) <= 43
    assert night.sent()[-1].at - night.sent()[-61].at < 60.5
    told = [(event.rate, event.slowed, event.windows) for event in night.events if isinstance(event, LaneChanged)]
    assert ("60/60 s at 70 %", True, ((42, 60),)) in told
    assert told[-1] == ("60/60 s", False, ((60, 60),))


@pytest.mark.parametrize("answer", [DOWN, replace(LATER, status=503, headers=(("retry-after", "5"),))])
def test_trouble_of_theirs_never_slows_down(tmp_path: Path, answer: Answer) -> None:
    """5xx, and answers that take a minute, say nothing of the pace."""
    night = Night(
        path=tmp_path / "r.db",
        values=40,
        providers=(provider(limits=PER_SECOND, safe=True),),
        scripts={"acme": lambda sent: answer if 10 < sent.at < 20 else OK},
        slow={"v20": 20.0, "v21": 25.0},
    )
    night.run()
    assert night.states() == {"succeeded": 40}
    assert night.query(EVENTS) == []


@pytest.mark.parametrize(("minutes", "rate"), [(9, "1/1 s at 70 %"), (11, "1/1 s")])
def test_the_next_run_begins_as_slow_for_ten_minutes(tmp_path: Path, minutes: int, rate: str) -> None:
    """What a refusal taught holds for the account: a run within ten minutes keeps to it."""
    night = Night(
        path=tmp_path / "r.db",
        values=30,
        providers=(provider(limits=PER_SECOND),),
        scripts={"acme": refuse_once(5)},
    )
    assert night.run(limit=10).lanes[0].rate == "1/1 s at 70 %"
    night.clock.shift_us += minutes * 60_000_000
    night.scripts = {}
    assert night.run(limit=10).lanes[0].rate == rate


def test_a_halt_in_between_does_not_make_it_faster(tmp_path: Path) -> None:
    """Refused, and halted a moment later: nobody says that the pace is back, and the next run begins as slow."""
    refused = refuse_once(5)
    night = Night(
        path=tmp_path / "r.db",
        values=30,
        providers=(provider(limits=PER_SECOND),),
        scripts={"acme": lambda sent: BROKE if sent.value == "v8" else refused(sent)},
    )
    assert night.run().lanes[0].rate == "1/1 s at 70 %"
    assert night.query(EVENTS) == [("lane.slowed", "1/1 s at 70 %")]
    night.clock.shift_us += 9 * 60_000_000
    night.scripts = {}
    assert night.run(limit=10).lanes[0].rate == "1/1 s at 70 %"


def test_a_lane_without_limits_finds_its_pace(tmp_path: Path) -> None:
    """Nobody says that 5 a second is the limit: some refusals later the lane keeps close below it."""
    refused: list[float] = []
    night = Night(path=tmp_path / "r.db", values=2000, scripts={"acme": strict_server(50, 10, refused)})
    night.run()
    at = [sent.at for sent in night.sent()]
    assert night.states() == {"succeeded": 2000}
    assert len(at) - 2000 == len(refused) <= 60
    assert 2000 / at[-1] >= 0.6 * 5
    assert sum(moment > at[-1] - 300 for moment in refused) <= 20
    assert {event for event, _ in night.query(EVENTS)} == {"lane.slowed"}


def test_the_pace_that_was_found_is_kept_for_the_next_run(tmp_path: Path) -> None:
    """It does not begin without a limit again, and what the first run just sent counts."""
    refused: list[float] = []
    night = Night(path=tmp_path / "r.db", values=900, scripts={"acme": strict_server(50, 10, refused)})
    night.run(limit=500)
    before = len(refused)
    night.scripts = {"acme": strict_server(50, 10, refused)}
    first = night.run(limit=300).lanes[0].rate
    assert first is not None
    assert first.endswith("/10 s (found)")
    assert len(refused) - before <= 10


def test_no_burst_after_an_episode(tmp_path: Path) -> None:
    """The windows are empty after a minute's wait; what waits leaves one by one all the same."""
    night = Night(
        path=tmp_path / "r.db",
        values=60,
        providers=(provider(limits=(Limit(at_most=30, per_seconds=30),)),),
        scripts={"acme": lambda sent: LATER if 20 < sent.at < 21 else OK},
    )
    night.run()
    after = [sent.at for sent in night.sent() if sent.at > 75]
    assert min(late - early for early, late in pairwise(after)) > 1.3
