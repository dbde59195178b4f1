"""`store = "fields"`: of an answer only what the profile makes of it is kept, in whatever file."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path

from runner.domain.model import Answer
from runner.domain.states import JobEvent
from runner.engine.ports import Settlement
from runner.sandbox.replies import Behaviour
from runner.store.kept import read_line, settlement_line
from tests.app.place import QUICK, Place, emails
from tests.store.world import HandClock, settlement
from tests.work.traces import left

FIELDS = QUICK + 'store = "fields"\n'
CANARY = '"deep_email_check"'


def test_only_fields_are_kept(tmp_path: Path) -> None:
    """Columns, codes, amounts and the record of requests are as ever; no body and no header is in any file."""
    folder = tmp_path / "less"
    folder.mkdir()
    place = Place(folder, toml=FIELDS)
    place.write_list([*emails(3), "rule-invalid-request-email@example.com"])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        result = place.run(r, batch)
        assert (result.sent, result.charged, result.not_charged) == (4, 3, 1)
        out = io.StringIO()
        r.export(batch, out, raw=True)
        rows = list(csv.DictReader(io.StringIO(out.getvalue())))
        assert [bool(row["defastra_email_risk_score"]) for row in rows] == [True, True, True, False]
        assert {row["defastra_email_raw"] for row in rows} == {""}
        (story,) = r.explain(batch, 4)
        assert (story.attempts[0].rule, story.attempts[0].status) == ("invalid-request-email", 200)
        assert story.attempts[0].error_code == "INVALID_REQUEST_EMAIL"
        (support,) = r.support(batch, 4)
        assert (support.body, support.body_note) == (None, "it is not kept")
        assert r.verify().violations == 0
    with closing(sqlite3.connect(folder / "runner.db")) as file:
        assert set(file.execute("SELECT headers, body, removed FROM answers")) == {("[]", b"", "fields")}
    assert left(folder, [CANARY, "content-type"]) == []


def test_an_answer_that_nobody_recognises_is_counted_and_not_kept(tmp_path: Path) -> None:
    """It halts as ever, with its status; what it may have cost is in doubt."""
    folder = tmp_path / "less"
    folder.mkdir()
    place = Place(folder, toml=FIELDS)
    place.write_list(emails(1))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.world.next([Behaviour(answer=Answer(status=200, body=b"canary-in-a-body"))])
        result = place.run(r, batch)
        assert result.in_doubt == 1
        assert r.verify().violations == 0
    assert left(folder, ["canary-in-a-body"]) == []


def test_the_file_beside_the_database_knows_it_too() -> None:
    """A settlement that could not be stored in time says that its answer was left out on purpose."""
    one: Settlement = settlement(1, 1, JobEvent.SUCCEED, HandClock(), stripped=True)  # type: ignore[arg-type]  # plain numbers do
    read = read_line(settlement_line(one))
    assert isinstance(read, Settlement)
    assert read.stripped
