"""Lists that are through, for what comes after them."""

from __future__ import annotations

from typing import Any

from tests.app.place import Place, emails

OPERATION = ["defastra.email"]
DAY = 86_400.0


def first_list(place: Place, count: int = 4, **arguments: Any) -> None:
    """A list that is through; then ten days pass."""
    place.write_list(emails(count))
    with place.runner() as r:
        place.run(r, r.load("leads.csv", OPERATION, **arguments), output="auto")
    place.time.before += 10 * DAY
