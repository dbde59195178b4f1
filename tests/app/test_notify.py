"""`[notify]` through the library, in virtual time: what is told, when, once; and that no receiver moves the run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from runner.domain.model import Answer, Fault
from runner.engine.events import AttemptClosed, Event
from runner.engine.stop import StopSignal
from runner.errors import BusyError
from runner.settings import Secret
from runner.store.locks import lock_database
from runner.work.results import RunResult
from tests.app.place import QUICK, Place, emails

HOOK = "https://hooks.example.com/secret-path-not-real"
PING = "https://ping.example.com/secret-uuid-not-real"
TOLD = f'[notify]\nwebhook = "{HOOK}"\n'
SLOW = "[providers.defastra]\nlimits = [{ at_most = 1, per_seconds = 10 }]\n"
OK = Answer(status=200)


class Receiver:
    """Everybody who is told: keeps what came and answers as it is made to."""

    def __init__(self, answer: Callable[[], Answer] = lambda: OK, *, seconds: float = 0.0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.pings: list[str] = []
        self.answer = answer
        self.seconds = seconds

    async def __call__(self, url: Secret, body: bytes | None) -> Answer:
        """One message."""
        if body is None:
            self.pings.append(url.reveal().removeprefix(PING))
        else:
            assert url.reveal() == HOOK
            self.bodies.append(json.loads(body))
        with anyio.move_on_after(10):  # as the real one
            await anyio.sleep(self.seconds)
            return self.answer()
        return Answer(fault=Fault.NO_ANSWER, detail="no answer came within 10 s")

    @property
    def told(self) -> list[str]:
        """The events, in order."""
        return [body["event"] for body in self.bodies]


def at(folder: Path, receiver: Receiver, *, toml: str = "", **world: Any) -> Place:
    """A folder whose runs tell the receiver."""
    place = Place(folder, toml=toml or QUICK + TOLD, **world)
    place.post = receiver
    return place


def once(place: Place, count: int = 3, **arguments: Any) -> RunResult:
    """Load the list if it is new, and run."""
    with place.runner() as r:
        batch = r.load(place.write_list(emails(count)), ["defastra.email"]).batch
        return place.run(r, batch, **arguments)


def events(place: Place) -> list[tuple[str, dict[str, Any]]]:
    """What is on record of telling."""
    with closing(sqlite3.connect(place.folder / "runner.db")) as connection:
        found = connection.execute("SELECT event, detail FROM v_events WHERE event LIKE 'notify.%' ORDER BY at")
        return [(event, json.loads(detail)) for event, detail in found]


def test_a_run_that_ends_is_told_once_with_how_it_stands(tmp_path: Path) -> None:
    """One POST with the words of `status --json`, no value of a row in it; an event says who was told."""
    receiver = Receiver()
    place = at(tmp_path, receiver)
    result = once(place)
    assert (result.exit_code, result.notices) == (0, ())
    (body,) = receiver.bodies
    assert (body["schema"], body["event"], body["batch"], body["state"]) == (1, "finish", result.batch, "completed")
    assert body["outcomes"]["succeeded"] == 3
    assert body["spent"] == {"check": 3}
    assert body["next"]["command"] == result.status.next.command
    assert body["text"] == f"{result.batch} is done. 3 of 3 ended well; charged: 3 checks"
    assert "person" not in json.dumps(body)
    assert events(place) == [("notify.told", {"occasion": "finish", "means": "webhook"})]
    assert once(place).exit_code == 0
    assert receiver.told == ["finish"], "nothing was due"


def test_the_same_halt_is_told_once_however_often_it_is_met(tmp_path: Path) -> None:
    """A scheduler that starts the command again tells nobody again, until some row has ended in between."""
    receiver = Receiver()
    place = at(tmp_path, receiver, wallet=2)
    assert once(place, 6).exit_code == 4
    (body,) = receiver.bodies
    assert (body["event"], body["provider"], body["reason"], body["state"]) == (
        "halt",
        "defastra",
        "insufficient-funds",
        "halted",
    )
    assert body["halt"]["advice"] in body["text"]
    assert [once(place, 6).exit_code for _ in range(2)] == [4, 4]
    assert receiver.told == ["halt"]
    place.world.top_up(1)
    assert once(place, 6).exit_code == 4
    assert receiver.told == ["halt", "halt"]
    place.world.top_up(10)
    assert once(place, 6).exit_code == 0
    assert receiver.told == ["halt", "halt", "finish"]


@pytest.mark.parametrize(
    ("arguments", "reason", "says"),
    [
        ({"max_requests": 2}, "max-requests", "--max-requests"),
        ({"max_spend": "2"}, "max-spend", "--max-spend"),
        ({"limit": 2}, "limit", "--limit"),
    ],
)
def test_a_cap_that_is_reached_is_told(tmp_path: Path, arguments: dict[str, Any], reason: str, says: str) -> None:
    """With the flag in the sentence; not again while it stays as it is."""
    receiver = Receiver()
    place = at(tmp_path, receiver)
    assert once(place, 6, **arguments).exit_code == 5
    (body,) = receiver.bodies
    assert (body["event"], body["reason"]) == ("cap", reason)
    assert f"stopped: {says} is reached" in body["text"]
    if reason != "limit":
        assert once(place, 6).exit_code == 5
        assert receiver.told == ["cap"]


def test_only_what_is_wanted_is_told(tmp_path: Path) -> None:
    """`on` chooses."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=f'{QUICK}{TOLD}on = ["halt", "parked"]\n')
    assert once(place).exit_code == 0
    assert receiver.bodies == []


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


TWO = """
[providers.acme]
extends = "defastra"
limits = [{ at_most = 1, per_seconds = 10 }]
http = { auth = { secret = { env = "ACME_API_KEY" } } }
"""


def test_a_halt_is_told_at_once_where_another_provider_goes_on(tmp_path: Path) -> None:
    """Hours before the end; and at the end that nothing more is sent, not the same halt again."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=f"{TOLD}{QUICK}{TWO}")
    place.environ["ACME_API_KEY"] = "another-fake-key-0000"
    with place.runner() as r:
        batch = r.load(place.write_list(emails(12)), ["defastra.email", "acme.email"]).batch
        ended = place.run(r, batch)
    assert ended.exit_code == 4
    first, last = receiver.bodies
    assert (first["event"], first["provider"], first["state"], first["run"]) == ("halt", "acme", "running", 1)
    assert (last["event"], last["state"], last["provider"]) == ("finish", "halted", None)
    assert "sends nothing more, and is halted" in last["text"]
    assert first["at"] < last["at"]


def test_what_a_person_did_is_not_told(tmp_path: Path) -> None:
    """A run that is stopped by its owner ends without a word."""
    receiver = Receiver()
    place = at(tmp_path, receiver)
    stop = StopSignal()

    def enough(event: Event) -> None:
        if isinstance(event, AttemptClosed):
            stop.set("signal:130")

    assert once(place, 20, stop=stop, on_event=enough).exit_code == 130
    assert receiver.bodies == []


def test_an_error_that_ends_a_run_is_told_as_a_halt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its kind alone: what an error of no kind of ours says may hold a value."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=f'{QUICK}{TOLD}ping_url = "{PING}"\n')
    receive, calls = place.world.receive, []

    def breaks(*call: Any) -> Any:
        calls.append(call)
        if len(calls) > 3:
            raise ValueError("someone@example.com")
        return receive(*call)

    monkeypatch.setattr(place.world, "receive", breaks)
    with pytest.raises(ValueError, match="someone"):
        once(place, 20)
    (body,) = receiver.bodies
    assert (body["event"], body["reason"], body["provider"]) == ("halt", "unexpected", None)
    assert body["text"] == f"{body['batch']} broke off: unexpected ValueError"
    assert body["next"]["command"] == f"runner run {body['batch']}"
    assert receiver.pings == ["/start", "/fail"]


def test_an_error_of_the_callers_own_is_not_told(tmp_path: Path) -> None:
    """An observer that fails drains the run in good order, and its caller has the error in hand."""
    receiver = Receiver()
    place = at(tmp_path, receiver)

    def fails(_: Event) -> None:
        raise ValueError("someone@example.com")

    with pytest.raises(ValueError, match="someone"):
        once(place, 20, on_event=fails)
    assert receiver.bodies == []


def test_little_is_told_once_until_the_wallet_was_filled(tmp_path: Path) -> None:
    """Below the limit: one message, in this run and the next; filled up and below again: another one."""
    receiver = Receiver()
    place = at(
        tmp_path, receiver, toml=f'{QUICK}{TOLD}on = ["low-balance"]\nlow_balance = {{ defastra = 95 }}\n', wallet=100
    )
    once(place, 20, limit=10)
    once(place, 20, limit=2)
    (body,) = receiver.bodies
    assert (body["event"], body["provider"], body["reason"]) == ("low-balance", "defastra", "low-balance")
    assert (body["wallet"]["unit"], body["wallet"]["below"]) == ("check", 95)
    assert 90 <= body["wallet"]["balance"] < 95
    assert "less than 95" in body["text"]
    place.world.top_up(100)
    once(place, 20, limit=2)
    assert len(receiver.bodies) == 1
    place.world.take(100)
    once(place, 20, limit=2)
    assert len(receiver.bodies) == 2
    assert [event for event, _ in events(place)] == ["notify.told", "notify.over", "notify.told"]


def test_a_wallet_that_does_not_pay_for_what_waits_is_told(tmp_path: Path) -> None:
    """The run's own warning goes out too, without any limit of yours."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=SLOW + TOLD, wallet=5)
    once(place, 60)
    low, halt = receiver.bodies
    assert (low["event"], low["reason"], low["wallet"]["below"]) == ("low-balance", "runs-dry", None)
    assert low["wallet"]["requests"] > low["wallet"]["balance"]
    assert "it will run dry" in low["text"]
    assert halt["event"] == "halt"


SWITCH = f'{QUICK}[notify]\nping_url = "{PING}"\n'


def test_a_dead_mans_switch_is_asked_from_start_to_end(tmp_path: Path) -> None:
    """At the start, every five minutes, and at the end."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=SWITCH.replace(QUICK, SLOW))
    once(place, 62)
    assert receiver.pings == ["/start", "", "", ""], "ten minutes of work"


@pytest.mark.parametrize(
    ("arguments", "world", "last"),
    [({"limit": 2}, {}, ""), ({}, {"wallet": 2}, "/fail")],
    ids=["a limit of yours", "a halt"],
)
def test_the_end_says_whether_somebody_has_to_act(
    tmp_path: Path, arguments: dict[str, Any], world: dict[str, Any], last: str
) -> None:
    """A limit that was kept is a good end; a halt is not."""
    receiver = Receiver()
    once(at(tmp_path, receiver, toml=SWITCH, **world), 6, **arguments)
    assert receiver.pings == ["/start", last]


def test_a_run_that_finds_nothing_to_do_is_alive(tmp_path: Path) -> None:
    """A schedule that has nothing left to do asks the switch all the same; one behind another run does not."""
    receiver = Receiver()
    place = at(tmp_path, receiver, toml=SWITCH)
    once(place)
    once(place)
    assert receiver.pings == ["/start", "", ""]
    with place.runner() as r, lock_database(r.path, clock=place.time), pytest.raises(BusyError):
        place.run(r, "leads-defastra-email")
    assert receiver.pings == ["/start", "", ""]


def test_a_start_that_is_slow_is_not_overtaken_by_the_end(tmp_path: Path) -> None:
    """Else the switch would take a run that is over for one that never ended."""
    order: list[str] = []

    async def slow(url: Secret, _: bytes | None) -> Answer:
        ending = url.reveal().removeprefix(PING)
        await anyio.sleep(5 if ending else 0)
        order.append(ending)
        return OK

    place = at(tmp_path, Receiver(), toml=SWITCH)
    place.post = slow
    once(place)
    assert order == ["/start", ""]


def test_a_switch_that_does_not_answer_is_told_of_once(tmp_path: Path) -> None:
    """Neither its address nor a line for every minute."""
    receiver = Receiver(lambda: Answer(status=503))
    result = once(at(tmp_path, receiver, toml=SWITCH))
    assert result.notices == ("nobody was told by ping_url: HTTP 503",)


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


async def hangs(_: Secret, __: bytes | None) -> Answer:
    """A receiver of a means that knows no deadline."""
    await anyio.sleep_forever()
    raise AssertionError


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
