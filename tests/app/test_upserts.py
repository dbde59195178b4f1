"""`run --to-table`: each outcome is in the user's table a moment after it is settled, at least once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any, Self

import anyio
import pytest

from runner.app import Runner
from runner.domain.model import BatchId
from runner.engine.events import Event, PlaceTrouble, RunStopping
from runner.engine.stop import StopSignal
from runner.errors import BatchError, StoreError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.work.results import RunResult
from tests.app.place import KilledError, Place, emails
from tests.virtual import run_virtual

OPERATION = ["defastra.email"]
SLOW = "[providers.defastra]\nlimits = [{ at_most = 1, per_seconds = 1 }]\n"
STATES = "SELECT id, defastra_email_state FROM scored ORDER BY id"


class Crm:
    """The user's database: people, and what is known of them."""

    def __init__(self, place: Place, rows: int = 5) -> None:
        self.path = place.folder / "crm.db"
        self.url = f"sqlite:///{self.path}"
        self.do("CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT)")
        for number, email in enumerate(emails(rows), 1):
            self.insert(f"k{number}", email)

    def insert(self, key: str, email: str) -> Self:
        """One more."""
        return self.do(f"INSERT INTO people VALUES ('{key}', '{email}')")

    def do(self, sql: str) -> Self:
        """As any other program writes it."""
        with closing(sqlite3.connect(self.path)) as database, database:
            database.executescript(sql)
        return self

    def query(self, sql: str = STATES) -> list[tuple[Any, ...]]:
        """As any other program reads it."""
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(sql).fetchall()


@pytest.fixture
def crm(place: Place) -> Crm:
    """Five people."""
    return Crm(place)


def load(r: Runner, crm: Crm) -> str:
    """The people as a batch."""
    return r.load(None, OPERATION, query="people", database=crm.url, key="id", batch="crm").batch


def run_beside(place: Place, r: Runner, *acts: tuple[float, Callable[[], Any]], **given: Any) -> RunResult:
    """A run that follows, in virtual time; at each time an act; then five seconds, and a signal."""
    stop = StopSignal()

    async def beside() -> None:
        for at, act in acts:
            await anyio.sleep_until(at)
            act()
        await anyio.sleep(5)
        stop.set("signal:143")

    async def main() -> tuple[RunResult, float]:
        async with anyio.create_task_group() as group:
            group.start_soon(beside)
            options: dict[str, Any] = {"follow": True, "poll": 1, "to_table": "scored"} | given
            result = await r.arun("crm", stop=stop, **options)
            group.cancel_scope.cancel()
        return result, anyio.current_time()

    result, seconds = run_virtual(main)
    place.time.before += seconds
    return result


def test_outcomes_are_in_the_table_while_the_run_goes_on(place: Place, crm: Crm) -> None:
    """About a second after they were settled, in the database that the list is in; what waits is there as queued."""
    (place.folder / "runner.toml").write_text(SLOW)
    seen: list[dict[str, str]] = []
    with place.runner() as r:
        load(r, crm)
        acts = [(at, lambda: seen.append(dict(crm.query()))) for at in (0.5, 2.5, 7.5)]
        run_beside(place, r, *acts)
    assert set(seen[0].values()) == {"queued"}
    assert sorted(seen[1].values()).count("succeeded") in (1, 2)
    assert set(seen[2].values()) == {"succeeded"}


def test_rows_that_share_a_request_or_cannot_be_sent_are_written_too(place: Place, crm: Crm) -> None:
    """No answer comes for them: it is their coming that counts."""
    with place.runner() as r:
        load(r, crm)
        run_beside(place, r, (5, lambda: crm.insert("k6", emails(1)[0].upper()).insert("k7", "no address")))
    assert dict(crm.query())["k6"] == "succeeded"
    assert dict(crm.query())["k7"] == "invalid"
    assert len(place.values()) == 5


def test_results_of_a_table_that_a_run_makes_are_texts(place: Place, crm: Crm) -> None:
    """Nobody knows yet what will come."""
    with place.runner() as r:
        load(r, crm)
        run_beside(place, r)
    assert crm.query("SELECT DISTINCT typeof(defastra_email_risk_score) FROM scored") == [("text",)]


def test_a_table_that_is_away_stops_nothing_and_is_brought_up_to_date(place: Place, crm: Crm) -> None:
    """Told once, tried again with growing waits, told when it is back; every row is in it."""
    events: list[Event] = []
    with place.runner() as r:
        load(r, crm)
        result = run_beside(
            place,
            r,
            (3, lambda: crm.do("ALTER TABLE scored RENAME TO away; CREATE TABLE scored (other)")),
            (4, lambda: crm.insert("k6", "six@example.com")),
            (9, lambda: crm.do("DROP TABLE scored; ALTER TABLE away RENAME TO scored")),
            (24, lambda: None),
            on_event=events.append,
        )
        assert (result.sent, result.notices) == (6, ())
        told = [event for event in events if isinstance(event, PlaceTrouble)]
        assert [(event.place, event.message is None) for event in told] == [("table", False), ("table", True)]
        names = [record.event for record in r.log().records]
        assert [name for name in names if name.startswith("table.")] == ["table.trouble", "table.mended"]
    assert set(dict(crm.query()).values()) == {"succeeded"}
    assert len(crm.query()) == 6


def test_what_was_settled_while_the_table_was_away_is_written_once_it_is_back(place: Place, crm: Crm) -> None:
    """Rows that were in it already: nothing but their outcomes is missing."""
    (place.folder / "runner.toml").write_text(SLOW)
    with place.runner() as r:
        load(r, crm)
        run_beside(
            place,
            r,
            (1.5, lambda: crm.do("ALTER TABLE scored RENAME TO away; CREATE TABLE scored (other)")),
            (8, lambda: crm.do("DROP TABLE scored; ALTER TABLE away RENAME TO scored")),
            (22, lambda: None),
        )
    assert set(dict(crm.query()).values()) == {"succeeded"}


def test_a_row_without_a_request_that_came_while_the_table_was_away_is_written(place: Place, crm: Crm) -> None:
    """Nothing else is owed, and no answer comes for it."""
    with place.runner() as r:
        load(r, crm)
        run_beside(
            place,
            r,
            (4, lambda: crm.do("ALTER TABLE scored RENAME TO away; CREATE TABLE scored (other)")),
            (5, lambda: crm.insert("k6", "no address")),
            (9, lambda: crm.do("DROP TABLE scored; ALTER TABLE away RENAME TO scored")),
            (24, lambda: None),
        )
    assert dict(crm.query())["k6"] == "invalid"


def test_a_look_that_failed_is_told_when_it_is_mended(place: Place, crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has changed meanwhile, and nothing is owed: who was told of the trouble is told of its end."""
    with place.runner() as r:
        load(r, crm)
        reports = r._session.store().reports
        look, troubles = reports.decided, [StoreError("the database cannot be read", why="a disk", fix="look at it")]

        def decided(batch: BatchId, *, after: int | None) -> tuple[int, bool]:
            if anyio.current_time() > 3 and troubles:
                raise troubles.pop()
            return look(batch, after=after)

        monkeypatch.setattr(reports, "decided", decided)
        run_beside(place, r, (9, lambda: None))
        names = [record.event for record in r.log().records]
    assert [name for name in names if name.startswith("table.")] == ["table.trouble", "table.mended"]


def test_one_that_is_away_at_the_end_is_said_and_the_same_command_writes_it(place: Place, crm: Crm) -> None:
    """The answers are stored; nothing is sent for it."""
    with place.runner() as r:
        load(r, crm)
        place.run(r, "crm", to_table="scored", limit=1)
        crm.do("ALTER TABLE scored RENAME TO away; CREATE TABLE scored (other)")
        result = place.run(r, "crm")
        assert result.exit_code == 0
        assert any("scored is not up to date" in notice for notice in result.notices)
        crm.do("DROP TABLE scored; ALTER TABLE away RENAME TO scored")
        assert (place.run(r, "crm").sent, place.run(r, "crm").notices) == (0, ())
    assert set(dict(crm.query()).values()) == {"succeeded"}


def test_what_a_kill_left_unwritten_is_written_by_the_next_run(place: Place, crm: Crm) -> None:
    """Settled, not upserted, dead: the place is kept with the batch, as that of a file is."""
    place.dies_at = 5
    with place.runner() as r:
        load(r, crm)
        with pytest.raises(KilledError):
            place.run(r, "crm", to_table="scored", database=crm.url)
    crm.do("DROP TABLE IF EXISTS scored")
    place.dies_at = 0
    with place.runner() as r:
        place.run(r, "crm")
        states = r.status("crm").outcomes
    assert sorted(dict(crm.query()).values()) == sorted(
        state.value for state, count in states.items() for _ in range(count)
    )


def test_rows_of_a_file_go_by_their_number_and_never_over_anothers(place: Place, crm: Crm) -> None:
    """As those of `export --to-table` do; a database has to be named."""
    place.write_list(emails(3))
    place.write_list(emails(2), name="other.csv")
    with place.runner() as r:
        batch, other = (r.load(name, OPERATION).batch for name in ("leads.csv", "other.csv"))
        with pytest.raises(UsageError, match="needs --source"):
            place.run(r, batch, to_table="scored")
        place.run(r, batch, to_table="scored", database=crm.url)
        assert place.run(r, batch).notices == ()
        with pytest.raises(BatchError, match="did not write"):
            place.run(r, other, to_table="scored", database=crm.url)
    states = "SELECT row, defastra_email_state FROM scored ORDER BY row"
    assert crm.query(states) == [(1, "succeeded"), (2, "succeeded"), (3, "succeeded")]


def test_a_table_that_cannot_take_the_rows_is_refused_before_anything_is_sent(place: Place, crm: Crm) -> None:
    """With the statements that mend it; and one table for several batches is none."""
    crm.do("CREATE TABLE scored (id TEXT PRIMARY KEY, email TEXT)")
    place.write_list(emails(2))
    with place.runner() as r:
        load(r, crm)
        batch = r.load("leads.csv", OPERATION).batch
        with pytest.raises(UsageError, match="lacks"):
            place.run(r, "crm", to_table="scored")
        with pytest.raises(UsageError, match="one place"):
            place.run_all(r, ["crm", batch], to_table="scored", database=crm.url)
    assert place.values() == []


def test_none_ends_it(place: Place, crm: Crm) -> None:
    """As `-o none` does."""
    with place.runner() as r:
        load(r, crm)
        place.run(r, "crm", to_table="scored", limit=2)
        place.run(r, "crm", to_table="none")
        place.run(r, "crm")
        said = [record.detail for record in r.log().records if record.event == "batch.settings"]
    assert sorted(dict(crm.query()).values()) == ["queued"] * 3 + ["succeeded"] * 2
    assert [one.get("to_table") for one in said] == [{"table": "scored", "database": crm.url}, None]


def test_a_cancel_is_written_too(place: Place, crm: Crm) -> None:
    """What was given up is not queued for ever."""
    (place.folder / "runner.toml").write_text(SLOW)
    with place.runner() as r, place.runner() as other:
        load(r, crm)
        run_beside(place, r, (1.5, lambda: other.cancel("crm")), (9, lambda: None))
    assert set(dict(crm.query()).values()) == {"succeeded", "cancelled"}


def test_a_doubt_that_another_terminal_ends_is_written(place: Place, crm: Crm) -> None:
    """No answer tells of it, and the run may go on for months."""
    place.world.next([Behaviour()] * 2 + [Behaviour(manner=Manner.DROP, charged=True)] * 2)
    seen: list[dict[str, str]] = []
    with place.runner() as r, place.runner() as other:
        load(r, crm)

        def look() -> None:
            seen.append(dict(crm.query()))

        run_beside(place, r, (4, look), (6, lambda: other.resolve("crm", "charged", row=3)), (8, look))
    assert [(one["k3"], one["k4"]) for one in seen] == [("in_doubt", "in_doubt"), ("failed", "in_doubt")]


def test_what_another_terminal_decides_at_the_last_moment_is_written(place: Place, crm: Crm) -> None:
    """The run is ending already: a doubt, and a failure that is to be sent again."""
    place.world.next([Behaviour()] * 2 + [Behaviour(manner=Manner.DROP, charged=True)])
    with place.runner() as r, place.runner() as other:
        load(r, crm)
        decisions: list[Callable[[], object]] = [
            lambda: other.resolve("crm", "charged"),
            lambda: other.retry("crm", only="failed:lost-answer"),
        ]

        def decide(event: Event) -> None:
            if isinstance(event, RunStopping):
                decisions.pop(0)()

        between = (0.5, lambda: None)  # so that the end is no moment at which the table is looked after anyway
        run_beside(place, r, between, on_event=decide)
        assert dict(crm.query())["k3"] == "failed"
        run_beside(place, r, between, on_event=decide)
    assert dict(crm.query())["k3"] == "queued"


def test_more_outcomes_than_can_wait_are_written_all_the_same(
    place: Place, crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that is away for long: what waits for it takes no memory."""
    monkeypatch.setattr("runner.work.upserts.MOST_JOBS", 2)
    with place.runner() as r:
        load(r, crm)
        place.run(r, "crm", to_table="scored")
    assert set(dict(crm.query()).values()) == {"succeeded"}
