"""The file of a report: private, replaced only where it is ours, no export, and never large."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing

import pytest

from runner.errors import BatchError
from tests.app.place import Place, emails
from tests.virtual import NOON_US
from tests.work.page import page_of


def test_a_file_is_private_replaced_when_ours_and_no_export(tmp_path):
    """0600; made again it replaces itself; somebody else's is left alone; the batch's rows stay to be written."""
    place = Place(tmp_path)
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        place.run(r, batch, output=None)
        before = r.unwritten()
        first = r.report(batch, "report.html")
        assert first.path == tmp_path / "report.html"
        found = (tmp_path / "report.html").stat()
        assert (stat.S_IMODE(found.st_mode), found.st_size) == (0o600, first.size_bytes)
        r.report(batch, "report.html")
        assert r.unwritten() == before == [batch.batch]
        with closing(sqlite3.connect(tmp_path / "runner.db")) as database:
            ((known,),) = database.execute("SELECT delivered FROM batches")
        assert "before" not in json.loads(known)["files"][str(tmp_path / "report.html")]
        (tmp_path / "report.html").write_text("mine")
        with pytest.raises(BatchError):
            r.report(batch, "report.html")
        assert (tmp_path / "report.html").read_text() == "mine"
        r.report(batch, "report.html", overwrite=True)
        r.export(batch, "out.csv")
        r.report(batch, "report.html")  # one does not forget the other
        r.export(batch, "out.csv")
        for refused in ("leads.csv", "."):
            with pytest.raises(BatchError):
                r.report(batch, refused, overwrite=True)


def crowd(database: sqlite3.Connection) -> None:
    """As much of everything as a page tells, and more."""
    database.executemany(
        "INSERT INTO runs (id, started_us, ended_us, exit_code, pid, host, version, options)"
        " VALUES (?, ?, 1, 0, 1, '', '', '{}')",
        [(number, NOON_US) for number in range(1, 101)],
    )
    jobs = [job for (job,) in database.execute("SELECT id FROM jobs ORDER BY id")]
    hour = 3_600_000_000
    for place, job in enumerate(jobs):
        at, rule = NOON_US + place * 4 * hour, f"rule-{place % 100}"
        database.execute(
            "INSERT INTO attempts (job, batch, run, operation, provider, account, number, opened_us, within_us,"
            " client_request_id, method, path, unit, held, closed_us, http_status, rule, action, debited, amount)"
            " VALUES (?, 1, ?, 'defastra.email', 'defastra', 'a', 1, ?, 1, ?, '', '', 'check', 1, ?, 400, ?, 'fail',"
            " 'no', 0)",
            (job, place % 100 + 1, at, f"id-{job}", at + 1_000_000 * (place % 7), rule),
        )
        database.execute("UPDATE jobs SET state = 'running', run = 1 WHERE id = ?", (job,))
        database.execute(
            "UPDATE jobs SET state = 'failed', run = NULL, final = 1, reason = ?, error_message = ? WHERE id = ?",
            (rule, "<&>" * 4_000, job),
        )
    detail = json.dumps({"reason": "no-funds", "message": "<&>" * 400})
    database.executemany(
        "INSERT INTO events (at_us, run, batch, lane, event, detail) VALUES (?, 1, 1, 'defastra', ?, ?)",
        [(NOON_US + number * hour, ("lane.halted", "lane.gated")[number % 2], detail) for number in range(1_000)],
    )


def test_the_size_of_a_page_is_bounded(tmp_path):
    """Two months, a hundred runs, a thousand events, a hundred rules with the longest of words: below 200 kB."""
    place = Place(tmp_path)
    place.write_list(emails(400))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        with closing(sqlite3.connect(tmp_path / "runner.db")) as database, database:
            crowd(database)
        page = page_of(r, batch.batch)
        assert len(page.table("Run")) == 50
        assert len(page.text.encode()) < 200_000
        assert "And 80 rarer causes." in page.told
        assert "Older runs are left out." in page.told


def test_rows_and_a_page_do_not_replace_each_other(tmp_path):
    """What the same batch wrote is still lost where the other kind takes its place: only by name, as anybody's file."""
    place = Place(tmp_path)
    place.write_list(emails(3))
    with place.runner() as r:
        batch = r.load("leads.csv", ["defastra.email"])
        r.report(batch, "page.html")
        r.export(batch, "out.csv")
        page, rows = ((tmp_path / name).read_bytes() for name in ("page.html", "out.csv"))
        refused = (
            lambda: r.export(batch, "page.html"),
            lambda: r.report(batch, "out.csv"),
            lambda: place.run(r, batch, output="page.html"),
            lambda: r.check_output("page.html", lists=["leads.csv"]),
        )
        for act in refused:
            with pytest.raises(BatchError, match="exists and was not written by") as caught:
                act()
            assert "--overwrite" in caught.value.fix
        assert ((tmp_path / "page.html").read_bytes(), (tmp_path / "out.csv").read_bytes()) == (page, rows)
        assert place.values() == []
        assert r.export(batch, "page.html", overwrite=True).rows == 3
        r.export(batch, "page.html")  # from now on these are rows
        with pytest.raises(BatchError):
            r.report(batch, "page.html")
        r.report(batch, "page.html", overwrite=True)
        r.report(batch, "page.html")
