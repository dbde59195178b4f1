"""What providers answered long ago is removed by age; what was paid, decided and found out stays."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.errors import BatchError, BusyError, UsageError
from runner.sandbox.replies import Behaviour, Manner
from runner.store.locks import lock_database
from tests.app.place import Place, emails
from tests.work.traces import left, outcomes

DAY = 86_400.0


def kept(folder: Path) -> list[tuple[str, int, int]]:
    """By batch: closed attempts, and those whose answer is kept with a body."""
    with closing(sqlite3.connect(folder / "runner.db")) as file:
        return file.execute(
            "SELECT b.name, count(*), sum(length(w.body) > 0) FROM answers AS w JOIN attempts AS a ON a.id = w.attempt"
            " JOIN batches AS b ON b.id = a.batch GROUP BY b.id ORDER BY b.id"
        ).fetchall()


def figures(folder: Path) -> list[Any]:
    """What must stay: outcomes, requests, sums."""
    return [outcomes(folder, f"SELECT * FROM {view}") for view in ("v_outcomes", "v_attempts", "v_spend")]


def test_old_answers_go_and_figures_stay(place: Place) -> None:
    """Of a batch that is over for so long; not of one that waits, nor of a younger one; twice changes nothing."""
    for name in ("old", "waiting", "young"):
        place.write_list([f"{name}{number}@example.com" for number in range(4)], name=f"{name}.csv")
    with place.runner() as r:
        for name in ("old", "waiting"):
            place.run(r, r.load(f"{name}.csv", ["defastra.email"]), limit=4 if name == "old" else 2)
        place.run(r, "old")
        place.time.before += 40 * DAY
        place.run(r, r.load("young.csv", ["defastra.email"]))
        before = figures(place.folder)
        done = r.purge("30d")
        assert (done.batches, done.answers) == (1, 4)
        assert done.events > 0
        assert [line[1:] for line in kept(place.folder)] == [(4, 0), (2, 2), (4, 4)]
        assert figures(place.folder) == before
        assert r.verify().violations == 0
        again = r.purge("30d")
        assert (again.batches, again.answers, again.events) == (1, 0, 0)
        (story,) = r.explain("old", 1)
        assert (story.state, story.attempts[0].rule, story.attempts[0].why) == ("succeeded", "success", "")
        assert r.export("old", "old.out.csv", raw=True).rows == 4
        names = {record.event for record in r.log("old").records}
        assert {"batch.loaded", "batch.completed", "answers.purged"} <= names
        assert "batch.running" not in names


def test_one_batch_and_what_is_in_doubt(place: Place) -> None:
    """Named alone, the others stay; the answer of a request in doubt is evidence, and stays too."""
    for name in ("one", "two"):
        place.write_list(emails(3), name=f"{name}.csv")
    with place.runner() as r:
        for name in ("one", "two"):
            place.world.next([Behaviour(), Behaviour(manner=Manner.DROP)])
            place.run(r, r.load(f"{name}.csv", ["defastra.email"]))
        place.time.before += DAY
        with pytest.raises(BatchError):
            r.purge("1h", batch="three")
        with pytest.raises(UsageError):
            r.purge("soon")
        with lock_database(place.folder / "runner.db", clock=place.time), pytest.raises(BusyError):
            r.purge("1h")
        assert (r.purge("1h", batch="one").answers, len(r.doubts("one"))) == (2, 1)
        assert [line[1:] for line in kept(place.folder)] == [(3, 0), (3, 2)]
        assert r.verify().violations == 0
        r.resolve("one", "charged")
        place.time.before += DAY
        assert r.purge("1h").answers == 1 + 2


def test_removed_answers_leave_no_byte(place: Place) -> None:
    """The file is written anew: smaller, and without what was in it, in no log either."""
    place.write_list(emails(30))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.run(r, batch)
        r.export(batch, "raw.csv", raw=True)
        secret = '"deep_email_check":'
        (place.folder / "raw.csv").unlink()
        held = [name for name, _ in left(place.folder, [secret]) if name.startswith("runner.db")]
        assert held
        place.time.before += DAY
        done = r.purge(60)
        assert done.bytes_after <= done.bytes_before
        wal = place.folder / "runner.db-wal"
        assert not wal.exists() or wal.stat().st_size == 0
    assert not [name for name, _ in left(place.folder, [secret]) if name.startswith("runner.db")]


def test_every_file_is_the_owners_alone(place: Place) -> None:
    """Under a umask that shows everything: database, logs, locks, exports, copies, at any moment of the work."""
    place.write_list(emails(3))
    for name in ("leads.csv", "runner.toml"):
        (place.folder / name).chmod(0o600)
    before = os.umask(0)
    seen: dict[str, int] = {}

    def look(_: object = None) -> None:
        for path in place.folder.rglob("*"):
            if path.is_file():
                seen[path.name] = stat.S_IMODE(path.stat().st_mode)

    try:
        with place.runner() as r:
            batch = r.load("leads.csv", ["defastra.email"])
            look()
            place.run(r, batch, output="auto", on_event=look)
            for name in ("out.csv", "out.jsonl.gz"):
                r.export(batch, name)
            r.backup("copy.db")
            r.erase(emails(1)[0])
            r.purge(0)
            look()
    finally:
        os.umask(before)
    assert {"runner.db", "runner.db-wal", "runner.db-shm", "runner.db.lock", "runner.db.reserve"} <= set(seen)
    assert {"out.csv", "out.jsonl.gz", "copy.db", "leads-defastra-email.csv"} <= set(seen)
    assert {name: oct(mode) for name, mode in seen.items() if mode & 0o077} == {}
