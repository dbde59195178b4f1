"""When little is left: told once, however the answers overlap, until the wallet was really filled."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import MILLION, Action, Amount, BatchId, Debited, JobId
from runner.domain.states import JobEvent
from runner.engine.events import AttemptClosed, BalanceLow
from runner.store.database import Database
from runner.store.tellings import Tellings
from runner.system import SystemClock
from runner.work.low_balance import BELOW, DRY, Wallets

LIMIT = 50


def wallets() -> Wallets:
    """Nothing was told by an earlier run."""
    return Wallets({"acme": Amount(LIMIT * MILLION)}, Tellings(Database(Path("not-there.db")), SystemClock()))


def said(left: int, *, sent: float, came: float) -> AttemptClosed:
    """An answer that says what is left; seconds."""
    return AttemptClosed(
        batch=BatchId(1),
        at_us=round(came * MILLION),
        provider="acme",
        operation="acme.email",
        job=JobId(1),
        number=1,
        status=200,
        fault=None,
        rule="success",
        action=Action.SUCCEED,
        debited=Debited.YES,
        amount=Amount(MILLION),
        unit="check",
        event=JobEvent.SUCCEED,
        seconds=came - sent,
        balance=Amount(left * MILLION),
    )


def heard(watch: Wallets, event: AttemptClosed) -> tuple[list[str], bool]:
    """What is over with it, and whether it is news; in the order of the notifier."""
    return watch.filled(event), watch.stated(event) is not None


def test_an_older_answer_that_comes_late_ends_nothing() -> None:
    """51 was left before 49: it says nothing of a wallet that was filled. A request that was sent later does."""
    watch = wallets()
    assert heard(watch, said(49, sent=2, came=3)) == ([], True)
    assert heard(watch, said(51, sent=1, came=4)) == ([], False)
    assert heard(watch, said(48, sent=4, came=5)) == ([], False)
    assert heard(watch, said(49, sent=6, came=7)) == ([], False), "filled, and still below"
    assert heard(watch, said(60, sent=8, came=9)) == ([BELOW], False)
    assert heard(watch, said(49, sent=10, came=11)) == ([], True)


def test_that_it_runs_dry_is_news_until_there_is_more() -> None:
    """Whatever the limit: it ends as soon as the wallet grew."""
    watch = wallets()
    dry = BalanceLow(
        batch=BatchId(1),
        at_us=MILLION,
        provider="acme",
        unit="check",
        balance=Amount(70 * MILLION),
        requests=90,
        cost=Amount(90 * MILLION),
    )
    assert watch.dry(dry) is not None
    assert watch.dry(dry) is None
    assert heard(watch, said(69, sent=2, came=3)) == ([], False)
    assert heard(watch, said(80, sent=4, came=5)) == ([DRY], False)
    assert watch.dry(dry) is not None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=80))
def test_a_wallet_that_only_falls_is_told_once_however_answers_overlap(spans: list[tuple[float, float]]) -> None:
    """Requests leave every tenth of a second and are charged in some order on the way."""
    requests = [(at / 10, at / 10 + before, at / 10 + before + after) for at, (before, after) in enumerate(spans)]
    charged = {one: 80 - place for place, one in enumerate(sorted(requests, key=lambda one: one[1]), start=1)}
    watch = wallets()
    news = [
        heard(watch, said(charged[one], sent=one[0], came=one[2])) for one in sorted(requests, key=lambda one: one[2])
    ]
    assert [over for over, _ in news if over] == []
    assert sum(told for _, told in news) == (min(charged.values()) < LIMIT)
