"""`check` in figures: time, nights, prices and money, as text and as JSON."""

from __future__ import annotations

from importlib import resources

from runner.cli.ahead import preflight_text
from runner.domain.model import MILLION, Answer
from runner.sandbox.replies import Behaviour
from runner.work.check import as_json
from runner.work.status import iso
from tests.app.place import QUICK, Place, emails
from tests.virtual import NOON_US

OPERATION = ["defastra.email"]
PRICED = f'{QUICK}\n[prices]\n"defastra.check" = "0.02 EUR"\n'


def test_time_and_nights_follow_from_the_limits(place: Place) -> None:
    """A rate of one's own is a limit too; the end is counted from now."""
    place.write_list(emails(13))
    with place.runner() as r:
        checked = r.check("leads.csv", OPERATION, rate="6/min", until="07:00")
        assert checked.plan.seconds == 120.0
        assert checked.plan.done_us - checked.plan.now_us == 120 * MILLION
        assert checked.nights is not None
        assert checked.nights.count == 1
        # 13 in a window of an hour each night
        assert r.check("leads.csv", OPERATION, rate="1/h").plan.seconds == 12 * 3600.0


def test_the_json_object_has_amounts_in_units_and_money(place: Place) -> None:
    """Its keys are a contract; what is not known is null."""
    (place.folder / "runner.toml").write_text(PRICED)
    place.write_list([*emails(5), emails(1)[0], "bad"])
    with place.runner() as r:
        found = as_json(r.check("leads.csv", OPERATION, until="07:00", limit=4))
    assert found.pop("done_at") == iso(NOON_US)
    assert found.pop("seconds") == 0
    assert found == {
        "schema": 1,
        "batch": "leads-defastra-email",
        "rows": 7,
        "not_sent": {"invalid:email": 1},
        "shared": 1,
        "requests": {"defastra.email": 4},
        "at_most": 4,
        "price": {"check": {"low": 4, "likely": 4, "high": 4}},
        "money": {"EUR": {"low": 0.08, "likely": 0.08, "high": 0.08}},
        "nights": 1,
        "max_spend_per_day": [],
        "reused": 0,
        "known": [],
        "changed": {},
        "problems": [],
    }


def test_money_is_null_where_no_price_is_told(place: Place) -> None:
    """Never 0."""
    place.write_list(emails(2))
    with place.runner() as r:
        assert as_json(r.check("leads.csv", OPERATION))["money"] is None


def test_between_two_prices_what_was_usual_here_is_likely(place: Place) -> None:
    """A price from 1 to 5: at first the lowest is all one knows, later the average of what was charged."""
    profile = (
        resources.files("runner.providers")
        .joinpath("defastra.toml")
        .read_text()
        .replace("price = 1\n", "price = 1\nprice_max = 5\n")
    )
    profile = profile.replace("[http]\n", '[http]\ncharge = [{ header = "X-Charged" }]\n')
    (place.folder / "mine.toml").write_text(profile)
    asked = ["./mine.toml:email"]
    place.write_list(emails(4))
    with place.runner() as r:
        assert as_json(r.check("leads.csv", asked))["price"] == {"check": {"low": 4, "likely": 4, "high": 20}}
        body = b'{"status": true, "deep_email_check": {"risk_score": 1}}'
        charged = [
            Behaviour(answer=Answer(status=200, headers=(("x-charged", amount),), body=body)) for amount in ("2", "3")
        ]
        place.world.next(charged)
        place.run(r, r.load("leads.csv", asked), limit=2)
        assert as_json(r.check("leads.csv"))["price"] == {"check": {"low": 2, "likely": 5, "high": 10}}


def test_rows_in_memory_are_checked_too(place: Place) -> None:
    """The library's rows, under a name of their own."""
    with place.runner() as r:
        plan = r.check([{"email": value} for value in emails(2)], OPERATION, batch="mine").plan
    assert (plan.batch, plan.requests) == ("mine", 2)


def test_a_list_without_a_result_is_told_of_no_change(place: Place) -> None:
    """It was loaded for another address, and nothing of it was sent there."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION).batch
    (place.folder / "runner.toml").write_text(f'{QUICK}http = {{ base_url = "https://elsewhere.example.com" }}\n')
    with place.runner() as r:
        plan = r.preflight(batch)
    assert plan.changed == {}
    assert "changed since" not in preflight_text(plan)
