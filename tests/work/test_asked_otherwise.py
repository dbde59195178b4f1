"""Whose answers a list has, where its address or profile changed on the way: a sandbox's, and then a provider's."""

from __future__ import annotations

import pytest

from runner.cli.ahead import preflight_text
from runner.domain.states import JobState
from runner.sandbox.replies import Behaviour
from runner.work.check import as_json
from tests.app.place import QUICK, Place, emails
from tests.work.lists import OPERATION, first_list

CHANGED = {
    "address": 'http = { base_url = "https://api.example" }\n',
    "path": '[providers.defastra.operations.email]\npath = "/v2/email"\n',
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
        assert r.check("more.csv", OPERATION, reuse="30d").plan.known == ()


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
