"""What only several answers tell: streaks that halt, waits that grow, limits that are learned, stated charges."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from runner.domain.model import Action, Amount, Answer, Debited
from runner.domain.provider import Condition, Learn, Limit, Lookup, Provider, Rule
from runner.engine.ports import RunOptions
from runner.engine.streaks import Streaks
from tests.engine.night import BAD_ROW, BUSY, DOWN, GARBAGE, LATER, OK, WRONG, Night, Sent, provider

SCOPE = Answer(status=403, body=b"{}")
TROUBLE = Answer(status=503, body=b'{"error": "trouble"}')


def changed(*rules: Rule, **more: Any) -> Provider:
    """Acme with rules of its own before the others."""
    base = provider(**more)
    names = {rule.name for rule in rules}
    return replace(base, rules=(*rules, *(rule for rule in base.rules if rule.name not in names)))


def rule(name: str, then: Action, when: Condition, debited: Debited = Debited.NO, **more: Any) -> Rule:
    return Rule(name=name, when=(when,), then=then, debited=debited, **more)


def scope(**more: Any) -> Rule:
    return rule("scope", Action.FAIL, Condition(statuses=frozenset({403})), halt_after=5, **more)


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


def test_a_streak_of_retries_halts_before_attempts_are_used_up(tmp_path: Path) -> None:
    """`halt_after` on a rule that retries: what was counted against its jobs is taken back."""
    busy = rule("busy", Action.RETRY, Condition(code=("busy",)), halt_after=6, attempts=2)
    night = Night(
        path=tmp_path / "r.db", values=20, providers=(changed(busy, in_flight=1),), scripts={"acme": lambda sent: BUSY}
    )
    # Behind the circuit nothing counts, so the streak is let grow by answers for few jobs.
    summary = night.run()
    assert summary.lanes[0].state == "halted"
    assert "failed" not in night.states()


def test_trouble_of_theirs_never_ends_as_rate_limited(tmp_path: Path) -> None:
    """An outage that is said politely is waited out with growing waits; after six hours it is called by its name."""
    down = rule("outage", Action.PAUSE, Condition(code=("trouble",)), wait_seconds=1, wait_cap_seconds=60, outage=True)
    night = Night(path=tmp_path / "r.db", values=5, providers=(changed(down),), scripts={"acme": lambda sent: TROUBLE})
    summary = night.run()
    assert (summary.lanes[0].state, summary.lanes[0].reason) == ("halted", "provider-down")
    at = [sent.at for sent in night.sent()]
    assert at[-1] - at[0] >= 6 * 3600 - 61
    assert len(at) > 200, "one probe a minute, not twenty in all"
    assert night.states() == {"queued": 5}


def test_an_outage_that_ends_costs_nobody_an_attempt(tmp_path: Path) -> None:
    """After two hours it works again: every row is answered, none of its attempts was spent on the outage."""
    down = rule("outage", Action.PAUSE, Condition(code=("trouble",)), wait_seconds=1, wait_cap_seconds=60, outage=True)
    night = Night(
        path=tmp_path / "r.db",
        values=5,
        providers=(changed(down),),
        scripts={"acme": lambda sent: TROUBLE if sent.at < 7200 else OK},
    )
    night.run()
    assert night.states() == {"succeeded": 5}
    assert night.query("SELECT DISTINCT attempts_spent FROM jobs") == [(1,)]


def test_waits_double_within_an_episode_and_start_over_after_a_success(tmp_path: Path) -> None:
    """[1, 60] with jitter: each refused probe waits longer, up to a minute; a success ends the episode."""
    later = rule("later", Action.PAUSE, Condition(statuses=frozenset({429})), wait_seconds=1, wait_cap_seconds=60)
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


def learning(at_most: int = 20, share: float = 0.9) -> Provider:
    limit = Limit(at_most=at_most, per_seconds=60, learn=Learn(header="X-RateLimit-Limit", share=share))
    return provider(limits=(limit,), in_flight=4)


def told(value: str) -> Answer:
    return replace(OK, headers=(("x-ratelimit-limit", value),))


LONG = "000000000001" + "0" * 5000  # more digits than Python makes a number of


def most_in(at: list[float], seconds: float) -> int:
    return max(sum(start <= moment < start + seconds for moment in at) for start in at)


def test_a_limit_is_learned_from_the_first_answer(tmp_path: Path) -> None:
    """It starts with the profile's 20 a minute, and goes at 90 % of the 200 that the provider tells."""
    night = Night(
        path=tmp_path / "r.db", values=400, providers=(learning(),), scripts={"acme": lambda sent: told("200")}
    )
    summary = night.run()
    at = [sent.at for sent in night.sent()]
    assert most_in(at, 60) == 180
    assert at[-1] < 150
    assert summary.lanes[0].rate == "180/60 s"


def test_a_limit_that_shrinks_is_kept_at_once(tmp_path: Path) -> None:
    """The provider lowers it to 10 in the middle of the night: from the next window on it is 9."""
    night = Night(
        path=tmp_path / "r.db",
        values=120,
        providers=(learning(),),
        scripts={"acme": lambda sent: told("100" if sent.at < 60 else "10")},
    )
    night.run()
    late = [sent.at for sent in night.sent() if sent.at > 130]
    assert len(late) >= 9
    assert most_in(late, 60) <= 9


@pytest.mark.parametrize("value", ["", "0", "-5", "many", "1e9", "99999999999999999999", "12, 34", "²", LONG])
def test_what_is_no_limit_is_not_learned(tmp_path: Path, value: str) -> None:
    """Garbage in the header: the profile's own number holds."""
    night = Night(
        path=tmp_path / "r.db", values=60, providers=(learning(),), scripts={"acme": lambda sent: told(value)}
    )
    summary = night.run()
    assert summary.lanes[0].rate == "20/60 s"
    assert most_in([sent.at for sent in night.sent()], 60) <= 20


def stating(**more: Any) -> Provider:
    base = provider(in_flight=1)
    http = replace(base.http, charge=(Lookup(body="used"), Lookup(header="x-used")))
    priced = {name: replace(one, **more) for name, one in base.operations.items()}
    return replace(base, http=http, operations=priced)


def used(answer: Answer, amount: str) -> Answer:
    return replace(answer, headers=(("x-used", amount),))


def ledger(night: Night) -> list[tuple[Any, ...]]:
    return night.query("SELECT debited, amount FROM v_attempts ORDER BY attempt")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (used(OK, "3"), ("yes", 3.0)),
        (used(OK, "0"), ("no", 0.0)),
        (used(OK, "0.25"), ("yes", 0.25)),
        (used(OK, "lots"), ("yes", 1.0)),
        (Answer(status=200, body=b'{"ok": true, "score": 1, "used": 2}', headers=(("x-used", "9"),)), ("yes", 2.0)),
        (Answer(status=200, body=b'{"ok": true, "score": 1, "used": true}'), ("yes", 1.0)),
        (Answer(status=200, body=b'{"ok": true, "score": 1, "used": -1}'), ("yes", 1.0)),
        (used(BAD_ROW, "2"), ("yes", 2.0)),
        (used(BAD_ROW, "0"), ("no", 0.0)),
    ],
)
def test_a_stated_charge_decides(tmp_path: Path, answer: Answer, expected: tuple[str, float]) -> None:
    """Over the rule's word and the price: in the body before the headers; what is no amount is not read."""
    night = Night(path=tmp_path / "r.db", values=1, providers=(stating(),), scripts={"acme": lambda sent: answer})
    night.run()
    assert ledger(night) == [expected]


def test_a_charge_stated_beside_garbage_is_no_doubt(tmp_path: Path) -> None:
    """Unreadable, but the header says that nothing was charged: the row fails, and nobody has to be asked."""
    night = Night(
        path=tmp_path / "r.db", values=1, providers=(stating(),), scripts={"acme": lambda sent: used(GARBAGE, "0")}
    )
    night.run()
    assert night.states() == {"failed": 1}
    assert ledger(night) == [("no", 0.0)]


def test_what_was_surely_paid_and_is_no_use_is_not_sent_again(tmp_path: Path) -> None:
    """A busy answer that was charged: a second one would surely be charged too, so the row fails for good."""
    night = Night(
        path=tmp_path / "r.db", values=1, providers=(stating(),), scripts={"acme": lambda sent: used(BUSY, "1")}
    )
    night.run()
    assert night.query("SELECT state, final, attempts FROM v_outcomes") == [("failed", 1, 1)]
    assert ledger(night) == [("yes", 1.0)]


def test_where_a_rule_says_resend_a_paid_failure_goes_again_and_says_so(tmp_path: Path) -> None:
    """A 503 that states its charge: sent again, since the profile accepts that, and marked for ever."""
    resend = rule("down", Action.RETRY, Condition(status_classes=frozenset({5})), Debited.UNKNOWN, resend=True)
    one = replace(stating(), rules=changed(resend).rules)

    def script(sent: Sent) -> Answer:
        return used(OK if sent.value == "v1" or len(night.sent()) > 2 else DOWN, "1")

    night = Night(path=tmp_path / "r.db", values=2, providers=(one,), scripts={"acme": script})
    night.run()
    assert night.query("SELECT value, state, debited, amount, possible_double_charge FROM v_outcomes ORDER BY row") == [
        ("v1", "succeeded", "yes", 1.0, 0),
        ("v2", "succeeded", "yes", 2.0, 1),
    ]


def test_a_cap_counts_what_was_stated(tmp_path: Path) -> None:
    """Each costs up to 5 and is charged 3: under a cap of 20 six go through, and 18 are owed, never more than 20."""
    night = Night(
        path=tmp_path / "r.db",
        values=20,
        providers=(stating(price=3_000_000, price_max=5_000_000),),
        scripts={"acme": lambda sent: used(OK, "3")},
        options=RunOptions(max_spend={None: Amount(20_000_000)}),
    )
    summary = night.run()
    assert summary.lanes[0].reason == "max-spend"
    assert night.query("SELECT sum(amount) FROM v_attempts") == [(18.0,)]


@pytest.mark.parametrize("in_flight", [1, 8])
def test_a_cap_holds_where_more_is_charged_than_the_profile_says(tmp_path: Path, in_flight: int) -> None:
    """The price is 1, each answer states 3: the first one tells; a cap of 10 ends at 9, and a new run learns anew."""
    one = replace(stating(), in_flight=in_flight)
    night = Night(path=tmp_path / "r.db", values=40, providers=(one,), scripts={"acme": lambda sent: used(OK, "3")})
    for cap, owed in ((10, 9), (16, 15)):
        summary = night.run(max_spend={None: Amount(cap * 1_000_000)})
        assert summary.lanes[0].reason == "max-spend"
        assert night.query("SELECT sum(amount) FROM v_attempts") == [(float(owed),)]


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
