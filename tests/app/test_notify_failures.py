"""`[notify]` where nobody can be told: a line says so without the address, and no receiver moves the run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.model import Answer, Fault
from runner.engine.events import AttemptClosed, Event
from runner.engine.stop import StopSignal
from runner.errors import StoreError
from runner.settings import Secret
from runner.store.database import Database
from runner.work import means
from tests.app.place import QUICK
from tests.app.receiver import OK, SWITCH, TOLD, Receiver, at, events, once


@pytest.mark.parametrize(
    ("answer", "seconds", "tries", "why"),
    [
        (Answer(status=500), 0.0, 3, "HTTP 500"),
        (Answer(status=302), 0.0, 1, "HTTP 302"),
        (Answer(status=404), 0.0, 1, "HTTP 404"),
        (Answer(fault=Fault.NOT_SENT, detail="ConnectError: Connection refused"), 0.0, 3, "Connection refused"),
        (OK, 3600.0, 3, "no answer came within 10 s"),
    ],
    ids=["broken", "redirects", "gone", "closed", "slow"],
)
def test_no_receiver_changes_how_a_run_ends(
    tmp_path: Path, answer: Answer, seconds: float, tries: int, why: str
) -> None:
    """Same exit code and rows, at most a minute later; one line and one event say that nobody was told, not where."""
    receiver = Receiver(lambda: answer, seconds=seconds)
    place = at(tmp_path, receiver)
    began_us = place.time.now_us()
    result = once(place)
    assert (result.exit_code, result.sent) == (0, 3)
    assert place.time.now_us() - began_us <= 62_000_000
    assert len(receiver.bodies) == tries
    assert len({body["id"] for body in receiver.bodies}) == 1
    (notice,) = result.notices
    assert notice.startswith("nobody was told by webhook: ")
    assert why in notice
    ((event, detail),) = events(place)
    assert (event, detail["occasion"], detail["means"]) == ("notify.failed", "finish", "webhook")
    assert "secret" not in notice + str(detail)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com/x", "must be https"),
        ("https://user:secret@hooks.example.com/", "must have no user"),
        ("hooks.example.com", "must be a URL"),
        ("", "is not set"),
    ],
)
def test_an_address_that_cannot_be_used_does_not_stop_the_run(tmp_path: Path, url: str, why: str) -> None:
    """Named in the environment, it is looked up when the run begins: a line says why nobody is told."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=f'{QUICK}[notify]\nwebhook = {{ env = "NIGHT_WEBHOOK" }}\n')
    place.environ["NIGHT_WEBHOOK"] = url
    result = once(place)
    assert result.exit_code == 0
    assert receiver.bodies == []
    (notice,) = result.notices
    assert notice.startswith("nobody is told by webhook: ")
    assert why in notice
    assert "secret" not in notice


def test_a_switch_that_does_not_answer_is_told_of_once(tmp_path: Path) -> None:
    """Neither its address nor a line for every minute."""
    receiver = Receiver(lambda: Answer(status=503))
    result = once(at(tmp_path, receiver, toml=SWITCH))
    assert result.notices == ("nobody was told by ping_url: HTTP 503",)


async def hangs(_: Secret, __: bytes | None) -> Answer:
    """A receiver of a means that knows no deadline."""
    await anyio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize(
    ("toml", "stopped", "seconds"), [(QUICK + TOLD, None, 60), (SWITCH, "signal:143", 10)], ids=["end", "signal"]
)
def test_the_end_of_a_run_does_not_wait_for_ever(tmp_path: Path, toml: str, stopped: str | None, seconds: int) -> None:
    """Whatever hangs is left behind after a minute; after ten seconds where a signal asked for the end."""
    place = at(tmp_path, Receiver(), toml=toml)
    place.post = hangs
    stop = StopSignal()

    def watch(event: Event) -> None:
        if stopped and isinstance(event, AttemptClosed):
            stop.set(stopped)

    began_us = place.time.now_us()
    result = once(place, 20, stop=stop, on_event=watch)
    assert result.exit_code == (143 if stopped else 0)
    assert place.time.now_us() - began_us == pytest.approx(seconds * 1e6, rel=0.1)
    assert result.notices[0].endswith(f"it took longer than {seconds} s")
    assert events(place)[0][0] == "notify.failed"


def test_a_means_that_breaks_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise's process cannot be started while the webhook waits for its answer: it is told, and both are kept."""
    receiver = Receiver(seconds=0.5)
    place = at(tmp_path, receiver, toml=f'{QUICK}{TOLD}apprise = {{ env = "NIGHT_APPRISE" }}\n')
    place.environ["NIGHT_APPRISE"] = "tgram://not-real"
    (tmp_path / "apprise.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-such-python"))
    result = once(place)
    assert result.notices == ("nobody was told by apprise: FileNotFoundError",)
    assert receiver.told == ["finish"]
    assert sorted((event, detail["means"]) for event, detail in events(place)) == [
        ("notify.failed", "apprise"),
        ("notify.told", "webhook"),
    ]


@pytest.mark.parametrize("status", [200, 404])
def test_a_database_that_broke_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """Whether it is news cannot be looked up: it is told all the same, and where nobody heard it the error says so. A
    command is started without any key: which variables hold one was looked up before."""
    receiver = Receiver(lambda: Answer(status=status))
    place = at(tmp_path, receiver, toml=f'{QUICK}{TOLD}command = ["./tell"]\n')
    monkeypatch.setenv("DEFENDIS_API_KEY", "fake-and-not-in-use")
    receive, calls = place.world.receive, []
    heard: list[Mapping[str, str]] = []

    async def hears(_: Sequence[str], *, stdin: bytes, environment: Mapping[str, str], seconds: float) -> int:
        heard.append(environment)
        return 0

    def broken(*_: Any, **__: Any) -> Any:
        raise StoreError("the database cannot be read", why="disk I/O error", fix="runner db status")

    def breaks(*call: Any) -> Any:
        calls.append(call)
        if len(calls) > 3:
            monkeypatch.setattr(Database, "reading", broken)
            monkeypatch.setattr(Database, "write_now", broken)
            broken()
        return receive(*call)

    monkeypatch.setattr(place.world, "receive", breaks)
    monkeypatch.setattr(means, "run_program", hears)
    with pytest.raises(StoreError) as raised:
        once(place, 20)
    (body,) = receiver.bodies
    assert (body["event"], body["state"]) == ("halt", None)
    assert body["text"].endswith("broke off: the database cannot be read")
    (environment,) = heard
    assert environment["RUNNER_TEXT"] == body["text"]
    assert "DEFENDIS_API_KEY" not in environment
    notes = getattr(raised.value, "__notes__", [])
    assert notes == ([] if status == 200 else ["nobody was told by webhook: HTTP 404"])
