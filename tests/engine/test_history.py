"""What only several answers tell: streaks that halt, outages, and waits that grow."""

from __future__ import annotations

from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from runner.domain.model import Action, Answer
from runner.domain.provider import Condition, Rule
from runner.engine.streaks import Streaks
from tests.engine.night import Night
from tests.engine.scripted import BAD_ROW, BUSY, LATER, OK, WRONG, Sent, changed, rule

SCOPE = Answer(status=403, body=b"{}")
TROUBLE = Answer(status=503, body=b'{"error": "trouble"}')


OUTAGE = rule(
    "outage", Action.PAUSE, when=Condition(code=("trouble",)), wait_seconds=1, wait_cap_seconds=60, outage=True
)


def scope(**more: Any) -> Rule:
    return rule("scope", Action.FAIL, when=Condition(statuses=frozenset({403})), halt_after=5, **more)


def test_a_streak_halts_and_its_jobs_are_queued_as_if_nothing_was(tmp_path: Path) -> None:
    """Five in a row: four were failed by then; all five are queued, no attempt spent, each was sent once."""
    night = Night(
        path=tmp_path / "r.db",
        values=50,
        providers=(changed(scope(), in_flight=1),),
        scripts={"acme": lambda sent: SCOPE},
    )
    summary = night.run()
    assert [(lane.state, lane.reason) for lane in summary.lanes] == [("halted", "scope")]
    assert len(night.sent()) == 5
    assert night.states() == {"queued": 50}
    assert night.query("SELECT DISTINCT attempts_spent, reason, final, finished_us FROM jobs WHERE attempts = 1") == [
        (0, "scope", None, None)
    ]
    assert night.query("SELECT count(*) FROM events WHERE event = 'streak.requeued'") == [(1,)]


def test_what_was_on_its_way_when_a_streak_trips_fails_nobody(tmp_path: Path) -> None:
    """Eight in flight: those answered after the halt are queued too."""
    night = Night(
        path=tmp_path / "r.db", values=50, providers=(changed(scope()),), scripts={"acme": lambda sent: SCOPE}
    )
    night.run()
    assert night.states() == {"queued": 50}
    assert 5 <= len(night.sent()) <= 13
    assert night.query("SELECT DISTINCT attempts_spent FROM jobs") == [(0,)]


@pytest.mark.parametrize("between", [OK, BAD_ROW], ids=["a success", "a failure of another kind"])
def test_something_else_breaks_a_streak(tmp_path: Path, between: Answer) -> None:
    """Four in a row and another answer, again and again: those four fail, and nothing halts."""

    def script(sent: Sent) -> Answer:
        return between if int(sent.value[1:]) % 5 == 0 else SCOPE

    night = Night(
        path=tmp_path / "r.db", values=50, providers=(changed(scope(), in_flight=1),), scripts={"acme": script}
    )
    summary = night.run()
    assert summary.lanes[0].state == "done"
    assert night.query("SELECT count(*) FROM jobs WHERE state = 'failed' AND reason = 'scope'") == [(40,)]


def test_trouble_in_between_does_not_break_a_streak(tmp_path: Path) -> None:
    """A refusal says nothing about rows: it neither ends a streak nor counts in it."""
    turns = count()
    night = Night(
        path=tmp_path / "r.db",
        values=50,
        providers=(changed(scope(), in_flight=1),),
        scripts={"acme": lambda sent: SCOPE if next(turns) % 2 else LATER},
    )
    summary = night.run()
    assert (summary.lanes[0].state, summary.lanes[0].reason) == ("halted", "scope")
    assert night.states() == {"queued": 50}


def test_a_streak_of_the_unproven_halts_only_while_nothing_succeeded(tmp_path: Path) -> None:
    """`halt_after` with `unproven`: after one success any number of them are rows that are out of scope."""
    night = Night(
        path=tmp_path / "r.db",
        values=30,
        providers=(changed(scope(unproven_halt=True), in_flight=1),),
        scripts={"acme": lambda sent: OK if sent.value == "v4" else SCOPE},
    )
    assert night.run().lanes[0].state == "done"
    assert night.states() == {"succeeded": 1, "failed": 29}


def test_after_a_streak_the_next_run_asks_about_other_jobs(tmp_path: Path) -> None:
    """Only a success opens; three more of the kind and the lane halts under the rule's own name, not as broken."""
    answers = {"now": SCOPE}
    night = Night(
        path=tmp_path / "r.db",
        values=30,
        providers=(changed(scope(), in_flight=1),),
        scripts={"acme": lambda sent: answers["now"]},
    )
    night.run()
    again = night.run()
    assert (again.lanes[0].state, again.lanes[0].reason) == ("halted", "scope")
    assert len(night.sent()) == 3
    assert "v5" not in {sent.value for sent in night.sent()}, "the one whose answer halted is not asked again"
    answers["now"] = OK
    night.run()
    assert night.states() == {"succeeded": 27, "failed": 3}
    assert night.query("SELECT DISTINCT final FROM jobs WHERE state = 'failed'") == [(0,)], "a later run may ask again"


def test_a_streak_of_retries_halts_before_attempts_are_used_up(tmp_path: Path) -> None:
    """`halt_after` on a rule that retries: what was counted against its jobs is taken back."""
    busy = rule("busy", Action.RETRY, when=Condition(code=("busy",)), halt_after=6, attempts=2)
    night = Night(
        path=tmp_path / "r.db", values=20, providers=(changed(busy, in_flight=1),), scripts={"acme": lambda sent: BUSY}
    )
    # Behind the circuit nothing counts, so the streak is let grow by answers for few jobs.
    summary = night.run()
    assert summary.lanes[0].state == "halted"
    assert "failed" not in night.states()


@pytest.mark.usefixtures("seldom")
def test_trouble_of_theirs_never_ends_as_rate_limited(tmp_path: Path) -> None:
    """An outage that is said politely is waited out with growing waits; after six hours it is called by its name."""
    night = Night(
        path=tmp_path / "r.db", values=5, providers=(changed(OUTAGE),), scripts={"acme": lambda sent: TROUBLE}
    )
    summary = night.run()
    assert (summary.lanes[0].state, summary.lanes[0].reason) == ("halted", "provider-down")
    at = [sent.at for sent in night.sent()]
    assert at[-1] - at[0] >= 6 * 3600 - 61
    assert len(at) > 200, "one probe a minute, not twenty in all"
    assert night.states() == {"queued": 5}


@pytest.mark.usefixtures("seldom")
def test_an_outage_that_ends_costs_nobody_an_attempt(tmp_path: Path) -> None:
    """After two hours it works again: every row is answered, none of its attempts was spent on the outage."""
    night = Night(
        path=tmp_path / "r.db",
        values=5,
        providers=(changed(OUTAGE),),
        scripts={"acme": lambda sent: TROUBLE if sent.at < 7200 else OK},
    )
    night.run()
    assert night.states() == {"succeeded": 5}
    assert night.query("SELECT DISTINCT attempts_spent FROM jobs") == [(1,)]


def test_waits_double_within_an_episode_and_start_over_after_a_success(tmp_path: Path) -> None:
    """[1, 60] with jitter: each refused probe waits longer, up to a minute; a success ends the episode."""
    later = rule("later", Action.PAUSE, when=Condition(statuses=frozenset({429})), wait_seconds=1, wait_cap_seconds=60)
    good: list[str] = []

    def script(sent: Sent) -> Answer:
        if sent.at < 100 or (good and sent.at < 400):
            return LATER
        good.append(sent.value)
        return OK

    night = Night(
        path=tmp_path / "r.db",
        values=3,
        providers=(changed(later, in_flight=1),),
        scripts={"acme": script},
        latency=0.0,
    )
    night.run()
    at = [sent.at for sent in night.sent()]
    first = next(n for n, moment in enumerate(at) if moment > 100)
    waits = [after - before for before, after in pairwise(at)]
    assert all(2**n / 2 <= wait <= 2**n + 0.1 for n, wait in enumerate(waits[:6]))
    assert max(waits) <= 60.1
    assert waits[first] <= 0.1, "after the success the next one goes at once"
    assert waits[first + 1] <= 1.1, "a new episode starts with the shortest wait"


def test_a_streak_that_can_no_longer_halt_is_not_kept(tmp_path: Path) -> None:
    """Once a success is known, a list that is out of scope from end to end costs no memory."""
    counted: list[int] = []

    night = Night(
        path=tmp_path / "r.db",
        values=30,
        providers=(changed(scope(unproven_halt=True), in_flight=1),),
        scripts={"acme": lambda sent: OK if sent.value == "v4" else SCOPE},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Streaks, "extend", lambda self, operation, rule, attempt: counted.append(attempt))
        night.run()
    assert len(counted) == 3


def test_an_unproven_shape_still_halts_at_the_first(tmp_path: Path) -> None:
    """Without `halt_after` one answer is enough, as it always was."""
    night = Night(path=tmp_path / "r.db", values=9, scripts={"acme": lambda sent: WRONG})
    night.run()
    assert len(night.sent()) == 1
    assert night.states() == {"queued": 9}


def test_trouble_of_theirs_does_not_count_towards_too_fast(tmp_path: Path) -> None:
    """Twenty-five times in trouble, then once too fast: it waits, and is not halted as rate-limited."""
    night = Night(
        path=tmp_path / "r.db",
        values=3,
        providers=(changed(OUTAGE),),
        scripts={"acme": lambda sent: TROUBLE if len(night.sent()) <= 25 else LATER if len(night.sent()) == 26 else OK},
    )
    summary = night.run()
    assert summary.lanes[0].state == "done"
    assert night.states() == {"succeeded": 3}


def test_a_halt_does_not_quote_whom_it_was_asked_about(tmp_path: Path) -> None:
    """A provider that names the address in its refusal: what is stored of the halt and told of it does not."""
    said = Answer(
        status=200, body=b'{"ok": false, "error": "broke", "message": "no funds for v1 of ada.long@example.com"}'
    )
    night = Night(path=tmp_path / "r.db", values=2, scripts={"acme": lambda sent: said})
    (lane,) = night.run().lanes
    assert lane.state == "halted"
    assert "ada.long" not in f"{lane.message} {lane.code}"
    assert "no funds" in (lane.message or "")
    ((detail,),) = night.query("SELECT detail FROM events WHERE event = 'lane.halted'")
    assert "ada.long" not in detail
