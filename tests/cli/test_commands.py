"""Watching, steering and keeping a batch: explain, export, retry, doubt, pause, resume, cancel, status, db."""

import json
import sqlite3
from contextlib import closing

from runner import app
from runner.errors import StorageFullError
from tests.cli.place import RUN, inside, names, seen, write_list


def test_a_failed_row_is_explained_exported_and_retried(folder, provider):
    """Exit 3; `explain` shows the evidence without the address; `--only failed` loads again; `retry` sends it again."""
    bad = "rule-invalid-request-email+fail@example.com"
    write_list(folder, "fail0@example.com", bad)
    assert inside(folder, *RUN).returncode == 3
    shown = inside(folder, "explain", "leads", "2")
    assert shown.returncode == 0
    assert "row 2 (line 3), defastra.email, r…@example.com: failed (invalid-request-email)" in shown.stdout
    assert "POST /deep_email_check" in shown.stdout
    assert bad not in shown.stdout
    assert inside(folder, "explain", "leads", bad).stdout == shown.stdout
    assert inside(folder, "explain", "leads", "99").returncode == 2
    assert inside(folder, "export", "leads", "--only", "failed", "-o", "failed.csv").returncode == 0
    assert (folder / "failed.csv").read_text() == f"id,email,note\n2,{bad},note 2\n"
    chosen = inside(folder, "export", "leads", "--columns", "domain,id", "--columns", "risk_level", "-o", "-")
    assert chosen.stdout.splitlines()[0] == "defastra_email_domain,id,defastra_email_risk_level"
    assert inside(folder, *RUN).returncode == 3
    assert len(seen(provider, "rule-invalid-request-email+fail")) == 1
    retried = inside(folder, "retry", "leads")
    assert "1 request queued again" in retried.stderr
    assert "runner run leads   (" in retried.stderr
    assert inside(folder, *RUN).returncode == 3
    assert len(seen(provider, "rule-invalid-request-email+fail")) == 2


def test_a_lost_answer_is_in_doubt_until_a_person_decides(folder, provider):
    """Exit 3; listed with its label; resolved as not charged it is sent again, and the run is well."""
    write_list(folder, "doubt0@example.com", "doubt1@example.com")
    assert inside(folder, *RUN, "--limit", "1").returncode == 5
    provider.post("next", [{"manner": "drop", "charged": False}])
    done = inside(folder, *RUN)
    assert done.returncode == 3
    assert "in doubt" in done.stderr
    assert "runner doubt" in done.stderr
    listed = inside(folder, "doubt", "list", "leads")
    assert "d…@example.com" in listed.stdout
    assert seen(provider, "doubt")[-1]["params"]["label"] in listed.stdout
    resolved = inside(folder, "doubt", "resolve", "leads", "--all", "--as", "not-charged")
    assert "1 request resolved as not-charged" in resolved.stderr
    assert inside(folder, *RUN).returncode == 0
    assert inside(folder, "doubt", "list", "leads").stdout == ""


def test_wishes_are_carried_out_at_once_when_nobody_is_at_work(folder, provider):
    """pause: `run` is refused or stops with 5 and sends nothing; resume; cancel is for good."""
    write_list(folder, *names("steer", 2))
    assert inside(folder, "load", "leads.csv", "-p", "defastra.email").returncode == 0
    assert "paused" in inside(folder, "pause", "leads").stderr
    assert inside(folder, *RUN).returncode in (2, 5)
    assert seen(provider, "steer") == []
    assert "runner run" in inside(folder, "resume", "leads").stderr
    assert inside(folder, *RUN, "--limit", "1").returncode == 5
    assert "cancelled" in inside(folder, "cancel", "leads").stderr
    assert json.loads(inside(folder, "status", "leads", "--json").stdout)["state"] == "cancelled"
    assert inside(folder, "cancel", "nobody").returncode == 2


def test_the_database_is_shown_and_copied(folder):
    """`db status|upgrade|backup`; a copy is never written over a file."""
    assert "not there yet" in inside(folder, "db", "status").stdout
    write_list(folder, *names("db", 1))
    assert inside(folder, *RUN).returncode == 0
    shown = inside(folder, "db", "status").stdout
    assert "runner.db" in shown
    assert "the newest" in shown
    assert inside(folder, "db", "upgrade").returncode == 0
    assert inside(folder, "db", "backup", "copy.db").returncode == 0
    assert (folder / "copy.db").stat().st_mode & 0o077 == 0
    assert inside(folder, "db", "backup", "copy.db").returncode == 2
    assert inside(folder, "status", "leads", "--db", "copy.db", "--json").returncode == 0


def test_a_file_of_a_newer_version_is_shown_with_the_command_that_can_read_it(folder):
    """`db status` reads it; the next command is not the upgrade that would be refused."""
    assert inside(folder, "load", str(write_list(folder, *names("newer", 1))), "-p", "defastra.email").returncode == 0
    with closing(sqlite3.connect(folder / "runner.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    shown = inside(folder, "db", "status").stdout
    assert "pip install --upgrade" in shown
    assert "db upgrade" not in shown
    assert inside(folder, "status").returncode == 2


def test_alone_it_shows_batches_and_the_next_command_and_creates_nothing(folder):
    """`runner`: an empty folder stays empty; later the last batch's next command is there."""
    before = sorted(folder.iterdir())
    first = inside(folder)
    assert first.returncode == 0
    assert "runner demo" in first.stdout
    assert sorted(folder.iterdir()) == before
    write_list(folder, *names("home", 2))
    inside(folder, *RUN, "--limit", "1")
    shown = inside(folder).stdout
    assert "leads-defastra-email" in shown
    assert "runner run leads   (" in shown


def test_a_full_disk_is_a_halt_that_still_says_how_the_batch_stands(folder, monkeypatch):
    """Exit 4; three parts on stderr, and below them the state and the next command; the status object on stdout."""

    async def full(*_, **__):
        raise StorageFullError("the disk is full", why="no room for answers", fix="make room")

    monkeypatch.setattr(app.Runner, "arun_all", full)
    write_list(folder, *names("full", 2))
    done = inside(folder, *RUN, "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout)["outcomes"]["queued"] == 2
    _, _, after = done.stderr.partition("fix: make room\n")
    assert after.startswith("leads-defastra-email: ready\n  next      runner run leads   (")
