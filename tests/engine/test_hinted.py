"""Hints in a night: what is left until a reset is kept to, and nothing ever goes faster for a hint."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.hints import Room
from runner.domain.model import Answer
from runner.domain.provider import Limit
from runner.engine.headroom import Headroom
from tests.engine.night import Night
from tests.engine.scripted import LATER, OK, Script, Sent, provider


def hinted(answer: Answer = OK, **headers: object) -> Answer:
    return replace(answer, headers=tuple((name.replace("_", "-"), str(value)) for name, value in headers.items()))


def gaps(night: Night) -> list[float]:
    at = [sent.at for sent in night.sent()]
    return [late - early for early, late in pairwise(at)]


def fixed_windows(at_most: int, seconds: float, refused: list[float], *, form: str) -> Script:
    """A server that counts in fixed windows and tells truly what is left of them, in one form or another."""
    counts: dict[int, int] = {}

    def script(sent: Sent) -> Answer:
        window = int(sent.at // seconds)
        counts[window] = counts.get(window, 0) + 1
        left, reset = max(0, at_most - counts[window]), (window + 1) * seconds - sent.at + 1.0
        if counts[window] > at_most:
            refused.append(sent.at)
        answer = LATER if counts[window] > at_most else OK
        if form == "draft":
            return hinted(answer, ratelimit=f'"default";r={left};t={reset:.3f}')
        return hinted(answer, x_ratelimit_remaining=left, x_ratelimit_reset=f"{reset:.3f}")

    return script


def test_nothing_leaves_before_a_reset_when_nothing_is_left(tmp_path: Path) -> None:
    """A wait of the lane without a refusal: no attempt more than rows, no event but that it sends."""
    night = Night(
        path=tmp_path / "r.db",
        values=20,
        providers=(provider(in_flight=1),),
        scripts={"acme": lambda sent: hinted(ratelimit="x;r=0;t=20") if sent.value == "v5" else OK},
    )
    night.run()
    assert [round(gap) for gap in gaps(night) if gap > 1] == [20]
    assert len(night.sent()) == 20
    assert night.query("SELECT count(*) FROM events WHERE event IN ('lane.gated', 'lane.slowed')") == [(0,)]


def test_not_more_than_what_is_left_goes_until_the_reset(tmp_path: Path) -> None:
    """Ten are left while others are in flight: they count."""
    night = Night(
        path=tmp_path / "r.db",
        values=60,
        providers=(provider(in_flight=6),),
        scripts={
            "acme": lambda sent: hinted(x_ratelimit_remaining=10, x_ratelimit_reset=30) if sent.value == "v9" else OK
        },
    )
    night.run()
    told = next(number for number, sent in enumerate(night.sent()) if sent.value == "v9")
    before = [sent for sent in night.sent() if sent.at < 25]
    assert 10 - 5 <= len(before) - told - 1 <= 10
    assert max(gaps(night)) > 25


def test_a_quota_of_the_month_holds_a_night_for_a_minute_and_no_more(tmp_path: Path) -> None:
    """Nothing is left for twenty days, says every answer, and yet each is one: it is believed once, for a minute."""
    empty = hinted(x_ratelimit_remaining=0, x_ratelimit_reset=20 * 86_400)
    night = Night(path=tmp_path / "r.db", values=200, scripts={"acme": lambda sent: empty})
    night.run()
    assert [round(gap) for gap in gaps(night) if gap > 5] == [60]
    assert night.sent()[-1].at < 80
    assert night.states() == {"succeeded": 200}


@pytest.mark.parametrize("form", ["draft", "single"])
@pytest.mark.parametrize("in_flight", [1, 8])
def test_who_heeds_true_hints_is_never_refused(tmp_path: Path, form: str, in_flight: int) -> None:
    """No limit is named; the hints alone keep every fixed window, answers out of order or not."""
    chance, refused = random.Random(7), list[float]()
    night = Night(
        path=tmp_path / "r.db",
        values=300,
        providers=(provider(in_flight=in_flight),),
        scripts={"acme": fixed_windows(40, 30, refused, form=form)},
        slow={f"v{n}": chance.choice((0.0, 0.0, chance.expovariate(1.0))) for n in range(300)},
    )
    night.run()
    assert refused == []
    assert night.states() == {"succeeded": 300}
    assert night.sent()[-1].at < 300 / 40 * 30 * 1.35 + 30


def test_a_stated_policy_is_the_limit_where_the_profile_has_none(tmp_path: Path) -> None:
    """Nine tenths of it, both ways: a plan that grows is used."""

    def script(sent: Sent) -> Answer:
        return hinted(ratelimit_policy='"default";q=20;w=10' if sent.at < 60 else '"default";q=200;w=10')

    night = Night(path=tmp_path / "r.db", values=300, scripts={"acme": script})
    assert night.run().lanes[0].rate == "180/10 s"
    assert sum(sent.at < 50 for sent in night.sent()) <= 18 * 5 + 8
    assert night.sent()[-1].at < 90


def test_a_stated_policy_holds_for_what_an_earlier_run_sent(tmp_path: Path) -> None:
    """Its window may be an hour: who runs again after ten minutes has what is left of it, from the first answer on."""
    night = Night(path=tmp_path / "r.db", values=40)
    night.run(limit=12)
    night.clock.shift_us += 600_000_000
    night.scripts = {"acme": lambda sent: hinted(ratelimit_policy='"default";q=20;w=3600')}
    night.run(limit=7)
    assert len(night.sent()) == 7
    assert night.sent()[5].at < 1100, "18 are nine tenths"
    assert night.sent()[6].at > 2900


def test_a_policy_changes_no_limit_of_the_profile(tmp_path: Path) -> None:
    """Whatever the headers promise, the profile's own window holds."""
    generous = hinted(ratelimit_policy="1000;w=1", ratelimit="limit=1000, remaining=999, reset=1")
    night = Night(
        path=tmp_path / "r.db",
        values=30,
        providers=(provider(limits=(Limit(at_most=5, per_seconds=10),)),),
        scripts={"acme": lambda sent: generous},
    )
    assert night.run().lanes[0].rate == "5/10 s"
    at = [sent.at for sent in night.sent()]
    assert all(late - early >= 10 for early, late in zip(at, at[5:], strict=False))


def test_a_hint_opens_no_gate(tmp_path: Path) -> None:
    """A refusal that says how much is left is waited out all the same."""
    plenty = hinted(LATER, ratelimit="x;r=100;t=1")
    night = Night(path=tmp_path / "r.db", values=9, scripts={"acme": lambda sent: plenty if sent.at < 1 else OK})
    night.run()
    assert night.sent()[1].at - night.sent()[0].at >= 60


rooms = st.lists(st.builds(Room, st.integers(0, 20), st.floats(0.001, 1e6)), max_size=3)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["take", "finish", "tell", "wait"]), rooms, st.floats(0, 30)), max_size=40))
def test_the_headroom_is_never_more_than_what_was_said_and_ends_within_its_bound(
    steps: list[tuple[str, list[Room], float]],
) -> None:
    """After each answer not more leave than its least room, and whatever is said nothing waits longer than a minute."""
    headroom, now, left, until = Headroom(), 0.0, 10**9, 0.0
    for step, told, seconds in steps:
        now += seconds if step == "wait" else 0.0
        if now >= until:
            left = 10**9
        if step == "take" and headroom.room_at(now) <= now:
            left -= 1
            headroom.take()
        elif step == "finish" and headroom.in_flight:
            headroom.finish()
        elif step == "tell":
            headroom.tell(told, sent_at=now, now=now, bound=60.0)
            near = [room for room in told if room.reset_seconds <= 60]
            least = min(near, key=lambda room: room.remaining, default=None)
            left, until = (10**9, 0.0) if least is None else (max(0, least.remaining), now + least.reset_seconds)
        assert left >= 0
        assert now <= headroom.room_at(now) <= now + 60
