"""Whose answers a list has, where its address or profile changed on the way: a sandbox's, and then a provider's."""

from __future__ import annotations

import pytest

from runner.cli.ahead import preflight_text
from runner.domain.states import JobState
from runner.sandbox.replies import Behaviour
from runner.work.check import as_json
from tests.app.place import QUICK, Place, after, emails
from tests.work.lists import OPERATION, first_list

CHANGED = {
    "address": 'http = { base_url = "https://api.example" }\n',
    "path": '[providers.defastra.operations.email]\npath = "/v2/email"\n',
    "headers": '[providers.defastra.http.headers]\nX-Version = "2"\n',
    "form": '[providers.defastra.operations.email.form]\nmore = "yes"\n',
}


@pytest.mark.parametrize("toml", CHANGED.values(), ids=CHANGED)
def test_an_edited_profile_asks_something_else(place: Place, toml: str) -> None:
    """Of a list that is loaded by it, and of one that was loaded before; as it was, it is told what it was."""
    first_list(place)
    place.write_list(emails(4), name="more.csv")
    with place.runner() as r:
        batch = r.load("more.csv", OPERATION, batch="early").batch
        assert [known.values for known in r.known(batch)] == [4]
    (place.folder / "runner.toml").write_text(QUICK + toml)
    with place.runner() as r:
        assert r.check("more.csv", OPERATION, reuse="30d").plan.reused == 0
        assert r.preflight(batch, reuse="30d").reused == 0
        assert r.known(batch) == ()
        assert place.run(r, batch, reuse="30d", max_requests=0).reused == 0
    (place.folder / "runner.toml").write_text(QUICK)
    place.environ["DEFASTRA_API_KEY"] = "obviously-fake-key-0001"
    with place.runner() as r:
        assert place.run(r, batch, reuse="30d").reused == 4


def test_results_of_another_address_are_told_of(place: Place) -> None:
    """Those of a sandbox, perhaps, in a list that now goes to the provider: before each run, and when it is over."""
    place.write_list(emails(4))
    (place.folder / "runner.toml").write_text(QUICK + CHANGED["address"])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION).batch
        assert r.preflight(batch).changed == {}
        place.run(r, batch, limit=1)
        assert r.preflight(batch).changed == {}
    (place.folder / "runner.toml").write_text(QUICK)
    with place.runner() as r:
        checked = r.check("leads.csv", OPERATION)
        assert as_json(checked)["changed"] == {"defastra.email": 1}
        assert "changed since its first result; what is there stays (1 result)" in preflight_text(checked.plan)
        place.run(r, batch)
        assert r.preflight(batch).changed == {"defastra.email": 4}
        place.write_list(emails(4), name="more.csv")
        assert [known.values for known in r.check("more.csv", OPERATION, reuse="30d").plan.known] == [3]


def test_a_list_of_another_address_is_known_there_alone(place: Place) -> None:
    """Wherever it was loaded for: where it was sent counts."""
    place.write_list(emails(4))
    place.write_list(emails(4), name="more.csv")
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION).batch
    (place.folder / "runner.toml").write_text(QUICK + CHANGED["address"])
    with place.runner() as r:
        place.run(r, batch)
        assert r.check("more.csv", OPERATION, reuse="30d").plan.reused == 4
    (place.folder / "runner.toml").write_text(QUICK)
    with place.runner() as r:
        assert r.check("more.csv", OPERATION, reuse="30d").plan.reused == 0


def test_a_run_with_nothing_left_to_ask_changes_nothing(place: Place) -> None:
    """Its answers are those of the address that gave them; nor do failures there spoil the answers of here."""
    place.write_list(emails(4))
    (place.folder / "runner.toml").write_text(QUICK + CHANGED["address"])
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION).batch
        place.world.next([Behaviour(rule="invalid-request-email")])
        assert place.run(r, batch, limit=1).status.outcomes[JobState.FAILED] == 1
    (place.folder / "runner.toml").write_text(QUICK)
    with place.runner() as r:
        assert place.run(r, batch).sent == 3
    (place.folder / "runner.toml").write_text(QUICK + CHANGED["address"])
    with place.runner() as r:
        assert r.preflight(batch).changed == {"defastra.email": 4}
        assert place.run(r, batch).sent == 0
    (place.folder / "runner.toml").write_text(QUICK)
    place.write_list(emails(4), name="more.csv")
    with place.runner() as r:
        assert r.preflight(batch).changed == {}
        assert r.check("more.csv", OPERATION, reuse="30d").plan.reused == 3


def test_a_run_that_sends_nothing_changes_nothing(place: Place) -> None:
    """An address that was set by mistake, and a cap that was used up: what was paid for is known as before."""
    place.write_list(emails(5))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION).batch
        place.run(r, batch, limit=4)
    place.write_list(emails(4), name="more.csv")
    (place.folder / "runner.toml").write_text(QUICK + CHANGED["address"])
    with place.runner() as r:
        assert place.run(r, batch, max_requests=4).sent == 0
    (place.folder / "runner.toml").write_text(QUICK)
    with place.runner() as r:
        assert r.preflight(batch).changed == {}
        result = place.run(r, r.load("more.csv", OPERATION), reuse="30d")
        assert (result.sent, result.reused) == (0, 4)


def test_rows_that_come_while_a_run_is_at_work_are_asked_as_it_asks(place: Place) -> None:
    """Of an operation that had nothing left when it began too: no answer of a sandbox is given as the provider's."""
    both = ["defastra.email", "defastra.phone"]

    def write(count: int) -> None:
        rows = [f"{email}," for email in emails(count)] + [f",+1415555010{n}" for n in range(3)]
        (place.folder / "leads.csv").write_text("\n".join(["email,phone", *rows]))

    write(2)
    with place.runner() as r:
        batch = r.load("leads.csv", both).batch
        assert place.run(r, batch, limit=4).status.outcomes[JobState.SUCCEEDED] == 4
    (place.folder / "runner.toml").write_text(QUICK + CHANGED["address"])

    def add() -> None:
        write(5)
        with place.runner() as other:
            other.load("leads.csv", both, add=True)

    with place.runner() as r:
        result = place.run(r, batch, on_event=after(1, add), in_flight=1)
        assert (result.sent, result.status.outcomes[JobState.SUCCEEDED]) == (4, 8)
    (place.folder / "runner.toml").write_text(QUICK)
    place.write_list(emails(5), name="more.csv")
    with place.runner() as r:
        assert r.preflight(batch).changed.keys() == {"defastra.email", "defastra.phone"}
        result = place.run(r, r.load("more.csv", OPERATION), reuse="30d")
        assert (result.sent, result.reused) == (3, 2)
