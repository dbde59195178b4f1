"""`max_spend_per_day`: an account's day, over all batches and runs, as a person meets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.cli.ahead import preflight_text
from runner.cli.history import log_text
from runner.cli.render import ended_text, status_text
from runner.domain.backoff import DAY_US, next_utc_midnight
from runner.domain.states import BatchState
from runner.errors import ConfigError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.work.check import as_json
from runner.work.state_words import state_text
from runner.work.status import as_json as status_json
from runner.work.status import iso
from tests.app.lists import load, run_all
from tests.app.place import KilledError, Place, emails
from tests.virtual import NOON_US

QUICK = "[providers.defastra]\nlimits = [{ at_most = 1000, per_seconds = 1 }]\n"
OPERATION = ["defastra.email"]
MIDNIGHT = next_utc_midnight(NOON_US)


def daily(cap: str) -> str:
    """Settings with a cap of the day."""
    return f"{QUICK}max_spend_per_day = {cap}\n"


def tomorrow(place: Place, *, days: int = 1) -> None:
    """A minute past midnight UTC, so many days on."""
    place.time.before = (MIDNIGHT + (days - 1) * DAY_US - NOON_US) / 1e6 + 60


def test_a_list_takes_as_many_days_as_its_cap_makes_of_it(tmp_path: Path) -> None:
    """Paused with the time at which it goes on, exit 5; the same command before sends nothing; after, the next part."""
    place = Place(tmp_path, toml=daily("4"))
    place.write_list(emails(10))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        result = place.run(r, batch)
        assert (result.exit_code, result.sent, result.status.reason) == (5, 4, "max-spend-per-day")
        assert status_json(result.status)["resume_at"] == iso(MIDNIGHT)
        assert "today's max_spend_per_day is reached" in state_text(result.status)
        assert (place.run(r, batch).sent, len(place.charged())) == (0, 4)
        said = log_text(r.log(batch.batch).records)
        assert "stopped: today's max_spend_per_day is reached, waiting until" in said
        assert "sends nothing more: today's max_spend_per_day is reached" in said
        for number, sent in ((1, 4), (2, 2)):
            tomorrow(place, days=number)
            assert place.run(r, batch).sent == sent
        assert r.status(batch).state is BatchState.COMPLETED
    assert len(place.charged()) == 10


def test_batches_on_one_account_share_its_day(tmp_path: Path) -> None:
    """Side by side and one after the other: seven in all, however many lists there are."""
    place = Place(tmp_path, toml=daily("7"), latency_seconds=(0.1, 0.3))
    with place.runner() as r:
        batches = load(place, r, one=5, two=6, three=4)
        first = run_all(place, r, batches[:2])
        assert {result.exit_code for result in first} <= {0, 5}
        assert sum(result.sent for result in first) == 7
        assert place.run(r, batches[2]).exit_code == 5
        tomorrow(place)
        run_all(place, r, batches)
        assert len(place.charged()) == 14
        tomorrow(place, days=2)
        assert {result.exit_code for result in run_all(place, r, batches)} == {0}
    assert len(place.charged()) == 15


def test_status_says_who_used_the_day(tmp_path: Path) -> None:
    """The cap, what is used and what is left, and how much of it other batches used; nothing once the batch is over."""
    place = Place(tmp_path, toml=daily("5"))
    with place.runner() as r:
        first, second = load(place, r, one=3, two=4)
        assert place.run(r, first).status.today == ()
        result = place.run(r, second)
        (entry,) = status_json(r.status(second))["max_spend_per_day"]
        assert entry == {
            "provider": "defastra",
            "unit": "check",
            "cap": 5,
            "used_today": 5,
            "used_here": 2,
            "left_today": 0,
        }
        line = "today     defastra: 5 of 5 checks of max_spend_per_day, 3 by other batches"
        assert line in status_text(r.status(second))
        assert line in ended_text(result, "")
        tomorrow(place)
        (entry,) = status_json(r.status(second))["max_spend_per_day"]
        assert (entry["used_today"], entry["left_today"]) == (0, 5)


def test_a_crash_forgets_nothing_of_the_day(tmp_path: Path) -> None:
    """Killed with a request on the wire: it is in doubt, and takes its part of the day's room."""
    place = Place(tmp_path, toml=daily("5"))
    place.write_list(emails(9))
    place.dies_at = 3
    with place.runner() as r, pytest.raises(KilledError):
        place.run(r, r.load("leads.csv", OPERATION))
    place.dies_at = 0
    with place.runner() as r:
        result = place.run(r, r.find())
        assert (result.exit_code, result.status.reason) == (5, "max-spend-per-day")
        spend = r.spend(by="day").lines
    assert sum(line.charged + line.in_doubt for line in spend) == 5
    assert len(place.charged()) <= 5


def test_a_lost_answer_takes_room_until_it_is_resolved(tmp_path: Path) -> None:
    """In doubt it counts; not charged after all, the room of its day is there again."""
    place = Place(tmp_path, toml=daily("3"))
    place.write_list(emails(6))
    place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=False)])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        assert (place.run(r, batch).sent, len(place.charged())) == (3, 2)
        r.resolve(batch, "not-charged")
        assert (place.run(r, batch).sent, len(place.charged())) == (1, 3)


def test_check_says_what_is_left_of_today_and_how_long_the_days_make_it(tmp_path: Path) -> None:
    """Four today, four a day: ten are through on the third day; of another batch's spending it knows too."""
    place = Place(tmp_path, toml=daily("4"))
    place.write_list(emails(10))
    place.write_list([f"other{number}@example.org" for number in range(3)], name="other.csv")
    with place.runner() as r:
        place.run(r, r.load("other.csv", OPERATION))
        checked = r.check("leads.csv", OPERATION, until="07:00")
        found, text = as_json(checked), preflight_text(checked.plan, checked.nights)
        assert found["max_spend_per_day"] == [{"provider": "defastra", "unit": "check", "cap": 4, "left_today": 1}]
        assert checked.plan.done_us == MIDNIGHT + 2 * DAY_US  # 1 today, 4, 4, 1
        assert checked.nights is not None
        assert checked.nights.count > 2
        assert "stops at  max_spend_per_day defastra=4 (today's room: 1 check)" in text
        place.run(r, r.load("leads.csv", OPERATION))
        assert "today's max_spend_per_day of Defastra is used up: it goes on about" in preflight_text(
            r.check("leads.csv").plan
        )


@pytest.mark.parametrize(
    ("toml", "environ", "sent"),
    [
        (f"[run]\nmax_spend_per_day = 2\n{QUICK}", {}, 2),
        (f'[run]\nmax_spend_per_day = "2"\n{daily("3")}', {}, 3),
        (QUICK, {"RUNNER_MAX_SPEND_PER_DAY": "1"}, 1),
        (f"[run]\nmax_spend_per_day = 2\n{QUICK}", {"RUNNER_MAX_SPEND_PER_DAY": "4"}, 4),
    ],
)
def test_where_the_cap_is_said(tmp_path: Path, toml: str, environ: dict[str, str], sent: int) -> None:
    """For every account in [run] or the environment; an account's own table goes before."""
    place = Place(tmp_path, toml=toml)
    place.environ |= environ
    place.write_list(emails(6))
    with place.runner() as r:
        assert place.run(r, r.load("leads.csv", OPERATION)).sent == sent


LEFT = "[providers.defastra.http]\ncharge = [{ body = 'wallet' }]\n"
"""What is left after a request is read as what it was charged: 8 of 9, 7 of 8."""


def test_a_request_that_was_dearer_needs_as_much_room(tmp_path: Path) -> None:
    """12 are left of the day, most cost 1, one was charged 8: `check` counts only those before which 8 are left."""
    place = Place(tmp_path, toml=daily("20") + LEFT, wallet=9)
    place.write_list(emails(4))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        place.run(r, batch, limit=1)
        (lane,) = r.check("leads.csv", OPERATION).plan.lanes
        assert [day.requests_left for day in lane.days] == [5]


def test_a_charge_above_the_days_cap_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """Charged 8 with a cap of 7: no day ever has room for another one, as the next run and `check` say."""
    place = Place(tmp_path, toml=daily("7") + LEFT, wallet=9)
    place.write_list(emails(4))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        place.run(r, batch, limit=1)
        for ask in (lambda: place.run(r, batch), lambda: r.check("leads.csv", OPERATION)):
            with pytest.raises(UsageError, match="no room for a single request") as refused:
                ask()
            assert "One was charged 8 checks" in refused.value.why
            assert refused.value.fix.endswith("max_spend_per_day = 8")
    assert len(place.values()) == 1


def test_the_day_of_two_batches_is_one_when_the_wallet_is_looked_at(tmp_path: Path) -> None:
    """Twelve are left and the day allows ten: it is not said to run dry because each of two lists might take ten."""
    place = Place(tmp_path, toml=daily("10"), wallet=12, latency_seconds=(1.0, 1.2))
    with place.runner() as r:
        results = run_all(place, r, load(place, r, one=20, two=20), in_flight=1)
        assert sum(result.sent for result in results) == 10
        assert "balance.low" not in [one.event for one in r.log().records]


@pytest.mark.parametrize("bad", ['"lots"', "-1", "true", "[1]", '"1e-9"', "{ defastra = 1 }"])
def test_what_is_no_amount_is_refused(tmp_path: Path, bad: str) -> None:
    """In both places, with the file and the key."""
    for toml, key in ((f"[run]\nmax_spend_per_day = {bad}\n", "run."), (daily(bad), "defastra.")):
        place = Place(tmp_path, toml=toml)
        with pytest.raises(ConfigError) as refused:
            place.runner()
        assert f"{key}max_spend_per_day" in refused.value.why


def test_a_cap_below_one_request_sends_nothing_and_says_so(tmp_path: Path) -> None:
    """It would wait for ever: exit 2 before anything is sent."""
    place = Place(tmp_path, toml=daily("0.5"))
    place.write_list(emails(2))
    arguments: dict[str, Any] = {}
    with place.runner() as r, pytest.raises(UsageError, match="no room for a single request"):
        place.run(r, r.load("leads.csv", OPERATION), **arguments)
    assert place.values() == []
