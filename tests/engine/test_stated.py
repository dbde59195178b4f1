"""What answers state: the size of a window, and what was charged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.domain.model import Action, Amount, Answer, Debited
from runner.domain.provider import Condition, Learn, Limit, Lookup, Provider
from runner.engine.ports import RunOptions
from tests.engine.night import Night
from tests.engine.scripted import BAD_ROW, BUSY, DOWN, GARBAGE, LOST, OK, Sent, changed, provider, rule


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


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (replace(OK, headers=(("x-left", "7.5"),)), 7_500_000),
        (replace(OK, headers=(("x-left", "0"),)), 0),
        (Answer(status=200, body=b'{"ok": true, "score": 1, "left": "12"}', headers=(("x-left", "9"),)), 12_000_000),
        (Answer(status=200, body=b'{"ok": true, "score": 1, "left": {"checks": 9}}'), None),
        (replace(OK, headers=(("x-left", "-3"),)), None),
        (replace(BAD_ROW, headers=(("x-left", "4"),)), 4_000_000),
        (replace(GARBAGE, headers=(("x-left", "4"),)), 4_000_000),
        (OK, None),
    ],
)
def test_a_stated_balance_is_kept(tmp_path: Path, answer: Answer, expected: int | None) -> None:
    """With the attempt whose answer said it, of errors too: in the body before the headers, exact; else nothing."""
    base = provider(in_flight=1)
    http = replace(base.http, balance=(Lookup(body="left"), Lookup(header="x-left")))
    night = Night(
        path=tmp_path / "r.db",
        values=1,
        providers=(replace(base, http=http),),
        scripts={"acme": lambda sent: answer},
    )
    night.run()
    assert night.query("SELECT balance FROM attempts") == [(expected,)]


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
    resend = rule("down", Action.RETRY, Debited.UNKNOWN, when=Condition(status_classes=frozenset({5})), resend=True)
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


def test_a_lost_answer_may_have_cost_what_others_did(tmp_path: Path) -> None:
    """The price is 1, the first answer states 3: of the second one, lost, up to 3 are in doubt, in the cap too."""
    one = replace(stating(), in_flight=1)
    night = Night(
        path=tmp_path / "r.db",
        values=5,
        providers=(one,),
        scripts={"acme": lambda sent: LOST if sent.value == "v2" else used(OK, "3")},
        options=RunOptions(max_spend={None: Amount(9_000_000)}),
    )
    night.run()
    assert ledger(night) == [("yes", 3.0), ("unknown", 3.0), ("yes", 3.0)]


@pytest.mark.parametrize("in_flight", [1, 8])
def test_a_cap_holds_where_more_is_charged_than_the_profile_says(tmp_path: Path, in_flight: int) -> None:
    """The price is 1, each answer states 3: the first one tells; a cap of 10 ends at 9. A later run knows it from the
    start: what the first one left of the cap is no room for one request more."""
    one = replace(stating(), in_flight=in_flight)
    night = Night(path=tmp_path / "r.db", values=40, providers=(one,), scripts={"acme": lambda sent: used(OK, "3")})
    for cap, owed in ((10, 9), (11, 9), (16, 15)):
        summary = night.run(max_spend={None: Amount(cap * 1_000_000)})
        assert summary.lanes[0].reason == "max-spend"
        assert night.query("SELECT sum(amount) FROM v_attempts") == [(float(owed),)]
