"""`--until` and `--for` through the library: what a run that was given a moment leaves, and what comes next."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner.domain.model import MILLION
from runner.domain.states import BatchState
from runner.errors import ConfigError, UsageError
from runner.store.locks import lock_database
from tests.app.place import Place, emails
from tests.virtual import NOON_US

SLOW = "[providers.defastra]\nlimits = [{ at_most = 1, per_seconds = 10 }]\n"


def in_minutes(minutes: int, *, from_us: int = NOON_US) -> str:
    """A local time of day so far ahead of the tests' clock."""
    at = datetime.fromtimestamp(from_us / MILLION, tz=UTC) + timedelta(minutes=minutes)
    return f"{at.astimezone():%H:%M}"


@pytest.mark.parametrize(("flags", "reason"), [({"until": in_minutes(5)}, "until"), ({"for_": "5m"}, "for")])
def test_a_run_is_paused_at_its_moment_and_the_same_command_goes_on(
    tmp_path: Path, flags: dict[str, str], reason: str
) -> None:
    """Exit 5 with the reason and the command; the moment holds for that run alone."""
    place = Place(tmp_path, toml=SLOW)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(60)), ["defastra.email"]).batch
        began_us = place.time.now_us()
        ended = place.run(r, batch, **flags)
        assert (ended.exit_code, ended.status.state, ended.status.reason) == (5, BatchState.PAUSED, reason)
        assert place.time.now_us() <= began_us + 300 * MILLION
        assert 25 <= ended.sent <= 31
        assert ended.status.next.command == f"runner run {batch}"
        assert f"--{reason}" in ended.status.next.why
        assert [(lane.state, lane.reason) for lane in ended.status.lanes] == [("done", reason)]
        assert place.run(r, batch).exit_code == 0
    assert sorted(place.values()) == sorted(emails(60))


def test_a_moment_ends_the_queueing_behind_another_run(tmp_path: Path) -> None:
    """`--wait 2h --until`: the batch stays as it is, exit 5 and no request; the length of `--for` begins later."""
    place = Place(tmp_path)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(3)), ["defastra.email"]).batch
        with lock_database(r.path, clock=place.time):
            given_up = place.run(r, batch, wait="2h", until=in_minutes(2))
        assert (given_up.exit_code, given_up.status.state, given_up.sent) == (5, BatchState.READY, 0)
        assert given_up.notices == ("--until came while another run was at work: nothing was sent",)
        assert place.run(r, batch, until=in_minutes(10), for_=60).exit_code == 0


def test_all_batches_of_a_run_end_at_its_moment(tmp_path: Path) -> None:
    """Each of them is paused; none is begun anew."""
    place = Place(tmp_path, toml=SLOW)
    with place.runner() as r:
        names = [
            r.load(place.write_list(emails(40), name=f"{name}.csv"), ["defastra.email"]).batch for name in ("a", "b")
        ]
        ended = place.run_all(r, names, for_="3m")
    assert [(one.exit_code, one.status.reason) for one in ended] == [(5, "for")] * 2
    assert 15 <= sum(one.sent for one in ended) <= 19


def test_a_halt_outranks_the_moment(tmp_path: Path) -> None:
    """What a person has to see to is not hidden behind exit 5."""
    place = Place(tmp_path, toml=SLOW, wallet=2)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(20)), ["defastra.email"]).batch
        assert place.run(r, batch, for_="10m").exit_code == 4


@pytest.mark.parametrize(
    ("flags", "error", "fix"),
    [
        ({"until": "25:00"}, ConfigError, "--until 07:00"),
        ({"until": "soon"}, ConfigError, "--until 07:00"),
        ({"for_": "two hours"}, ConfigError, "--for 90s"),
        ({"for_": "0s"}, UsageError, "--for 2h"),
    ],
)
def test_a_moment_that_cannot_be_read_is_refused(
    tmp_path: Path, flags: dict[str, str], error: type[Exception], fix: str
) -> None:
    """With the form that it has to have; nothing is sent."""
    place = Place(tmp_path)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(1)), ["defastra.email"]).batch
        with pytest.raises(error) as raised:
            place.run(r, batch, **flags)
    assert (getattr(raised.value, "fix", ""), place.values()) == (fix, [])


def test_what_a_run_was_given_is_on_record(tmp_path: Path) -> None:
    """In `v_runs`, as an instant and as a length."""
    place = Place(tmp_path)
    with place.runner() as r:
        batch = r.load(place.write_list(emails(1)), ["defastra.email"]).batch
        place.run(r, batch, until=in_minutes(60), for_="2h")
    with closing(sqlite3.connect(place.folder / "runner.db")) as connection:
        ((options,),) = connection.execute("SELECT options FROM v_runs").fetchall()
    assert '"for_seconds":7200' in options.replace(" ", "")
    assert '"until":"2027-' in options.replace(" ", "")
