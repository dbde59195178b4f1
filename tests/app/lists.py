"""Several lists, for one run of all of them."""

from __future__ import annotations

from typing import Any

from runner.app import Runner
from runner.work.results import RunResult
from tests.app.place import Place

FIFTY = "[providers.defastra]\nlimits = [{ at_most = 50, per_seconds = 1 }]\nconcurrency = { in_flight = 10 }\n"


def values(name: str, count: int) -> list[str]:
    """Addresses that begin with the list's name."""
    return [f"{name}{number}@example.com" for number in range(1, count + 1)]


def load(place: Place, r: Runner, **sizes: int) -> list[str]:
    """Lists by name and length, loaded in that order."""
    for name, count in sizes.items():
        place.write_list(values(name, count), name=f"{name}.csv")
    return [r.load(f"{name}.csv", ["defastra.email"]).batch for name in sizes]


def run_all(place: Place, r: Runner, batches: list[str], **arguments: Any) -> list[RunResult]:
    """One run of several batches, in virtual time."""
    return place.run_all(r, batches, **arguments)


def of(place: Place, name: str) -> list[float]:
    """When requests for a list arrived."""
    return [entry.received_at for entry in place.world.books.entries if entry.value.startswith(name)]
