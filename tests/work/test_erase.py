"""One person leaves the database for good: no byte of them is left in any file, and everything still adds up."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from runner.app import Runner
from runner.domain.model import Answer
from runner.errors import BatchError, BusyError, StoreError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.store.erasing import SWEPT
from runner.store.locks import lock_database
from runner.store.tables import metadata
from tests.app.place import Place, emails

ADA = "Ada.Lovelace@Example.com"
SPELLINGS = [
    ADA,
    ADA.lower(),
    quote(ADA, safe=""),
    quote(ADA.lower(), safe=""),
    ADA.replace("@", "\\u0040"),
    ADA.lower().replace("@", "&#64;"),
]
PHONE = "+33639980123"
NUMBERS = ["33639980123", "+33 6 39 98 01 23", "%2B33639980123", "06 39 98 01 23", "0639980123"]


def left(folder: Path, needles: list[str]) -> list[tuple[str, str]]:
    """Every file with one of these in its bytes, in any case, as UTF-8 or base64."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes().lower()
        for needle in needles:
            plain = needle.lower().encode()
            packed = base64.b64encode(needle.encode()).rstrip(b"=")[:-1].lower()
            found += [(path.name, needle) for one in (plain, packed) if one in content]
    return found


def held(folder: Path) -> bool:
    """Whether the database holds her; two others, whose addresses hold hers, are there."""
    texts = (folder / "runner.db").read_bytes().lower()
    for other in (f"x{ADA}", f"{ADA}.au"):
        assert other.lower().encode() in texts
        texts = texts.replace(other.lower().encode(), b"")
    return any(spelling.lower().encode() in texts for spelling in SPELLINGS)


def outcomes(folder: Path, sql: str = "SELECT * FROM v_outcomes") -> list[dict[str, Any]]:
    """From the public views."""
    with closing(sqlite3.connect(folder / "runner.db")) as file:
        file.row_factory = sqlite3.Row
        return [dict(line) for line in file.execute(sql)]


def ledger(folder: Path) -> list[dict[str, Any]]:
    """What was spent, by day."""
    return outcomes(folder, "SELECT * FROM v_spend ORDER BY day, operation")


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


def test_what_is_out_of_reach_is_told(ran: tuple[Place, Runner]) -> None:
    """The list, earlier exports, copies: those that hold the person, each with what to do; others are not named."""
    place, r = ran
    r.export("leads", "early.csv")
    r.report("leads", "quiet.html")  # it holds nobody's whole value
    r.report("leads", "noted.html")
    (place.folder / "noted.html").write_text(f"as {ADA} said")
    r.export("later", "clean.csv", columns=["state"])
    r.backup("runner.db.0000-x.backup")
    done = r.erase(ADA)
    told = {one.what.partition(",")[0].rpartition("/")[2]: one.fix for one in done.beyond if one.what.startswith("/")}
    assert set(told) == {"leads.csv", "later.csv", "early.csv", "noted.html", "runner.db.0000-x.backup"}
    assert told["noted.html"] == f"runner report leads-defastra-email -o {place.folder / 'noted.html'}"
    assert told["early.csv"] == f"runner export leads-defastra-email -o {place.folder / 'early.csv'}"
    r.export("leads", "early.csv")  # the fix
    again = r.erase(ADA)
    assert not again.found
    assert not any("early.csv" in one.what for one in again.beyond)


LIST = f"id,email\n1,{ADA}\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("leads.csv.gz", gzip.compress(LIST.encode())),
        ("leads.csv", LIST.encode("utf-16")),
        ("leads.csv", b"x" * (1_048_576 - 5 - 1) + b" " + LIST[-len(ADA) - 1 :].encode()),
    ],
    ids=["packed", "utf-16", "over the end of a piece"],
)
def test_a_list_that_is_hard_to_look_into_is_told(place: Place, name: str, content: bytes) -> None:
    """Packed, in another encoding, or with the name where two pieces meet: it holds the person, or may."""
    path = place.folder / name
    path.write_bytes(gzip.compress(LIST.encode()) if name.endswith(".gz") else LIST.encode())
    with place.runner() as r:
        r.load(name, ["defastra.email"])
        path.write_bytes(content)
        assert f"{path}, your list" in [one.what for one in r.erase(ADA).beyond]


@pytest.mark.parametrize("keyed", [True, False])
def test_tables_that_rows_were_read_from_or_written_to_are_told(place: Place, keyed: bool) -> None:
    """They are the user's own, and nobody looks into them; of a batch without the person they are no matter."""
    with closing(sqlite3.connect(place.folder / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT)")
        crm.execute("INSERT INTO people VALUES (1, ?)", [ADA])
    url = f"sqlite:///{place.folder / 'crm.db'}"
    place.write_list([ADA])
    place.write_list(emails(1), name="other.csv")
    with place.runner() as r:
        if keyed:
            batch = r.load(None, ["defastra.email"], query="people", database=url, key="id", batch="crm")
            r.export_table(batch, "people", database=url, columns=["id", "email"])  # told once, as the list
        else:
            batch = r.load("leads.csv", ["defastra.email"])
        r.export_table(batch, "scored", database=url)
        r.export_table(r.load("other.csv", ["defastra.email"]), "strangers", database=url)
        told = {one.what: one.fix for one in r.erase(ADA).beyond if one.what.startswith("the table")}
    read = {f"the table people at {url}": "delete their rows there, or the next load reads them again"}
    written = {f"the table scored at {url}, an export of {batch.batch}": "delete their rows there"}
    assert told == (read if keyed else {}) | written


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
