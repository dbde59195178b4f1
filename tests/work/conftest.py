"""As the tests of the library: no test reads the settings or locks of whoever runs it; and what runs left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from runner.app import Runner
from runner.domain.model import Answer
from runner.sandbox.replies import Behaviour
from tests.app.conftest import own_folders as own_folders
from tests.app.conftest import place as place
from tests.app.place import Place
from tests.work.traces import ADA, PHONE, SPELLINGS


@pytest.fixture
def ran(place: Place) -> Iterator[tuple[Place, Runner]]:
    """Two batches with Ada in several spellings, in mapped cells and in others, one answered and one waiting; others
    whose answers and notes name her."""
    note = f"ask {ADA} or {PHONE}"
    lines = [
        "id,email,phone,note",
        f"1,{ADA},,first",
        "2,bob@example.com,+33639980199,",
        f"3,{ADA.upper()},{PHONE},again",
        f"4,carl@example.com,,{note}",
        f"5,rule-invalid-request-email@example.com,,see {SPELLINGS[2]}",
        f"6,not an address,{ADA},",
    ]
    (place.folder / "leads.csv").write_text("\n".join(lines) + "\n")
    (place.folder / "later.csv").write_text(f"email\n{ADA}\nx{ADA}\n{ADA}.au\n")
    body = json.dumps({"status": True, "deep_email_check": {"domain": ADA}, "see": [{ADA: SPELLINGS[4]}]})
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"], max_invalid="100%")
        place.world.next([Behaviour(), Behaviour(answer=Answer(status=200, body=body.encode()))])
        place.run(r, batch)
        r.load("later.csv", ["defastra.email"])
        yield place, r
