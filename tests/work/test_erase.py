"""One person leaves the database for good: no byte of them is left in any file, and everything still adds up."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing

import pytest

from runner.app import Runner
from runner.errors import BatchError, BusyError, StoreError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.store.erasing import SWEPT
from runner.store.locks import lock_database
from runner.store.tables import metadata
from tests.app.place import Place, emails
from tests.work.traces import ADA, NUMBERS, PHONE, SPELLINGS, held, ledger, left, outcomes


def test_no_byte_is_left_and_everything_adds_up(ran: tuple[Place, Runner]) -> None:
    """In no file of the database, in no later export; the ledger, the rows and `verify` are as before."""
    place, r = ran
    before, rows = ledger(place.folder), len(outcomes(place.folder))
    assert left(place.folder, SPELLINGS)
    done = r.erase("ADA.Lovelace@EXAMPLE.com ")
    assert dict(done.rows) == {"leads-defastra-email": 3, "later-defastra-email": 1}
    assert (done.found, done.cancelled) == (True, 1)
    for name in ("leads.csv", "later.csv"):
        (place.folder / name).unlink()
    r.export("leads", "after.csv", raw=True)
    r.export("leads", "after.jsonl", raw=True)
    assert [one for one in left(place.folder, SPELLINGS) if one[0] != "runner.db"] == []
    assert not held(place.folder)
    assert (ledger(place.folder), len(outcomes(place.folder))) == (before, rows)
    verified = r.verify()
    assert [line.problems for line in verified.lines if line.violations] == []


def test_what_is_left_is_a_stub(ran: tuple[Place, Runner]) -> None:
    """A row keeps its number and its place, a request its state, its figures and the rule; nothing of the person."""
    place, r = ran
    r.erase(ADA)
    first, second, *_ = outcomes(place.folder, "SELECT * FROM v_outcomes WHERE batch LIKE 'leads%' ORDER BY row")
    assert (first["state"], first["reason"], first["debited"], first["attempts"]) == ("succeeded", "success", "yes", 1)
    assert (first["value"], first["result"], first["error_message"]) == ("", None, None)
    assert (second["value"], second["result"] is not None) == ("bob@example.com", True)
    out = io.StringIO()
    r.export("leads", out)
    table = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["id"] for row in table] == ["", "2", "", "4", "5", ""]
    assert table[0]["defastra_email_state"] == "succeeded"
    assert table[3]["note"] == f"ask [erased] or {PHONE}"
    assert table[4]["note"] == "see [erased]"
    (story,) = r.explain("leads", 1)
    assert (story.value, story.attempts[0].path, story.result) == ("", "[erased]", None)


def test_nothing_erased_is_ever_sent(ran: tuple[Place, Runner]) -> None:
    """What waited is cancelled; what failed is not queued again, by no command and no other program."""
    place, r = ran
    r.erase(ADA)
    r.erase("rule-invalid-request-email@example.com")
    sent = place.values()
    with pytest.raises(BatchError, match="no request of"):
        r.retry("leads")
    for name in ("leads", "later"):
        place.run(r, name)
    assert [value.lower() for value in place.values()[len(sent) :]] == [f"x{ADA}".lower(), f"{ADA}.au".lower()]
    with closing(sqlite3.connect(place.folder / "runner.db")) as file, pytest.raises(sqlite3.IntegrityError):
        file.execute("UPDATE jobs SET state = 'queued' WHERE erased AND state = 'failed'")


def test_a_phone_number_in_every_spelling(place: Place) -> None:
    """International, national with its region, encoded; a number that merely holds the same digits stays."""
    lines = ["id,phone,note", *(f"{n},{value}," for n, value in enumerate([PHONE, *NUMBERS[:2], NUMBERS[4]], 1))]
    lines += ["7,+33639980199,call " + NUMBERS[3], f"8,+33639980198,tel:{NUMBERS[2]}", "9,+33639980197,1336399801234"]
    (place.folder / "phones.csv").write_text("\n".join(lines) + "\n")
    with place.runner() as r:
        batch = r.load("phones.csv", ["defastra.phone"], region="FR")
        place.run(r, batch)
        assert dict(r.erase("0033 6 39 98 01 23").rows) == {"phones-defastra-phone": 4}
        (place.folder / "phones.csv").unlink()
        assert left(place.folder, [PHONE, *NUMBERS[1:4]]) == []
        out = io.StringIO()
        r.export(batch, out, columns=["note"])
        assert out.getvalue().splitlines()[5:] == ["call [erased]", "tel:[erased]", "1336399801234"]
        assert r.verify().violations == 0


def test_a_request_in_doubt_comes_first(place: Place) -> None:
    """Whether it was charged could not be found out any more: resolved, then erased."""
    place.write_list([ADA])
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.world.next([Behaviour(manner=Manner.DROP)])
        place.run(r, batch)
        if not r.doubts(batch):
            pytest.fail("the request should be in doubt")
        with pytest.raises(BatchError, match="is in doubt") as refused:
            r.erase(ADA)
        assert refused.value.fix.startswith("runner doubt resolve leads-defastra-email --row 1 --as charged")
        assert left(place.folder, [ADA])
        r.resolve(batch, "charged", row=1)
        assert r.erase(ADA).rows
        assert r.verify().violations == 0
        (place.folder / "leads.csv").unlink()
    assert left(place.folder, [ADA]) == []


def test_an_answer_that_another_row_shares_stays_with_it(place: Place) -> None:
    """A phone of two people: erasing one by e-mail leaves the other's answer."""
    (place.folder / "two.csv").write_text(f"email,phone\n{ADA},{PHONE}\nbob@example.com,{PHONE}\n")
    with place.runner() as r:
        batch = r.load("two.csv", ["defastra.email", "defastra.phone"])
        place.run(r, batch)
        r.erase(ADA)
        out = io.StringIO()
        r.export(batch, out, columns=["email", "phone", "defastra_phone_state"])
        assert out.getvalue().splitlines()[1:] == [",,succeeded", f"bob@example.com,{PHONE},succeeded"]
        assert r.erase(PHONE).rows == {"two-defastra-email+defastra-phone": 2}
        assert r.verify().violations == 0


def test_who_is_not_there_and_what_nobody_can_be(place: Place) -> None:
    """Nothing found is said; a value that is no person is refused; beside a run nothing is erased."""
    place.write_list(emails(1))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        assert not r.erase(ADA).found
        for wrong in ("Ada", "example.com", "0639980123", "", "ada@", "12"):
            with pytest.raises(UsageError, match="neither an e-mail address nor a phone number"):
                r.erase(wrong)
        with lock_database(place.folder / "runner.db", clock=place.time), pytest.raises(BusyError) as busy:
            r.erase(emails(1)[0])
        assert "--wait" not in busy.value.fix
        assert r.find(batch.batch) == batch.batch


def test_every_column_of_texts_is_looked_at() -> None:
    """A new column must say whether a person can stand in it."""
    words = {
        "batches": "state requested_state operations content_hash",
        "row_jobs": "operation invalid",
        "runs": "host version",
        "asked": "operation request_hash",
        "jobs": "operation state key value params",  # the last three are emptied as a whole
        "attempts": "operation provider account client_request_id method unit fault action debited resolution standing",
        "answers": "removed body",  # the body is looked at on its own
        "job_totals": "operation state",
        "attempt_totals": "provider operation unit standing",
        "balances": "provider account unit",
        "lanes": "provider state",
        "events": "lane event",
    }
    known = {(column.table, column.name) for column in SWEPT}
    known |= {(table, name) for table, names in words.items() for name in names.split()}
    texts = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if column.type.python_type in (str, bytes)
    }
    assert texts == known


def test_the_log_of_the_file_is_emptied_too(ran: tuple[Place, Runner]) -> None:
    """Also where another program has the file open, so that its write-ahead log stays; one in the middle of reading
    keeps the log, and is told; the same command then finishes."""
    place, r = ran
    for name in ("leads.csv", "later.csv"):
        (place.folder / name).unlink()
    with closing(sqlite3.connect(place.folder / "runner.db", isolation_level=None)) as other:
        other.execute("SELECT count(*) FROM rows").fetchall()
        place.run(r, "later", limit=1)
        assert (place.folder / "runner.db-wal").stat().st_size
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM rows").fetchall()
        with pytest.raises(StoreError, match="is open in another program"):
            r.erase(ADA)
        other.execute("ROLLBACK")
        r.erase(ADA)
        assert not held(place.folder)
        assert (place.folder / "runner.db-wal").stat().st_size == 0
