"""`run --follow` and `--to-table` on the command line: which flags go together, and what is shown meanwhile."""

import sqlite3
from contextlib import closing

import pytest

from runner.cli.lines import LineProgress
from runner.cli.live import LiveProgress
from runner.cli.progress import Tally
from runner.domain.model import BatchId
from runner.engine.events import PlaceTrouble, RowsAdded, RowsAwaited
from tests.cli.place import RUN, inside, names, seen, write_list

B = BatchId(1)
SECOND = 1_000_000


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("--all", "--follow"), "--follow takes batches by name"),
        ((*RUN[1:], "--poll", "5s"), "--poll belongs to --follow"),
        ((*RUN[1:], "--follow", "--poll", "100ms"), "--poll: not a duration"),
        ((*RUN[1:], "--follow", "--poll", "0.5s"), "--poll 0.5s is too short"),
        ((*RUN[1:], "--to-table", "scored"), "--to-table needs --source"),
        ((*RUN[1:], "--to-table", "scored", "--source", "postgresql://ada:pw@db/crm"), "--source has a password"),
    ],
)
def test_flags_that_mean_nothing_together_are_exit_2(folder, provider, flags, what):
    """Said before anything is sent."""
    write_list(folder, "unsent@example.com")
    done = inside(folder, "run", *flags)
    assert done.returncode == 2
    assert what in done.stderr
    assert not seen(provider, "unsent")


def test_rows_of_a_file_go_into_a_table_too(folder):
    """--source is then where the table is; the list is the file, and its own export is written as ever."""
    write_list(folder, *names("filed", 2))
    done = inside(folder, *RUN, "--to-table", "scored", "--source", "sqlite:///crm.db")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(folder / "crm.db")) as crm:
        assert crm.execute("SELECT row, defastra_email_state FROM scored ORDER BY row").fetchall() == [
            *((1, "succeeded"), (2, "succeeded")),
        ]
    assert (folder / "leads-defastra-email.csv").exists()
    assert "you: --to-table scored --source sqlite:///crm.db" in inside(folder, "log", "leads").stdout


def test_a_run_that_follows_ends_at_its_moment(folder, provider):
    """`--for`, although rows would be waited for: exit 0, for nothing of it waits."""
    write_list(folder, *names("moment", 2))
    done = inside(folder, *RUN, "--follow", "--for", "1s")
    assert done.returncode == 0, done.stderr
    assert "event=waiting batch=leads-defastra-email why=new-rows" in done.stderr
    assert len(seen(provider, "moment")) == 2


def test_waiting_for_rows_is_a_line_a_minute_at_most():
    """A table that grows by a row now and then fills no log; what came counts as waiting."""
    lines: list[str] = []
    tally = Tally("crm", 3)
    observe = LineProgress(tally, lines.append)
    observe(RowsAwaited(batch=B, at_us=SECOND, next_look_us=61 * SECOND))
    observe(RowsAwaited(batch=B, at_us=2 * SECOND, next_look_us=62 * SECOND, again=True))
    observe(RowsAdded(batch=B, at_us=3 * SECOND, rows=2, requests=1))
    observe(RowsAwaited(batch=B, at_us=4 * SECOND))
    assert (len(lines), tally.due) == (1, 4)
    observe(RowsAwaited(batch=B, at_us=120 * SECOND, again=True))
    observe(RowsAwaited(batch=B, at_us=121 * SECOND))
    assert len(lines) == 2
    assert "event=waiting batch=crm until=1970-01-01T00:01:01Z why=new-rows" in lines[0]


def test_the_picture_says_when_the_next_look_is():
    """And what is wrong with the list, until nothing is."""
    observe = LiveProgress(Tally("crm", 3), now_us=lambda: SECOND)
    observe(PlaceTrouble(batch=B, at_us=0, place="source", message="away", until_us=5 * SECOND))
    observe(PlaceTrouble(batch=B, at_us=1, place="table", message="full"))
    observe(PlaceTrouble(batch=B, at_us=1, place="table", message=None))
    observe(RowsAwaited(batch=B, at_us=SECOND, next_look_us=61 * SECOND))
    *_, noted = [line.plain for line in observe.picture(160, 24)]
    assert "waiting for new rows (next look " in noted
    assert ":01:01)" in noted
    assert "its list: away, tried again at " in noted
    assert "full" not in noted
