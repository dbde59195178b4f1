"""`--reuse`: answers that another batch paid for are taken, marked with their date, and not sent again."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.domain.states import BatchState
from runner.errors import UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.store import answered
from runner.work.check import as_json
from runner.work.status import as_json as status_json
from tests.app.place import KilledError, Place, emails
from tests.work.lists import DAY, OPERATION, first_list


def exported(path: Path) -> list[dict[str, str]]:
    """An export as dictionaries."""
    return list(csv.DictReader(path.read_text().splitlines()))


def told(place: Place, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """What any other program reads in the database."""
    with closing(sqlite3.connect(place.folder / "runner.db")) as connection:
        return connection.execute(sql, values).fetchall()


def sound(place: Place) -> bool:
    """Whether `db verify` finds nothing."""
    with place.runner() as r:
        return r.verify().exit_code == 0


def test_a_second_list_costs_what_is_new_in_it(place: Place) -> None:
    """40 % overlap: `check` and the provider's books count 60 %, the rest is in the export with its own date."""
    first_list(place, 10)
    place.write_list(["PERSON2@example.com", *emails(20)[6:]], name="more.csv")
    with place.runner() as r:
        plain = r.check("more.csv", OPERATION).plan
        checked = r.check("more.csv", OPERATION, reuse="30d").plan
        assert (plain.requests, plain.reused) == (15, 0)
        assert (checked.requests, checked.reused) == (10, 5)
        result = place.run(r, r.load("more.csv", OPERATION), reuse="30d", output="auto")
    assert (result.exit_code, result.sent, result.reused) == (0, 10, 5)
    assert sorted(place.values()[10:]) == sorted(emails(20)[10:])
    old = {row["email"]: row for row in exported(place.folder / "leads-defastra-email.csv")}
    new = exported(place.folder / "more-defastra-email.csv")
    for row in new[:5]:
        theirs = old[row["email"].lower()]
        same = [name for name in row if name.startswith("defastra_") and not name.endswith(("debited", "attempts"))]
        assert [row[name] for name in same] == [theirs[name] for name in same]
        assert (row["defastra_email_debited"], row["defastra_email_attempts"]) == ("", "0")
    assert all(row["defastra_email_debited"] == "yes" for row in new[5:])
    assert new[0]["defastra_email_checked_at"] < new[5]["defastra_email_checked_at"]
    assert sound(place)


def test_the_receipt_says_what_was_spared(place: Place) -> None:
    """At what such a request costs here; nothing of it is counted as sent or charged."""
    first_list(place)
    place.write_list(emails(4), name="again.csv")
    with place.runner() as r:
        result = place.run(r, r.load("again.csv", OPERATION), reuse="30d")
    assert (result.sent, result.status.state, result.status.attempts) == (0, BatchState.COMPLETED, 0)
    saved = status_json(result.status)["receipt"]["saved"]
    assert saved["reuse"] == {"requests": 4, "amounts": {"check": 4}, "money": None}
    lines = told(place, "SELECT reused_from, debited, amount, attempts FROM v_outcomes WHERE batch LIKE 'again%'")
    assert lines == [("leads-defastra-email", "no", 0, 0)] * 4
    events = told(place, "SELECT json_extract(detail, '$.jobs') FROM v_events WHERE event = 'answers.reused'")
    assert events == [(4,)]


def test_what_is_too_old_or_was_never_answered_is_sent(place: Place) -> None:
    """Failures, doubts and answers of before that age; the flag that takes them all is told."""
    place.write_list(emails(4))
    with place.runner() as r:
        batch = r.load("leads.csv", OPERATION)
        place.world.next([Behaviour(), Behaviour(manner=Manner.DROP, charged=True)])
        place.run(r, batch, limit=2, in_flight=1)
        place.time.before += 10 * DAY
        place.run(r, batch)
        place.write_list(emails(5), name="more.csv")
        checked = r.check("more.csv", OPERATION, reuse="5d")
        (known,) = checked.plan.known
        assert (known.values, known.taken, known.reuse) == (3, 2, "30d")
        assert as_json(checked)["known"][0]["saves"] == {"check": 2}
        result = place.run(r, r.load("more.csv", OPERATION), reuse="5d")
    assert (result.sent, result.reused) == (3, 2)
    assert sorted(place.values()[4:]) == ["person1@example.com", "person2@example.com", "person5@example.com"]


def test_only_an_equal_request_has_the_answer(place: Place) -> None:
    """What is set for the whole list is part of it."""
    first_list(place, params=["timeout=normal"])
    place.write_list(emails(4), name="more.csv")
    with place.runner() as r:
        for params, known in ((["timeout=extensive"], 0), ([], 0), (["timeout=normal"], 4)):
            assert r.check("more.csv", OPERATION, reuse="30d", params=params).plan.reused == known
        assert place.run(r, r.load("more.csv", OPERATION, params=["timeout=extensive"]), reuse="30d").sent == 4


def test_another_operation_beside_it_changes_nothing(place: Place) -> None:
    """Its own parameters are not those of the one that was asked before."""
    first_list(place)
    (place.folder / "both.csv").write_text("email,phone\nperson1@example.com,+14155550100\n")
    with place.runner() as r:
        batch = r.load("both.csv", [*OPERATION, "defastra.phone"], params=["timeout=minimal"])
        assert r.known(batch) == ()
        batch = r.load("both.csv", [*OPERATION, "defastra.phone"], batch="two")
        result = place.run(r, batch, reuse="30d")
    assert (result.sent, result.reused) == (1, 1)


def test_a_copy_of_a_copy_is_as_old_as_the_answer(place: Place) -> None:
    """It names the batch that asked, and its age counts from there."""
    first_list(place)
    for name in ("two", "three"):
        place.write_list(emails(4), name=f"{name}.csv")
        with place.runner() as r:
            assert place.run(r, r.load(f"{name}.csv", OPERATION), reuse="15d").reused == 4
    lines = told(place, "SELECT DISTINCT reused_from, finished_at FROM v_outcomes WHERE batch LIKE 'three%'")
    assert {line[0] for line in lines} == {"leads-defastra-email"}
    assert sound(place)
    place.time.before += 10 * DAY
    place.write_list(emails(4), name="four.csv")
    with place.runner() as r:
        assert place.run(r, r.load("four.csv", OPERATION), reuse="15d").sent == 4


def test_it_holds_for_what_waits_when_the_run_begins(place: Place) -> None:
    """Off unless given; a list half done is finished by answers, and the same command again has nothing to do."""
    first_list(place)
    place.write_list(emails(6), name="more.csv")
    with place.runner() as r:
        batch = r.load("more.csv", OPERATION)
        assert place.run(r, batch, limit=2).sent == 2
        result = place.run(r, batch, reuse="30d", limit=1)
        assert (result.sent, result.reused, result.exit_code) == (1, 2, 5)
        assert [place.run(r, batch, reuse="30d").sent for _ in range(2)] == [1, 0]
    assert sorted(place.values()[4:]) == sorted([*emails(2), *emails(6)[4:]])


def test_an_old_answer_proves_nothing_of_todays_requests(place: Place) -> None:
    """A refusal that could be of all rows halts until a request of this batch succeeded."""
    first_list(place)
    place.write_list(emails(6), name="more.csv")
    with place.runner() as r:
        batch = r.load("more.csv", OPERATION)
        place.run(r, batch, reuse="30d", max_requests=0)
    store_sql = "SELECT count(*) FROM jobs WHERE reused IS NOT NULL"
    assert told(place, store_sql) == [(4,)]
    with place.runner() as r:
        place.world.next([Behaviour(rule="invalid-parameter")] * 3)
        assert place.run(r, batch, max_requests=10).exit_code == 4


def test_explain_tells_whose_answer_it_is(place: Place) -> None:
    """The batch and the date; no request is invented for it; the raw answer is that of the one who asked."""
    first_list(place)
    place.write_list(emails(2)[1:], name="more.csv")
    with place.runner() as r:
        batch = r.load("more.csv", OPERATION)
        place.run(r, batch, reuse="30d")
        (story,) = r.explain(batch, 1)
        assert (story.reused_from, story.attempts, story.state) == ("leads-defastra-email", (), "succeeded")
        assert story.next == "Nothing: it is answered. How that came: runner explain leads-defastra-email 2"
        (theirs,) = r.explain("leads-defastra-email", 2)
        assert story.finished_us == theirs.finished_us
        assert theirs.reused_from is None
        r.export(batch, "raw.jsonl", raw=True)
    (line,) = [json.loads(text) for text in (place.folder / "raw.jsonl").read_text().splitlines()]
    assert line["defastra_email_raw"]


def test_erasing_a_person_covers_the_copies(place: Place) -> None:
    """In every batch, and nobody is given the answer from then on."""
    first_list(place)
    place.write_list(emails(4), name="more.csv")
    with place.runner() as r:
        place.run(r, r.load("more.csv", OPERATION), reuse="30d")
        r.erase("person2@example.com")
    assert told(place, "SELECT count(*) FROM jobs WHERE erased = 1 AND result IS NULL") == [(2,)]
    assert sound(place)
    place.write_list(emails(4), name="third.csv")
    with place.runner() as r:
        assert r.check("third.csv", OPERATION, reuse="30d").plan.requests == 1


def test_a_run_that_dies_among_them_pays_for_none_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken stays taken, the rest is taken by the next run."""
    first_list(place, 7)
    place.write_list(emails(9), name="more.csv")
    monkeypatch.setattr(answered, "PIECE", 3)
    with place.runner() as r:
        batch = r.load("more.csv", OPERATION)
        pieces, piece = iter([False, True]), answered._piece

        def dying(*arguments: Any) -> Any:
            done = piece(*arguments)
            if next(pieces):
                raise KilledError
            return done

        with monkeypatch.context() as patch:
            patch.setattr(answered, "_piece", dying)
            with pytest.raises(KilledError):
                place.run(r, batch, reuse="30d")
    assert told(place, "SELECT count(*) FROM jobs WHERE reused IS NOT NULL") == [(3,)]
    assert sound(place)
    with place.runner() as r:
        assert r.preflight(batch, reuse="30d").requests == 2
        result = place.run(r, batch, reuse="30d")
    assert (result.sent, result.reused) == (2, 4)
    assert len(place.values()) == 9


def test_a_length_is_needed(place: Place) -> None:
    """No answer is of no age."""
    place.write_list(emails(1))
    with place.runner() as r, pytest.raises(UsageError, match="--reuse 0"):
        r.check("leads.csv", OPERATION, reuse="0")
