"""Where doubts are shown: over all batches, after a kill, and after a word on them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.place import RUN, Provider, clean_environment, inside, names, sandbox, use, write_list

LOST = {"manner": "drop", "charged": True}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider that nothing else uses."""
    with sandbox(tmp_path_factory.mktemp("doubts")) as served:
        yield served


@pytest.fixture
def place(tmp_path: Path, account: Provider) -> Path:
    """A folder whose runner.toml points to it."""
    use(tmp_path, account.base_url)
    return tmp_path


def batch(folder: Path, account: Provider, name: str, *, lost: int) -> None:
    """Three rows, of which the last get no answer."""
    write_list(folder, *names(name, 3), name=f"{name}.csv")
    account.post("next", [*[{}] * (3 - lost), *[LOST] * lost])
    inside(folder, "run", f"{name}.csv", "-p", "defastra.email", "--in-flight", "1", "-q")


def killed(folder: Path, account: Provider) -> None:
    """A run of three rows that was killed while its second request was on the way."""
    write_list(folder, *names("cut", 3))
    account.post("next", [{}, {"manner": "hang", "charged": True}])
    command = [sys.executable, "-m", "runner", *RUN, "--in-flight", "1", "--progress", "json"]
    before = len(account.ledger())
    run = subprocess.Popen(command, cwd=folder, env=clean_environment(), stderr=subprocess.PIPE, text=True)
    try:
        while len(account.ledger()) < before + 2:  # the second one has arrived there, and gets no answer
            assert run.poll() is None
    finally:
        run.kill()
        run.communicate()


def test_without_a_batch_the_doubts_of_all_are_listed(place: Path, account: Provider) -> None:
    """Also where the batch last worked on has none; a single one is not named twice."""
    batch(place, account, "b", lost=1)
    batch(place, account, "c", lost=0)
    listed = inside(place, "doubt", "list")
    assert listed.stdout.splitlines()[0] == "b-defastra-email"
    assert "row 3 (line 4)" in listed.stdout
    assert "runner doubt resolve b --all --as charged" in listed.stderr
    assert "nothing is in doubt" not in listed.stderr
    found = json.loads(inside(place, "doubt", "list", "--json").stdout)["batches"]
    assert [(one["batch"], len(one["doubts"])) for one in found] == [("c-defastra-email", 0), ("b-defastra-email", 1)]
    assert "c-defastra-email: nothing is in doubt\n" in inside(place, "doubt", "list", "c").stderr


def test_the_overview_names_doubts_first(place: Path, account: Provider) -> None:
    """Of one batch by its name, of several all of them; then what the last batch is about, with the flags given."""
    batch(place, account, "b", lost=1)
    batch(place, account, "c", lost=0)
    nexts = [line for line in inside(place, "status").stdout.splitlines() if line.startswith("  next")]
    assert nexts[0] == "  next      runner doubt list b   (1 request is in doubt: it may have been charged.)"
    assert nexts[1].startswith("  next      runner export c ")
    batch(place, account, "a", lost=1)
    batch(place, account, "c2", lost=0)
    told = inside(place, "--db", "runner.db").stdout
    assert "  next      runner doubt list --db runner.db   (2 requests are in doubt: they may have been" in told


def test_what_a_kill_left_on_the_way_is_called_so(place: Path, account: Provider) -> None:
    """Before the next run: neither in doubt nor nothing, in `status` and in `doubt list`."""
    killed(place, account)
    shown = inside(place, "status", "leads").stdout
    assert "  sent      2 (1 charged, 0 not charged, 1 on the way)\n" in shown
    was = "1 request was on the way, up to 1 check; the next run puts it in doubt"
    assert f"  cut off   {was}" in shown
    assert f"leads-defastra-email: nothing is in doubt; {was}" in inside(place, "doubt", "list").stderr
    told = inside(place, *RUN)
    assert "  note      leads-defastra-email: an earlier run was cut off; 1 of its requests is in doubt" in told.stderr
    shown = inside(place, "log").stdout
    assert "paused: its run was cut off; what was answered is stored" in shown
    assert "interrupted" not in shown


def test_a_kill_with_nothing_on_the_way_says_so_beside_doubts(place: Path, account: Provider) -> None:
    """A run may leave requests in doubt before its end: what is said of its end is about what was on the way then."""
    batch(place, account, "b", lost=1)
    inside(place, "doubt", "resolve", "b", "--all", "--as", "resend", "--yes")
    with closing(sqlite3.connect(place / "runner.db")) as database, database:
        # As a run leaves it that died after it had taken up a row, and before it sent anything.
        database.execute("INSERT INTO runs (started_us, pid, host, version, options) VALUES (1, 1, 'here', '0', '{}')")
        database.execute("UPDATE batches SET state = 'running'")
        (run,) = database.execute("SELECT max(id) FROM runs").fetchone()
        database.execute(
            "UPDATE jobs SET state = 'running', run = ?, lease_until_us = 9 WHERE state = 'queued'", (run,)
        )
    told = inside(place, "run", "b").stderr
    assert "  note      b-defastra-email: an earlier run was cut off; nothing was on the way" in told
    assert "a run was cut off; nothing was on the way, 1 it had taken up waits again" in inside(place, "log").stdout


def test_what_was_sent_again_stays_unknown(place: Path, account: Provider) -> None:
    """After `resend` nothing is in doubt, and one request's charge is unknown for ever: that is explained."""
    batch(place, account, "b", lost=1)
    inside(place, "doubt", "resolve", "b", "--all", "--as", "resend", "--yes")
    before = inside(place, "status", "b").stdout
    assert "  unknown   1 request in doubt is to be sent again: its charge stays unknown\n" in before
    assert "  twice" not in before
    assert inside(place, "run", "b", "-q").returncode == 0
    shown = inside(place, "status", "b").stdout
    assert "3 succeeded, 0 failed, 0 in doubt" in shown
    assert "  sent      4 (3 charged, 0 not charged, 1 in doubt)\n" in shown
    assert "  unknown   1 request in doubt was sent again, or given up: its charge stays unknown\n" in shown
    assert "  twice     1 request may have been paid twice, up to 1 check too much\n" in shown


def test_what_waits_to_be_sent_again_is_told_apart_from_what_was(place: Path, account: Provider) -> None:
    """One of two was sent again, the other waits: of a run that a limit stopped between them."""
    batch(place, account, "b", lost=2)
    inside(place, "doubt", "resolve", "b", "--all", "--as", "resend", "--yes")
    assert "  unknown   2 requests in doubt are to be sent again: their" in inside(place, "status", "b").stdout
    assert inside(place, "run", "b", "-q", "--limit", "1").returncode == 5
    both = "1 request in doubt was sent again, or given up, 1 request in doubt is to be sent again: their charges stay"
    assert f"  unknown   {both} unknown\n" in inside(place, "status", "b").stdout


def test_what_was_charged_once_is_not_called_paid_twice(place: Path, account: Provider) -> None:
    """Called not charged, and sent again: one charge, and nothing of it on the receipt."""
    batch(place, account, "b", lost=1)
    inside(place, "doubt", "resolve", "b", "--all", "--as", "not-charged", "--yes")
    assert "  twice  " not in inside(place, "run", "b").stderr


def test_a_word_says_what_it_came_to(place: Path, account: Provider) -> None:
    """What was booked, how many are left, what comes next, and that a written file is older; for scripts too."""
    batch(place, account, "b", lost=2)
    first = inside(place, "doubt", "resolve", "b", "--row", "2", "--as", "charged")
    assert "  left      1 request in doubt\n" in first.stderr
    assert "  file      one that was written before still says in_doubt" in first.stderr
    assert "  next      runner doubt list b " in first.stderr
    told = json.loads(inside(place, "doubt", "resolve", "b", "--all", "--as", "charged", "--json").stdout)
    assert told.pop("next")["command"].startswith("runner export b")
    assert told == {
        "schema": 1,
        "batch": "b-defastra-email",
        "as": "charged",
        "resolved": 1,
        "in_doubt": 0,
        "booked": {"check": 1},
    }


def test_several_rows_are_one_word(place: Path, account: Provider) -> None:
    """`--row 2,3`; what is no number is refused before anything is changed."""
    batch(place, account, "b", lost=2)
    wrong = inside(place, "doubt", "resolve", "b", "--row", "2,x", "--as", "charged")
    assert (wrong.returncode, "error: no row x" in wrong.stderr, "fix: --row 3,9" in wrong.stderr) == (2, True, True)
    told = json.loads(inside(place, "doubt", "resolve", "b", "--row", "2,3", "--as", "not-charged", "--json").stdout)
    assert (told["resolved"], told["in_doubt"], told["booked"]) == (2, 0, {})
    assert told["next"]["command"] == "runner run b"
