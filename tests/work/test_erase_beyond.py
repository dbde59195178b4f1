"""What holds an erased person beyond the database: lists, exports, copies and tables are told, each with what to do."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing

import pytest

from runner.app import Runner
from tests.app.place import Place, emails
from tests.work.traces import ADA


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
