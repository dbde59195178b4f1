"""`tune` through the library: what is kept, what is refused, and what a run at work makes of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.cli.tuned import tuned_text
from runner.errors import BatchError, RunnerError
from runner.work.event_words import sentence
from runner.work.results import Next, Tuned
from tests.app.place import KilledError, Place, after, emails

QUICK = """
[providers.defastra]
limits = [{ at_most = 10, per_seconds = 1 }]
concurrency = { in_flight = 4 }
"""


def seconds(place: Place) -> list[float]:
    """When each request reached the provider, from the first on."""
    at = [entry.received_at for entry in place.world.books.entries]
    return [one - at[0] for one in at]


def test_it_is_kept_with_the_batch_until_it_is_taken_back(tmp_path: Path) -> None:
    """The next run goes by it, and the one after that; `none` lifts it."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(40)), ["defastra.email"]).batch
        tuned = r.tune(batch, rate="60/min", in_flight=2, max_requests=100)
        assert tuned.changes == {"rate": (None, "60/min"), "in_flight": (None, 2), "max_requests": (None, 100)}
        assert tuned.holds == {"rate": "60/min", "in_flight": 2, "max_requests": 100}
        assert (tuned.at_work, tuned.at_us) == (False, place.time.now_us())
        assert tuned.next is not None
        assert tuned.next.command == "runner run leads"
        for _ in range(2):
            ended = place.run(r, batch, limit=10)
            assert (ended.status.lanes[0].rate, ended.status.lanes[0].in_flight) == ("10/1 s, 60/60 s", 2)
        assert seconds(place)[-1] > 17
        assert r.tune(batch, rate="none").holds == {"in_flight": 2, "max_requests": 100}
        assert place.run(r, batch).status.lanes[0].rate == "10/1 s"


def test_a_run_takes_a_rate_back_as_tune_does(tmp_path: Path) -> None:
    """It holds no more for this run, nor for the next one, and is told as what it is."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(9)), ["defastra.email"]).batch
        assert place.run(r, batch, rate="60/min", limit=2).status.lanes[0].rate == "10/1 s, 60/60 s"
        assert place.run(r, batch, rate="none", limit=2).status.lanes[0].rate == "10/1 s"
        assert place.run(r, batch, limit=2).status.lanes[0].rate == "10/1 s"
        told = [sentence(record) for record in r.log(batch).records if record.event == "batch.settings"]
        assert told == ["you: --rate 60/min", "you: an option taken back"]


def test_a_run_at_work_goes_by_it(tmp_path: Path) -> None:
    """From the fourth answer on one a second, told in the events with what held before."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r, place.runner() as other:
        batch = r.load(place.write_list(emails(40)), ["defastra.email"]).batch

        def person() -> None:
            assert other.tune(batch, rate="1/s", in_flight=1).at_work

        ended = place.run(r, batch, on_event=after(4, person))
        assert ended.exit_code == 0
        assert seconds(place)[-1] > 25
        assert (ended.status.lanes[0].rate, ended.status.lanes[0].in_flight) == ("10/1 s, 1/1 s", 1)
    with closing(sqlite3.connect(place.folder / "runner.db")) as connection:
        found = connection.execute("SELECT event, detail FROM v_events WHERE event LIKE '%.tuned'").fetchall()
    assert found == [("batch.tuned", '{"rate":"1/s","in_flight":1}')]
    with place.runner() as r:
        assert [one.event for one in r.log(batch).records if one.event == "lane.limits"] == ["lane.limits"]


def test_a_run_at_work_on_another_batch_does_not_go_by_it(tmp_path: Path) -> None:
    """It holds from this one's next run on, whose command waits for the other to end."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r, place.runner() as other:
        first, second = (
            r.load(place.write_list(emails(10), name=f"{name}.csv"), ["defastra.email"]).batch for name in "ab"
        )
        found: list[Tuned] = []
        place.run(r, first, on_event=after(4, lambda: found.append(other.tune(second, rate="1/s"))))
    (tuned,) = found
    assert not tuned.at_work
    assert tuned.next == Next(command="runner run b --wait 2h", why="It starts a run after the one at work.")
    assert "since     " in tuned_text(tuned)
    assert "from the next run on" in tuned_text(tuned)


def test_a_run_that_died_goes_by_nothing(tmp_path: Path) -> None:
    """Its batch is still called running: the tuning holds from the next run on."""
    place = Place(tmp_path, toml=QUICK)
    place.dies_at = 4
    with place.runner() as r:
        batch = r.load(place.write_list(emails(10)), ["defastra.email"]).batch
        with pytest.raises(KilledError):
            place.run(r, batch)
        tuned = r.tune(batch, rate="1/s")
    assert not tuned.at_work
    assert tuned.next == Next(command="runner run leads", why="It starts a run.")


def test_caps_are_told_as_they_are_typed(tmp_path: Path) -> None:
    """What it was, what it is, and what holds."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(2)), ["defastra.email"]).batch
        r.tune(batch, max_spend="2000")
        text = tuned_text(r.tune(batch, max_spend="defastra=1500.5"))
    assert f"{batch}: --max-spend defastra=1500.5 (was 2000)\n" in text
    assert "holds     --max-spend defastra=1500.5\n" in text


def test_only_one_of_two_batches_goes_slower(tmp_path: Path) -> None:
    """Both kept 4/s and shared it; the other one keeps to it when this one is tuned."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r, place.runner() as other:
        names = [
            r.load(place.write_list(emails(30), name=f"{name}.csv"), ["defastra.email"]).batch for name in ("a", "b")
        ]
        slower = after(4, lambda: other.tune(names[0], rate="6/min"))
        ended = place.run_all(r, names, rate="4/s", on_event=slower)
        assert [one.exit_code for one in ended] == [0, 0]
        lanes = [one.status.lanes[0].rate for one in ended]
        assert lanes == ["10/1 s, 6/60 s", "10/1 s, 4/1 s"]


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ({}, "nothing to tune"),
        ({"rate": "fast"}, "--rate: not a rate"),
        ({"in_flight": 0}, "--in-flight 0 is too small"),
        ({"in_flight": 5}, "--in-flight 5 is more than Defastra takes"),
        ({"max_requests": -1}, "--max-requests -1 is too small"),
        ({"max_spend": "acme=3"}, "--max-spend acme=...: not in this batch"),
    ],
)
def test_what_cannot_hold_is_refused(tmp_path: Path, flags: dict[str, Any], what: str) -> None:
    """In three parts, with a fix that can be typed; nothing is kept."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(2)), ["defastra.email"]).batch
        with pytest.raises(RunnerError) as raised:
            r.tune(batch, **flags)
        assert raised.value.what.startswith(what)
        assert raised.value.why
        assert raised.value.fix
        assert r.tune(batch, in_flight=4).holds == {"in_flight": 4}


def test_a_batch_that_is_over_has_nothing_to_tune(tmp_path: Path) -> None:
    """Completed, or cancelled: said."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r:
        done = r.load(place.write_list(emails(2)), ["defastra.email"]).batch
        place.run(r, done)
        with pytest.raises(BatchError, match="completed cannot be tuned"):
            r.tune(done, rate="1/s")
        cancelled = r.load(place.write_list(emails(3), name="b.csv"), ["defastra.email"]).batch
        r.cancel(cancelled)
        with pytest.raises(BatchError, match="cancelled cannot be tuned"):
            r.tune(cancelled, rate="1/s")


def test_a_default_of_the_settings_holds_where_nothing_is_kept(tmp_path: Path) -> None:
    """`none` takes back what the batch keeps; the slower rate of runner.toml is another matter, and is shown."""
    place = Place(tmp_path, toml=f'[run]\nrate = "2/s"\n{QUICK}')
    with place.runner() as r:
        batch = r.load(place.write_list(emails(2)), ["defastra.email"]).batch
        assert r.tune(batch, rate="1/s").holds == {"rate": "1/s"}
        assert r.tune(batch, rate="none").holds == {"rate": "2/s"}


def test_a_rate_that_no_run_could_keep_to_is_refused_and_one_that_is_kept_harms_none(tmp_path: Path) -> None:
    """Nothing is kept; a database that has such a rate from an earlier version is worked on as if it had none."""
    place = Place(tmp_path, toml=QUICK)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(3)), ["defastra.email"]).batch
        with pytest.raises(RunnerError, match="--rate is too high"):
            r.tune(batch, rate="99999999999999999999/s")
        r.tune(batch, rate="1/s")
    with closing(sqlite3.connect(place.folder / "runner.db")) as connection, connection:
        connection.execute("UPDATE batches SET settings = replace(settings, '1/s', '99999999999999999999/s')")
    with place.runner() as r:
        assert r.tune(batch, in_flight=2).holds == {"rate": "99999999999999999999/s", "in_flight": 2}
        ended = place.run(r, batch)
        assert (ended.exit_code, ended.sent) == (0, 3)
