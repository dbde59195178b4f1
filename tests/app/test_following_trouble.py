"""`--follow` where a row cannot be taken or the table cannot be read: told, and nothing else is held back by it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runner.engine.events import PlaceTrouble
from runner.errors import InputError, UsageError
from runner.sources import follow_database
from runner.sources.database import Key
from tests.app.crm import Crm, Followed, load
from tests.app.place import Place


def test_a_row_that_cannot_be_sent_is_kept_and_costs_nothing(place: Place, crm: Crm) -> None:
    """However many they are: each is exported as invalid, as those of the first reading are."""
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        bad = [(f"x{n}", "no address", "") for n in range(30)]
        result = followed.run((5, lambda: crm.do("INSERT INTO people VALUES (?, ?, ?)", bad)))
        loaded = r.load(None, ["defastra.email"], batch="crm", query="people", database=crm.url, key="id")
    assert (result.sent, result.status.rows, result.status.not_sent) == (2, 32, 30)
    assert (loaded.added_rows, loaded.invalid) == (0, {"invalid:email": 30})


def test_a_row_that_cannot_be_taken_keeps_no_other_back(place: Place, crm: Crm) -> None:
    """It is told once, whatever the number of looks, and taken when it is mended."""
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        result = followed.run(
            (5, lambda: crm.do("INSERT INTO people VALUES ('x1', 'x1@example.com', 'a' || char(0) || 'b')")),
            (6, lambda: crm.insert("x2")),
            (10, lambda: crm.do("UPDATE people SET note = 'ab' WHERE id = 'x1'")),
        )
        told = followed.of(PlaceTrouble)
        assert [(event.place, event.message is None) for event in told] == [("source", False), ("source", True)]
        assert "NUL" in told[0].message
        assert "x1@" not in told[0].message
        assert result.sent == 4
        events = [record.event for record in r.log().records]
    assert [event for event in events if event.startswith("source.")] == ["source.trouble", "source.mended"]


def test_of_two_rows_with_one_key_neither_is_taken(tmp_path: Path) -> None:
    """Nobody could say which one is meant; a row that is gone by then is nothing."""
    crm = Crm(tmp_path)
    crm.do("CREATE TABLE twice (id TEXT, email TEXT)")
    crm.do("INSERT INTO twice VALUES (?, ?)", [("a", "1"), ("b", "2"), ("a", "3"), ("a", "5"), (None, "4")])
    with follow_database(crm.url, table="twice", key="id", header=("id", "email")).looking() as look:
        assert [key.text for key in look.page()] == ["a", "a", "a", "b"]
        found = look.rows([Key("a", "a"), Key("b", "b"), Key("c", "c")])
        assert look.nameless() is not None
    assert [row.cells for row in found.rows] == [("b", "2")]
    assert len(found.refused) == 1


def test_keys_that_are_one_text_are_one_key(place: Place) -> None:
    """A number, and a text of its digits: neither is taken, it is told once, and the others are."""
    crm = Crm(place.folder)
    crm.do("CREATE TABLE loose (id PRIMARY KEY, email TEXT)").do("INSERT INTO loose VALUES ('a', 'a@example.com')")
    new = [(1, "one@example.com"), ("1", "uno@example.com"), (2, "two@example.com")]
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm, "loose"))
        result = followed.run(
            (3, lambda: crm.do("INSERT INTO loose VALUES (?, ?)", new)),
            (9, lambda: crm.do("DELETE FROM loose WHERE id = '1'")),
        )
    assert result.sent == 3
    assert sorted(place.values()) == ["a@example.com", "one@example.com", "two@example.com"]
    told = followed.of(PlaceTrouble)
    assert [event.message is None for event in told] == [False, True]
    assert "the same id" in told[0].message


def test_phones_of_no_country_stop_nothing_but_themselves(place: Place) -> None:
    """So many at once that they look national: each is kept as invalid, the others are sent."""
    crm = Crm(place.folder)
    crm.do("CREATE TABLE calls (id TEXT PRIMARY KEY, phone TEXT)")
    crm.do("INSERT INTO calls VALUES ('a1', '+14155550100')")
    wanting = [*[(f"n{one:02}", f"030{one:06}") for one in range(25)], ("n99", "12000000000"), ("z1", "+14155550101")]
    with place.runner() as r:
        batch = r.load(None, ["defastra.phone"], batch="crm", query="calls", database=crm.url, key="id").batch
        followed = Followed(place, r, batch)
        result = followed.run(
            (5, lambda: crm.do("INSERT INTO calls VALUES (?, ?)", wanting)),
            (9, lambda: crm.do("INSERT INTO calls VALUES ('z2', '+14155550102')")),
        )
        loaded = r.load(None, ["defastra.phone"], batch="crm", query="calls", database=crm.url, key="id")
    assert (result.sent, result.status.rows) == (3, 29)
    assert (loaded.added_rows, loaded.invalid) == (0, {"invalid:no-country": 26})
    assert loaded.countries == {"US": 3}
    assert followed.of(PlaceTrouble) == []


def test_a_source_that_cannot_be_read_ends_nothing(place: Place, crm: Crm) -> None:
    """Gone, locked, without its table: told once, tried again with growing waits, told when it is back."""
    away = crm.path.with_suffix(".away")
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        result = followed.run(
            (5, lambda: crm.path.rename(away)),
            (9, lambda: (away.rename(crm.path), crm.insert("x1"))),
            (18, lambda: crm.do("ALTER TABLE people RENAME TO persons")),
            (21, lambda: crm.do("ALTER TABLE persons RENAME TO people").insert("x2")),
            (28, lambda: None),
        )
    told = followed.of(PlaceTrouble)
    assert [event.message is None for event in told] == [False, True, False, True]
    assert result.sent == 4


def test_a_run_begins_while_its_source_is_away(place: Place, crm: Crm) -> None:
    """By the batch's name: a service that starts before the database does waits for it."""
    away = crm.path.with_suffix(".away")
    with place.runner() as r:
        batch = load(r, crm)
        crm.path.rename(away)
        followed = Followed(place, r, batch)
        result = followed.run((5, lambda: (away.rename(crm.path), crm.insert("x1"))))
        assert result.sent == 3


def test_a_list_whose_address_was_not_kept_is_not_followed(place: Place, crm: Crm) -> None:
    """A password is not written down; said before anything is sent."""
    url = f"sqlite://somebody:secret@/{crm.path}"
    with place.runner() as r:
        with pytest.raises(InputError):
            r.load(None, ["defastra.email"], batch="crm", query="people", database=url, key="id")
        r.load(None, ["defastra.email"], batch="crm", query="people", database=crm.url, key="id")
    crm_db = place.folder / "runner.db"
    with closing(sqlite3.connect(crm_db)) as connection, connection:
        connection.execute("UPDATE batches SET source = json_remove(source, '$.database')")
    with place.runner() as r, pytest.raises(UsageError, match="cannot be read again"):
        place.run(r, "crm", follow=True)
    assert place.values() == []
