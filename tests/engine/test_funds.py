"""A wallet that will not last: said once, while there is still something to be done about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.model import MILLION, Amount, Answer
from runner.domain.provider import Limit, Lookup, Provider
from runner.engine.events import BalanceLow
from tests.engine.night import Night
from tests.engine.scripted import BROKE, OK, Sent, provider


def stating(price: int = MILLION) -> Provider:
    """Two requests a second, each answer with what is left."""
    base = provider(in_flight=2, limits=(Limit(at_most=2, per_seconds=1),))
    operations = {name: replace(one, price=Amount(price)) for name, one in base.operations.items()}
    return replace(base, operations=operations, http=replace(base.http, balance=(Lookup(header="x-left"),)))


def wallet(funds: int, *, top_up: dict[int, int] | None = None) -> Callable[[Sent], Answer]:
    """Every request takes one, and its answer says what is left; `top_up`: so much before the n-th request."""
    books = [funds, 0]

    def script(sent: Sent) -> Answer:
        books[1] += 1
        books[0] += (top_up or {}).get(books[1], 0)
        if not books[0]:
            return replace(BROKE, headers=(("x-left", "0"),))
        books[0] -= 1
        return replace(OK, headers=(("x-left", str(books[0])),))

    return script


def told(night: Night) -> list[BalanceLow]:
    return [event for event in night.events if isinstance(event, BalanceLow)]


def test_a_wallet_that_runs_dry_is_told_once_and_early(tmp_path: Path) -> None:
    """Twelve for forty: said after the first answers, and no more until it is empty; each run says it anew."""
    night = Night(path=tmp_path / "r.db", values=40, providers=(stating(),), scripts={"acme": wallet(12)})
    night.run()
    (event,) = told(night)
    assert (event.provider, event.unit) == ("acme", "check")
    assert event.balance >= 9 * MILLION
    assert event.cost == event.requests * MILLION > event.balance
    ((balance, cost),) = night.query(
        "SELECT detail ->> 'balance', detail ->> 'cost' FROM events WHERE event = 'balance.low'"
    )
    assert (balance, cost) == (event.balance // MILLION, event.cost // MILLION)
    night.scripts = {"acme": wallet(20)}
    night.run()
    assert len(told(night)) == 2


def test_what_the_run_has_claimed_waits_too(tmp_path: Path) -> None:
    """A list that is claimed at once: the wallet lacks a third of it, and each that is not on the way is counted."""
    patient = replace(stating(), in_flight=10)
    night = Night(path=tmp_path / "r.db", values=15, providers=(patient,), scripts={"acme": wallet(10)})
    night.run()
    (event,) = told(night)
    assert event.requests > event.balance // MILLION > 4
    ((sent,),) = night.query(f"SELECT count(*) FROM attempts WHERE opened_us <= {event.at_us}")
    assert event.requests == 15 - sent


@pytest.mark.parametrize(
    ("funds", "price", "caps"),
    [
        (40, MILLION, {}),
        (12, 0, {}),
        (12, MILLION, {"max_requests": {None: 10}}),
        (12, MILLION, {"max_spend": {None: Amount(10 * MILLION)}}),
        (12, MILLION, {"max_spend_per_day": {"acme": Amount(10 * MILLION)}}),
    ],
)
def test_a_wallet_that_lasts_is_no_news(
    tmp_path: Path, funds: int, price: int, caps: dict[str, dict[str | None, int]]
) -> None:
    """Enough for all that wait; or nothing of it costs anything; or a cap ends the run before the wallet is empty."""
    night = Night(path=tmp_path / "r.db", values=40, providers=(stating(price),), scripts={"acme": wallet(funds)})
    night.run(**caps)
    assert told(night) == []
    assert night.query("SELECT count(*) FROM events WHERE event = 'balance.low'") == [(0,)]


def test_a_provider_that_states_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    """Without a balance there is nothing to compare."""
    night = Night(path=tmp_path / "r.db", values=20, scripts={"acme": lambda sent: OK})
    night.run()
    assert told(night) == []
