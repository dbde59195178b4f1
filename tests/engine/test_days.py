"""What an account may spend in a UTC day: counted in the store, over midnight, and never passed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runner.domain.backoff import next_utc_midnight, utc_day
from runner.domain.ledger import Refusal
from runner.domain.model import MILLION, Amount, Answer
from runner.domain.provider import Limit, Lookup, Provider
from runner.engine.budgets import Budgets
from runner.engine.ports import RunOptions
from runner.store import open_store
from tests.engine.night import Night
from tests.engine.scripted import BROKE, BUSY, DOWN, GARBAGE, LATER, LOST, OK, REFUSED, Sent, provider
from tests.virtual import NOON_US, run_virtual

DAILY = "max-spend-per-day"


def per_day(checks: int) -> RunOptions:
    """So many checks in a day."""
    return RunOptions(max_spend_per_day={"acme": Amount(checks * MILLION)})


def before_midnight(seconds: float) -> int:
    """How far the clock of a night is set ahead, so that it begins so long before midnight UTC."""
    return next_utc_midnight(NOON_US) - NOON_US - round(seconds * MILLION)


def days(night: Night) -> list[tuple[Any, ...]]:
    """Charged or perhaps charged, by the day on which it was opened."""
    return night.query(
        "SELECT sum(amount) / 1000000.0 FROM attempt_totals WHERE standing <> 'released' GROUP BY day ORDER BY day"
    )


@pytest.mark.parametrize("in_flight", [1, 8])
def test_a_day_that_is_used_up_ends_the_lane_until_midnight(tmp_path: Path, in_flight: int) -> None:
    """Five of twenty; the same command sends nothing more on that day, and five more on the next."""
    night = Night(path=tmp_path / "r.db", values=20, providers=(provider(in_flight=in_flight),), options=per_day(5))
    for more in (5, 0):
        summary = night.run()
        assert (summary.lanes[0].state, summary.lanes[0].reason) == ("done", DAILY)
        assert summary.resume_at_us == next_utc_midnight(NOON_US)
        assert len(night.sent()) == more
    night.clock.shift_us = before_midnight(0)
    summary = night.run()
    assert (len(night.sent()), summary.resume_at_us) == (5, next_utc_midnight(NOON_US) + 86_400 * MILLION)
    assert days(night) == [(5.0,), (5.0,)]


def test_a_cap_that_is_raised_holds_at_once(tmp_path: Path) -> None:
    """Nothing of the day that was used up is waited for."""
    night = Night(path=tmp_path / "r.db", values=20, options=per_day(5))
    night.run()
    night.run(max_spend_per_day={"acme": Amount(8 * MILLION)})
    assert len(night.sent()) == 3
    night.run(max_spend_per_day=None)
    assert night.states() == {"succeeded": 20}


def test_a_run_that_works_past_midnight_has_the_new_days_room(tmp_path: Path) -> None:
    """One each second from ten seconds before midnight: ten are the old day's, the new one has its own twelve."""
    slow = provider(limits=(Limit(at_most=1, per_seconds=1),))
    night = Night(path=tmp_path / "r.db", values=60, providers=(slow,), options=per_day(12))
    night.clock.shift_us = before_midnight(10)
    summary = night.run()
    assert summary.lanes[0].reason == DAILY
    old, new = (amount for (amount,) in days(night))
    assert (7 < old < 12, new) == (True, 12)


def test_what_waited_for_its_turn_over_midnight_is_the_new_days(tmp_path: Path) -> None:
    """Held before midnight and sent after it: it is paid for from the room of the day on which it is opened."""
    slow = provider(limits=(Limit(at_most=2, per_seconds=60),))
    night = Night(path=tmp_path / "r.db", values=30, providers=(slow,), options=per_day(4))
    night.clock.shift_us = before_midnight(45)
    night.run()
    assert days(night) == [(2.0,), (4.0,)]


def test_what_is_answered_after_midnight_was_the_old_days(tmp_path: Path) -> None:
    """Opened before midnight and slow to answer: it takes nothing of the new day's room."""
    night = Night(
        path=tmp_path / "r.db",
        values=12,
        providers=(provider(in_flight=4),),
        options=per_day(5),
        slow={f"v{number}": 30.0 for number in range(2, 6)},
    )
    night.clock.shift_us = before_midnight(5)
    night.run()
    assert days(night) == [(5.0,), (5.0,)]


def test_doubts_count_and_refusals_do_not(tmp_path: Path) -> None:
    """Lost answers take the day's room, with all that they may have cost; what was not charged gives it back."""
    answers = {"v1": LOST, "v2": BROKE, "v3": LOST}
    night = Night(
        path=tmp_path / "r.db",
        values=9,
        providers=(provider(in_flight=1),),
        scripts={"acme": lambda sent: answers.get(sent.value, OK)},
        options=per_day(4),
    )
    for _ in range(3):
        night.run()
        answers.pop("v2", None)
    assert days(night) == [(4.0,)]
    assert night.query("SELECT standing, sum(requests) FROM attempt_totals WHERE requests GROUP BY standing") == [
        ("debited", 2),
        ("in_doubt", 2),
        ("released", 1),
    ]


def priced() -> Provider:
    """Each request costs from 1 to 5, and its answer may state what it cost."""
    base = provider(in_flight=6)
    operations = {name: replace(one, price_max=Amount(5 * MILLION)) for name, one in base.operations.items()}
    return replace(base, operations=operations, http=replace(base.http, charge=(Lookup(header="x-used"),)))


def unsteady(draw: random.Random, look: Callable[[], None]) -> Callable[[Sent], Answer]:
    """A provider in every mood, and a look at the ledger while each request is with it."""

    def script(sent: Sent) -> Answer:
        look()
        answer = draw.choice([OK, OK, OK, OK, BUSY, DOWN, GARBAGE, LATER, LOST, REFUSED])
        stated = draw.choice([None, *range(6)])
        return answer if answer.fault or stated is None else replace(answer, headers=(("x-used", str(stated)),))

    return script


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), whole=st.integers(5, 120), daily=st.integers(5, 60), early=st.integers(0, 3000))
@example(seed=58, whole=111, daily=57, early=9)
def test_no_cap_is_passed_at_any_send(
    tmp_path_factory: pytest.TempPathFactory, seed: int, whole: int, daily: int, early: int
) -> None:
    """Of the batch, of its provider, of the day: as the store has it while each request is on the wire, over runs,
    midnights and every kind of answer, as long as no charge is above `price_max`."""
    night = Night(path=tmp_path_factory.mktemp("night") / "r.db", values=40, providers=(priced(),))

    def look() -> None:
        owed = [amount for (amount,) in days(night)]
        assert sum(owed) <= whole
        assert max(owed) <= daily

    night.scripts = {"acme": unsteady(random.Random(seed), look)}
    night.clock.shift_us = before_midnight(early)
    spend: dict[str | None, Amount] = {None if seed % 2 else "acme": Amount(whole * MILLION)}
    for _ in range(4):
        night.run(max_spend=spend, max_spend_per_day={"acme": Amount(daily * MILLION)})
        if "queued" not in night.states():  # nobody runs what is over
            break
        night.clock.shift_us += 3600 * MILLION
    look()


@pytest.mark.parametrize("caps", [(6, 6), (6, 9), (9, 6), (None, 6), (6, None)])
def test_two_names_of_one_account_have_one_day(tmp_path: Path, caps: tuple[int | None, int | None]) -> None:
    """Together they spend what the lower cap allows, and later in the day neither of them has anything left."""
    names = ("acme", "twin")
    per_name = {name: Amount(cap * MILLION) for name, cap in zip(names, caps, strict=True) if cap is not None}
    providers = tuple(provider(name) for name in names)
    night = Night(path=tmp_path / "r.db", values=10, providers=providers, one_account="the same")
    for more in (6, 0):
        night.run(max_spend_per_day=per_name)
        assert len(night.sent()) + len(night.sent("twin")) == more


def test_what_another_name_spent_today_counts(tmp_path: Path) -> None:
    """A second name of an account that was used up under the first one has nothing left of the day."""
    providers = (provider(), provider("twin"))
    night = Night(path=tmp_path / "r.db", values=10, providers=providers, one_account="the same")
    night.providers = providers[:1]
    night.run(max_spend_per_day={"acme": Amount(6 * MILLION)})
    assert len(night.sent()) == 6
    night.providers = providers[1:]
    night.run(max_spend_per_day={"twin": Amount(6 * MILLION)})
    assert len(night.sent("twin")) == 0


def test_the_batches_of_a_run_share_the_day_and_what_charges_taught(tmp_path: Path) -> None:
    """What one holds the other has no room for; a charge above the price is expected by both."""
    night = Night(path=tmp_path / "r.db", values=1)
    operations = list(night.providers[0].operations.values())

    async def main() -> tuple[object, Amount]:
        with open_store(night.path, clock=night.clock, inline=True) as store:
            async with store.writing():
                budgets = Budgets()
                batch = store.reports.batches()[0].id
                first, second = [
                    await budgets.of(batch, {"one": operations}, per_day(3), store=store.jobs, clock=night.clock)
                    for _ in "ab"
                ]
        day = utc_day(NOON_US)
        first.hold("acme", Amount(2 * MILLION), unit="check", day=day)
        first.charged("acme.email", Amount(5))
        return second.hold("acme", Amount(2 * MILLION), unit="check", day=day), second.price("acme.email", Amount(1))

    assert run_virtual(main) == (Refusal(cap=DAILY, provider="acme", final=False), 5)
