"""Which rows an export has: by state and reason, at most so many, with the stored answers; and what loads again."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from runner.app import Runner
from runner.domain.model import Answer
from runner.errors import UsageError
from runner.sandbox.replies import Behaviour, Manner
from tests.app.place import Place, emails

OPERATION = ["defastra.email"]
BAD = "rule-invalid-request-email@example.com"


def rows(r: Runner, batch: Any, **shape: Any) -> list[dict[str, str]]:
    """An export to a text stream, read by another reader."""
    out = io.StringIO()
    r.export(batch, out, **shape)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


@pytest.fixture
def mixed(place: Place) -> Place:
    """Two that succeed, one that fails, two that are refused for different reasons."""
    place.write_list([*emails(2), BAD, "broken", ""])
    return place


def test_rows_by_state_and_reason(mixed: Place) -> None:
    """A reason narrows; what failed for it does not bring the refused ones along."""
    with mixed.runner() as r:
        batch = r.load("leads.csv", OPERATION, max_invalid="100%")
        mixed.run(r, batch)

        def ids(only: str, **more: Any) -> list[str]:
            return [row["id"] for row in rows(r, batch, only=only, **more)]

        assert ids("succeeded") == ["1", "2"]
        assert ids("failed") == ["3", "4", "5"]
        assert ids("failed:invalid-request-email") == ["3"]
        assert ids("failed:other") == []
        assert ids("invalid") == ["4", "5"]
        assert ids("invalid:empty") == ["5"]
        assert ids("in-doubt") == []
        assert [row["id"] for row in rows(r, batch, limit=3)] == ["1", "2", "3"]
        assert ids("failed", limit=1) == ["3"]
        assert rows(r, batch, limit=0) == []
        for wrong in ("failed:", "queued:x", "filed:x"):
            with pytest.raises(UsageError):
                ids(wrong)
        with pytest.raises(UsageError, match="no number of rows"):
            rows(r, batch, limit=-1)


def test_what_failed_can_be_looked_at_too(mixed: Place) -> None:
    """Alone it has your columns, to be loaded again; with columns or answers asked for, it has them."""
    with mixed.runner() as r:
        batch = r.load("leads.csv", OPERATION, max_invalid="100%")
        mixed.run(r, batch)
        assert list(rows(r, batch, only="failed")[0]) == ["id", "email"]
        chosen = rows(r, batch, only="failed", columns=["email", "reason"])
        assert [tuple(row.values()) for row in chosen][:2] == [
            (BAD, "invalid-request-email"),
            ("broken", "invalid:email"),
        ]
        answers = [row["defastra_email_raw"] for row in rows(r, batch, only="failed", raw=True)]
        assert (json.loads(answers[0])["status"], answers[1:]) == (False, ["", ""])


def test_the_stored_answer_is_the_last_one_that_came(place: Place) -> None:
    """Of several requests the last answer; as bytes of the provider, not as we would write it."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        place.world.next([Behaviour(answer=Answer(status=429, body=b"slow")), Behaviour(manner=Manner.ANSWER)])
        place.run(r, batch)
        found = rows(r, batch, raw=True)
        assert [row["defastra_email_attempts"] for row in found] == ["2", "1"]
        assert [json.loads(row["defastra_email_raw"])["status"] for row in found] == [True, True]


def test_rows_in_doubt_are_not_loaded_again(place: Place) -> None:
    """A row with one operation failed and one in doubt may have been charged: `failed` leaves it out."""
    import sqlite3
    from contextlib import closing

    place.write_list([BAD, "broken"])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"], max_invalid="100%")
        place.run(r, batch)
        assert len(rows(r, batch, only="failed")) == 2
        with closing(sqlite3.connect(place.folder / "runner.db")) as file, file:
            file.execute(
                "INSERT INTO jobs (batch, operation, key, value, params, state)"
                " SELECT batch, 'defastra.phone', 'k', 'v', '{}', 'in_doubt' FROM jobs"
            )
            file.execute("INSERT INTO row_jobs (batch, row, operation, job) VALUES (1, 1, 'defastra.phone', 2)")
        assert [row["email"] for row in rows(r, batch, only="failed")] == ["broken"]


def test_an_export_of_ours_is_a_list(place: Place) -> None:
    """Loaded again, its columns are the user's own, and stay what they are in the next export."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        place.run(r, batch)
        r.export(batch, "out.csv")
        first = (place.folder / "out.csv").read_text().splitlines()
        again = r.load("out.csv", OPERATION, batch="again")
        place.run(r, again)
        r.export(again, "second.csv")
    second = (place.folder / "second.csv").read_text().splitlines()
    assert all(line.startswith(own + ",") for line, own in zip(second, first, strict=True))
    assert "defastra_email_risk_score_2" in second[0]


def test_a_run_writes_what_its_target_is_called(place: Place) -> None:
    """`-o` of a run knows the same formats, keeps them, and refuses another before the first request."""
    place.write_list(emails(2))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        with pytest.raises(UsageError, match="would not be what its name says"):
            place.run(r, batch, output="out.xlsx")
        assert place.values() == []
        place.run(r, batch, output="out.jsonl")
        row = json.loads((place.folder / "out.jsonl").read_text().splitlines()[0])
        assert (row["id"], row["defastra_email_state"]) == ("1", "succeeded")
        place.run(r, batch)
        again = place.run(r, batch, output="auto")
        assert again.target == str(place.folder / "out.jsonl")


def test_an_export_is_one_moment(place: Place) -> None:
    """What ends while it is written does not show in it: rows that were read first and last agree."""
    place.write_list(emails(5))
    with place.runner() as r, place.runner() as beside:
        batch = r.load("leads.csv", OPERATION)

        class Slow(io.StringIO):
            def write(self, text: str) -> int:
                if text and not place.values():
                    place.run(beside, batch.batch)
                return super().write(text)

        out = Slow()
        r.export(batch, out)
        states = {row["defastra_email_state"] for row in csv.DictReader(io.StringIO(out.getvalue()))}
        assert states == {"queued"}
        assert {row["defastra_email_state"] for row in rows(r, batch)} == {"succeeded"}
