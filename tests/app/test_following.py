"""`--follow` with a table as the list: what others put into it goes into the batch while it is at work."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from runner.domain.states import BatchState
from runner.engine.events import PlaceTrouble, RowsAdded, RowsAwaited
from runner.errors import UsageError
from runner.work.following import Found
from runner.work.outside import elsewhere
from tests.app.crm import Crm, Followed, load
from tests.app.place import Place


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


@pytest.mark.parametrize(
    ("arguments", "what"), [({"poll": "5s"}, "belongs to"), ({"follow": True, "poll": 0.5}, "short")]
)
def test_a_poll_that_means_nothing_is_refused(place: Place, crm: Crm, arguments: dict[str, Any], what: str) -> None:
    """Without --follow, or more often than once a second."""
    with place.runner() as r, pytest.raises(UsageError, match=what):
        place.run(r, load(r, crm), **arguments)
