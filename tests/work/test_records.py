"""Leaked credentials: a record may hold a password in plain text, and no export has it unless it is asked for."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from runner.domain.model import Answer
from runner.providers.loader import load
from runner.sandbox.replies import Behaviour
from runner.sandbox.world import World
from tests.app.place import KEY, Place
from tests.sandbox.process import Seeded

SECRET = "hunter2-canary"
RECORDS = {
    "data": [{"email": "ada@example.com", "password": SECRET, "url": f"https://{SECRET}.example", SECRET: 1}],
    "paging": {"totalRecords": 1, "hasMore": False},
}
STATS = {"data": {"leaks": 3, "password": SECRET, "worst": [SECRET]}}


@pytest.mark.parametrize(("operation", "body"), [("email", RECORDS), ("domain", RECORDS), ("stats", STATS)])
def test_no_export_has_a_record_by_default(tmp_path: Path, operation: str, body: object) -> None:
    """CSV, JSON lines and every column: counts alone. `raw` has it, because it was asked for."""
    folder = tmp_path / "leaks"
    folder.mkdir()
    place = Place(folder, toml="[providers.defendis]\nlimits = [{ at_most = 1000, per_seconds = 1 }]\n")
    place.environ = {"DEFENDIS_API_KEY": KEY}
    place.world = World(load("defendis"), randomness=Seeded(7), key=KEY)
    place.world._windows.clear()
    column, value = ("email", "ada@example.com") if operation == "email" else ("domain", "example.com")
    place.write_list([value], column=column)
    with place.runner() as r:
        batch = r.load("leads.csv", [f"defendis.{operation}"])
        place.world.next([Behaviour(answer=Answer(status=200, body=json.dumps(body).encode()))])
        assert place.run(r, batch, output="auto").exit_code == 0
        r.export(batch, "out.jsonl")
        raw = io.StringIO()
        r.export(batch, raw, raw=True)
    assert SECRET in raw.getvalue()
    for name in ("out.jsonl", f"leads-defendis-{operation}.csv"):
        assert SECRET not in (folder / name).read_text()
