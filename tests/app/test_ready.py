"""When a batch at work is through, as `status` tells it from another terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.domain.backoff import utc_day
from runner.domain.model import MILLION
from runner.work.results import BatchStatus
from tests.app.place import QUICK, Place, after, emails

DAY = f"{QUICK}max_spend_per_day = "


def seen(place: Place, *operations: str, **arguments: Any) -> tuple[BatchStatus, int]:
    """How a run of thirty stands after the sixth answer, and when that was."""
    looks: list[tuple[BatchStatus, int]] = []
    place.write_list(emails(30))
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", operations or ["defastra.email"])
        place.run(r, batch, **arguments, on_event=after(6, lambda: looks.append((other.status(batch), now(place)))))
    return looks[0]


def now(place: Place) -> int:
    """Microseconds since the epoch."""
    return place.time.now_us()


@pytest.mark.parametrize(
    ("toml", "arguments", "seconds"),
    [
        (QUICK, {}, 0),
        (QUICK, {"rate": "6/min"}, 180),
        (f'[run]\nrate = "6/min"\n{QUICK}', {}, 180),
        (QUICK, {"rate": "6/min", "max_requests": 30}, 180),
        (QUICK, {"rate": "6/min", "max_spend": "30"}, 180),
        (f"{DAY}30\n", {"rate": "6/min"}, 180),
    ],
)
def test_what_waits_is_ready_at_the_pace_of_its_batch(
    tmp_path: Path, toml: str, arguments: dict[str, Any], seconds: int
) -> None:
    """Twenty-four wait; a slower rate, kept with the batch or in the settings, counts. A cap with room for all is
    none."""
    status, now_us = seen(Place(tmp_path, toml=toml), **arguments)
    assert status.eta_us == now_us + seconds * MILLION


@pytest.mark.parametrize(
    ("toml", "arguments"),
    [
        (QUICK, {"max_requests": 29}),
        (QUICK, {"max_spend": "29"}),
        (QUICK, {"max_spend": {"defastra": 29}}),
        (f"[run]\nmax_requests = 29\n{QUICK}", {}),
    ],
)
def test_nothing_is_ready_where_a_cap_comes_first(tmp_path: Path, toml: str, arguments: dict[str, Any]) -> None:
    """The run ends before, so that no time is told."""
    assert seen(Place(tmp_path, toml=toml), **arguments)[0].eta_us is None


@pytest.mark.parametrize(
    ("max_spend", "is_told"),
    [({"defastra": 30}, True), ({"defastra": 29}, False), ({"defastra": 30, "acme": 29}, False)],
)
def test_a_cap_at_one_provider_is_held_against_what_that_one_is_asked(
    tmp_path: Path, max_spend: dict[str, int], is_told: bool
) -> None:
    """Enough for its thirty: what the other one is asked costs nothing of it."""
    acme = '[providers.acme]\nextends = "defastra"\nhttp = { auth = { secret = { env = "ACME_KEY" } } }\n'
    place = Place(tmp_path, toml=f"{QUICK}{acme}")
    place.environ["ACME_KEY"] = "another-fake-key-1111"
    place.world._key = None
    status, _ = seen(place, "defastra.email", "acme.email", max_spend=max_spend)
    assert (status.eta_us is not None) is is_told


def test_what_a_day_may_cost_makes_it_later(tmp_path: Path) -> None:
    """Ten today, ten tomorrow, and the rest a day after."""
    status, now_us = seen(Place(tmp_path, toml=f"{DAY}10\n"))
    assert status.eta_us is not None
    assert utc_day(status.eta_us) == utc_day(now_us) + 2
