"""`--follow` with a table as the list: what others put into it goes into the batch while it is at work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import anyio
import pytest

from runner.app import Runner
from runner.domain.states import BatchState
from runner.engine.events import Event, PlaceTrouble, RowsAdded, RowsAwaited
from runner.engine.stop import StopSignal
from runner.errors import InputError, UsageError
from runner.sources import follow_database
from runner.sources.database import Key
from runner.work.following import Found
from runner.work.outside import elsewhere
from runner.work.results import RunResult
from tests.app.place import Place
from tests.virtual import run_virtual

SIGTERM = "signal:143"


class Crm:
    """Somebody's database, with a table that grows."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "crm.db"
        self.url = f"sqlite:///{self.path}"
        self.do("CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT, note TEXT)")

    def do(self, sql: str, rows: Iterable[tuple[Any, ...]] = ((),)) -> Self:
        """As another program would."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(sql, list(rows))
        return self

    def insert(self, *ids: str) -> Self:
        """People by these ids."""
        return self.do(
            "INSERT INTO people VALUES (?, ?, ?)", [(one, f"{one}@example.com", f"note {one}") for one in ids]
        )


@pytest.fixture
def crm(place: Place) -> Crm:
    """With two people in it."""
    crm = Crm(place.folder)
    crm.insert("b1", "d1")
    return crm


def load(r: Runner, crm: Crm, table: str = "people") -> str:
    """The table as a batch."""
    return r.load(None, ["defastra.email"], batch="crm", query=table, database=crm.url, key="id").batch


class Followed:
    """A run that follows, in virtual time, with others beside it."""

    def __init__(self, place: Place, r: Runner, batch: str) -> None:
        self.events: list[Event] = []
        self.stop = StopSignal()
        self._place = place
        self._runner = r
        self._batch = batch

    def run(self, *acts: tuple[float, Callable[[], Any]], rest: float = 4, **arguments: Any) -> RunResult:
        """At each time an act; then so many seconds, and a signal."""

        async def beside() -> None:
            for at, act in acts:
                await anyio.sleep_until(at)
                act()
            await anyio.sleep(rest)
            self.stop.set(SIGTERM)

        async def main() -> tuple[RunResult, float]:
            async with anyio.create_task_group() as group:
                group.start_soon(beside)
                given = {"follow": True, "poll": 1} | arguments
                result = await self._runner.arun(self._batch, on_event=self.events.append, stop=self.stop, **given)
                group.cancel_scope.cancel()
            return result, anyio.current_time()

        result, seconds = run_virtual(main)
        self._place.time.before += seconds
        return result

    def of(self, kind: type[Any]) -> list[Any]:
        """What was told of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def test_new_rows_of_the_table_are_sent_once_wherever_their_keys_sort(place: Place, crm: Crm) -> None:
    """Before, between and behind the keys that are known; within two seconds of their coming."""

    def insert(*ids: str) -> Callable[[], object]:
        return lambda: crm.insert(*ids)

    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        began_at = place.time.now_us() / 1e6
        result = followed.run((5, insert("z1", "a1", "c1")), (9, insert("a0")))
        assert result.exit_code == 143
        assert (result.status.state, result.status.rows, result.sent) == (BatchState.COMPLETED, 6, 6)
    sent_at = {entry.value.split("@")[0]: entry.received_at - began_at for entry in place.world.books.entries}
    assert sorted(sent_at) == ["a0", "a1", "b1", "c1", "d1", "z1"]
    assert len(place.values()) == 6
    assert all(5 < sent_at[one] < 7 for one in ("z1", "a1", "c1"))
    assert 9 < sent_at["a0"] < 11


def test_rows_that_another_terminal_adds_are_sent_too(place: Place) -> None:
    """`load --add` of a file beside a run that follows; a list that is a file is not read again by itself."""
    place.write_list(["a@example.com"])
    with place.runner() as r, place.runner() as other:
        batch = r.load("leads.csv", ["defastra.email"]).batch

        def write() -> None:
            place.write_list(["a@example.com", "b@example.com"])

        def add() -> None:
            assert place.values() == ["a@example.com"]
            other.load("leads.csv", ["defastra.email"], add=True)

        followed = Followed(place, r, batch)
        followed.run((5, write), (15, add))
    assert place.values() == ["a@example.com", "b@example.com"]
    assert [event.next_look_us for event in followed.of(RowsAwaited)] == [None, None]
    assert [event.requests for event in followed.of(RowsAdded)] == [1]


def test_a_load_of_another_terminal_is_not_disturbed(place: Place, crm: Crm) -> None:
    """New rows of the table wait until those of a long `load --add` are in; that is no trouble."""

    def loads(sql: str) -> None:
        with closing(sqlite3.connect(place.folder / "runner.db")) as connection, connection:
            connection.execute(sql, (place.time.now_us(),))

    away = crm.path.with_suffix(".away")
    under_way = "UPDATE batches SET load_number = load_number + 1, touched_us = ?"
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        began_at = place.time.now_us() / 1e6
        result = followed.run(
            (5, lambda: loads(under_way)),
            (6, lambda: crm.insert("x1").path.rename(away)),  # nobody looks
            (9, lambda: away.rename(crm.path)),
            (12, lambda: loads(under_way)),
        )
    assert result.sent == 3
    assert 12 < place.world.books.entries[-1].received_at - began_at < 14
    assert followed.of(PlaceTrouble) == []


def test_rows_that_another_load_has_brought_meanwhile_are_taken_once(
    place: Place, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same table, between a look and what comes of it; with the count of what cannot be sent."""
    new = [("x1", "x1@example.com", ""), ("x2", "no address", "")]
    loaded: list[str] = []
    with place.runner() as r, place.runner() as other:

        async def between(tools: Any, act: Callable[[], Any], **given: Any) -> Any:
            found = await elsewhere(tools, act, **given)
            if isinstance(found, Found) and found.rows and not loaded:
                loaded.append(load(other, crm))
                crm.insert("x3")
            return found

        monkeypatch.setattr("runner.work.following.elsewhere", between)
        followed = Followed(place, r, load(r, crm))
        result = followed.run((5, lambda: crm.do("INSERT INTO people VALUES (?, ?, ?)", new)))
        again = r.load(None, ["defastra.email"], batch="crm", query="people", database=crm.url, key="id")
    assert (result.sent, again.rows, again.added_rows, again.invalid) == (4, 5, 0, {"invalid:email": 1})
    assert followed.of(PlaceTrouble) == []


def test_it_is_told_when_the_next_look_is(place: Place, crm: Crm) -> None:
    """To a screen after each look; what only repeats it is marked, so that no log is filled by it."""
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        began_us = place.time.now_us()
        followed.run(rest=10, poll=4)
    told = followed.of(RowsAwaited)
    assert [event.again for event in told] == [False, True, True]
    assert [round((event.next_look_us - began_us) / 1e6) for event in told] == [4, 8, 12]


def test_a_pick_up_that_brings_nothing_writes_nothing(place: Place, crm: Crm) -> None:
    """A line in the log for each time that rows came, none for a look."""
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        followed.run((5, lambda: crm.insert("x1", "x2")))
        loaded = [record for record in r.log().records if record.event == "batch.loaded"]
    assert [record.detail["rows"] for record in loaded] == [2, 2]


def test_an_empty_table_is_followed(place: Place) -> None:
    """Nobody has put anything into it yet."""
    crm = Crm(place.folder)
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm))
        assert followed.run((5, lambda: crm.insert("a1"))).sent == 1


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


def test_a_query_is_followed(place: Place, crm: Crm) -> None:
    """With its own percent signs, colons and comments; columns that come later are no matter."""
    query = "SELECT id, email, '50% of :this' AS note FROM people WHERE email LIKE '%@example.com' -- all"
    with place.runner() as r:
        followed = Followed(place, r, load(r, crm, query))
        followed.run(
            (
                5,
                lambda: (
                    crm.do("ALTER TABLE people ADD COLUMN extra"),
                    crm.do(
                        "INSERT INTO people VALUES ('x1', 'x1@example.com', '', ''), ('x2', 'x2@example.org', '', '')"
                    ),
                ),
            )
        )
    assert sorted(place.values()) == ["b1@example.com", "d1@example.com", "x1@example.com"]


def test_the_next_run_goes_on_with_what_came_meanwhile(place: Place, crm: Crm) -> None:
    """A completed batch is taken up again: nothing is sent twice."""
    with place.runner() as r:
        batch = load(r, crm)
        Followed(place, r, batch).run()
        crm.insert("a1")
        result = Followed(place, r, batch).run()
    assert (result.sent, len(place.values()), len(set(place.values()))) == (1, 3, 3)


def test_a_pause_of_one_that_waits_for_rows_holds(place: Place, crm: Crm) -> None:
    """Nothing was left to send, and yet it is paused and not completed; a cancel is a cancel."""
    with place.runner() as r, place.runner() as other:
        batch = load(r, crm)
        result = Followed(place, r, batch).run((5, lambda: other.pause(batch)), (9, lambda: None))
        assert (result.exit_code, result.status.state, result.status.reason) == (5, BatchState.PAUSED, "person")
        crm.insert("a1")
        assert Followed(place, r, batch).run().sent == 0
        other.resume(batch)
        result = Followed(place, r, batch).run((5, lambda: other.cancel(batch)), (9, lambda: None))
        assert (result.sent, result.status.state) == (1, BatchState.CANCELLED)


def test_a_status_beside_it_says_what_it_waits_for(place: Place, crm: Crm) -> None:
    """No time at which it would be ready."""
    seen = []
    with place.runner() as r, place.runner() as other:
        batch = load(r, crm)
        Followed(place, r, batch).run((5, lambda: seen.append(other.status(batch))))
    assert (seen[0].state, seen[0].eta_us) == (BatchState.RUNNING, None)
    assert seen[0].next.why == "A run is at work on it, and waits for new rows."


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


@pytest.mark.parametrize(
    ("arguments", "what"), [({"poll": "5s"}, "belongs to"), ({"follow": True, "poll": 0.5}, "short")]
)
def test_a_poll_that_means_nothing_is_refused(place: Place, crm: Crm, arguments: dict[str, Any], what: str) -> None:
    """Without --follow, or more often than once a second."""
    with place.runner() as r, pytest.raises(UsageError, match=what):
        place.run(r, load(r, crm), **arguments)


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
