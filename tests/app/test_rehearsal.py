"""`doctor(notify=True)`: told as in the night, from beside a run at work, with nothing kept and nothing upgraded."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import runner
from runner.app import Runner
from runner.domain.model import Answer, Fault
from runner.errors import UsageError
from runner.settings import Secret
from runner.store.locks import lock_database
from runner.work.findings import Finding, Level
from tests.app.place import QUICK, Place, Time
from tests.app.receiver import HOOK, OK, PING, TOLD, Receiver, at, events, once

BOTH = f'{QUICK}{TOLD}ping_url = "{PING}"\n'


def writes(path: Path) -> str:
    """A command that writes down what it is told."""
    code = f"import pathlib, sys; pathlib.Path({str(path)!r}).write_text(sys.stdin.read())"
    return f"command = {json.dumps([sys.executable, '-c', code])}\n"


class Patient(Time):
    """A clock on which nothing takes time; it keeps what was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep_until(self, deadline: float) -> None:
        """At once."""
        self.waits.append(round(deadline - self.monotonic()))


def told(place: Place, look: Callable[[Runner], list[Finding]] = lambda r: r.doctor(notify=True)) -> list[Finding]:
    """What is found about `[notify]`."""
    with place.runner() as r:
        return [one for one in look(r) if one.about == "notify"]


@pytest.mark.parametrize(
    ("answer", "tries", "why"),
    [
        (Answer(status=503), 3, "HTTP 503"),
        (Answer(fault=Fault.NO_ANSWER, detail="no answer came within 10 s"), 3, "no answer came within 10 s"),
        (Answer(status=301), 1, "HTTP 301"),
    ],
    ids=["passing", "silent", "refused"],
)
def test_a_test_is_tried_as_often_as_news(tmp_path: Path, answer: Answer, tries: int, why: str) -> None:
    """Three times with one id where it may pass, after 2 and 8 s; the switch once."""
    receiver = Receiver(lambda: answer)
    place = at(tmp_path, receiver, toml=BOTH)
    place.time = Patient()
    webhook, ping = told(place)
    assert [one.text.rpartition("): ")[2] for one in (webhook, ping)] == [why, why]
    assert (webhook.level, ping.level) == (Level.PROBLEM, Level.PROBLEM)
    assert len(receiver.bodies) == tries
    assert len({body["id"] for body in receiver.bodies}) == 1
    assert place.time.waits == [2, 8][: tries - 1]
    assert receiver.pings == [""]


def test_it_works_beside_a_run_and_keeps_nothing(tmp_path: Path) -> None:
    """The lock is another's; afterwards the database tells of the night alone, and the next news is told."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=BOTH)
    once(place)
    (tmp_path / "runner.toml").write_text(BOTH + writes(tmp_path / "told.json"))
    before = events(place)
    with lock_database(tmp_path / "runner.db", clock=place.time):
        assert [one.level for one in told(place)] == [Level.OK] * 3
    assert events(place) == before
    assert json.loads((tmp_path / "told.json").read_text()) == receiver.bodies[-1]
    assert receiver.told == ["finish", "test"]
    assert receiver.pings == ["/start", "", ""]


def test_what_is_told_next_leads_to_the_same_database(tmp_path: Path) -> None:
    """A folder has several."""
    receiver = Receiver()
    place = at(tmp_path, receiver)
    with place.runner("other.db") as r:
        r.doctor(notify=True)
    assert receiver.bodies[0]["next"]["command"] == "runner doctor --db other.db"
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    ("schema", "why", "fix"),
    [
        ("0000", "the database is of an older schema, 0000: ", "runner db upgrade"),
        ("9999", "", "pip install --upgrade"),
    ],
)
def test_a_database_of_another_version_is_left_as_it_is(tmp_path: Path, schema: str, why: str, fix: str) -> None:
    """It cannot say which variables hold keys: no program is started; who needs none is told."""
    receiver = Receiver()
    place = at(tmp_path, receiver)
    once(place)
    (tmp_path / "runner.toml").write_text(QUICK + TOLD + writes(tmp_path / "told.json"))
    path = tmp_path / "runner.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (schema,))
    command, webhook = told(place)
    assert command.text.startswith(f"nobody was told by command: {why}")
    assert (command.level, command.fix.startswith(fix)) == (Level.PROBLEM, True)
    assert (webhook.level, receiver.told) == (Level.OK, ["finish", "test"])
    assert not (tmp_path / "told.json").exists()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (schema,)


def test_one_that_breaks_does_not_keep_the_others(tmp_path: Path) -> None:
    """Whatever it is, it is a finding."""

    async def breaks(url: Secret, _: bytes | None) -> Answer:
        if url.reveal() == HOOK:
            raise ValueError(HOOK)
        return OK

    place = at(tmp_path, Receiver(), toml=BOTH)
    place.post = breaks
    webhook, ping = told(place)
    assert webhook.text == "nobody was told by webhook (https://hooks.example.com/…): ValueError"
    assert (ping.level, ping.text) == (
        Level.OK,
        "the dead man's switch answered: ping_url (https://ping.example.com/…)",
    )


def test_offline_and_notify_are_two_wishes(tmp_path: Path) -> None:
    """A UsageError, before anything is looked at."""
    receiver = Receiver()
    place = at(tmp_path, receiver)
    with pytest.raises(UsageError, match="exclude each other"):
        told(place, lambda r: r.doctor(offline=True, notify=True))
    assert told(place, lambda r: r.doctor())[0].level is Level.OK
    assert receiver.bodies == []


@pytest.mark.anyio
async def test_a_loop_of_ones_own_goes_on(tmp_path: Path) -> None:
    """`AsyncRunner` takes the same keyword."""
    receiver = Receiver()
    at(tmp_path, receiver)
    async with runner.aopen(directory=tmp_path, environ={}, seams=runner.app.Seams(post=receiver)) as r:
        assert [one.text for one in await r.doctor(notify=True) if one.about == "notify"] == [
            "told by webhook (https://hooks.example.com/…)"
        ]
    assert receiver.told == ["test"]
