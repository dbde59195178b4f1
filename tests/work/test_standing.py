"""What a look at a batch reads, and what it leaves unread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.app import Runner
from runner.domain.provider import Operation
from runner.work.profiles import Profiles
from runner.work.results import BatchStatus
from runner.work.standing import standing
from tests.app.place import QUICK, Place, emails


class Counted(Profiles):
    """Counts how often the operations of a batch are wanted."""

    wanted = 0

    def of_batch(self, operations: Iterable[str], source: Mapping[str, Any]) -> dict[str, Operation]:
        """As the real one."""
        self.wanted += 1
        return super().of_batch(operations, source)


def looked_at(r: Runner, batch: str) -> tuple[BatchStatus, int]:
    """How the batch stands, and how often its operations were wanted for that."""
    session = r._session
    profiles = Counted(session.settings)
    info, now_us = session.find(batch), session.clock.now_us()
    status = standing(
        info,
        store=session.store(),
        profiles=profiles,
        prices=session.prices(),
        defaults=session.settings.run,
        now_us=now_us,
    )
    return status, profiles.wanted


def test_profiles_are_read_for_a_higher_cap_alone(place: Place) -> None:
    """They say what a request may cost; nothing else that is told of a batch at rest needs them."""
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"]).batch
        found = [looked_at(r, batch)]
        for more in ({"max_spend": "0"}, {"max_spend": "9"}):
            place.run(r, batch, **more)
            found.append(looked_at(r, batch))
    assert [wanted for _, wanted in found] == [0, 1, 0]
    assert found[1][0].next.command == "runner run leads-defastra-email --max-spend 1"


def test_a_batch_at_its_cap_is_shown_without_its_profile(place: Place) -> None:
    """An account that the settings name no longer: nobody knows its price; a higher cap is proposed all the same."""
    settings = place.folder / "runner.toml"
    acme = '[providers.acme]\nextends = "defastra"\nhttp = { auth = { secret = { env = "ACME_API_KEY" } } }\n'
    place.environ["ACME_API_KEY"] = "another-fake-key-0000"
    place.world._key = None  # each account has its own
    settings.write_text(QUICK + acme)
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", ["acme.email"]).batch
        assert place.run(r, batch, max_spend="2").exit_code == 5
    settings.write_text(QUICK)
    with place.runner() as r:
        status, wanted = looked_at(r, batch)
    assert (status.reason, wanted) == ("max-spend", 1)
    assert status.next.command == "runner run leads-acme-email --max-spend 4"
