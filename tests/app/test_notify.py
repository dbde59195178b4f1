"""`[notify]` through the library, in virtual time: what is told of a run, when, and that it is told once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.engine.events import AttemptClosed, Event
from runner.engine.stop import StopSignal
from runner.sandbox.replies import Behaviour
from runner.work.results import RunResult
from tests.app.place import QUICK, Place, emails
from tests.app.receiver import PING, SLOW, TOLD, Receiver, at, events, once

TWO = """
[providers.acme]
extends = "defastra"
limits = [{ at_most = 1, per_seconds = 10 }]
http = { auth = { secret = { env = "ACME_API_KEY" } } }
"""


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


def two(folder: Path, receiver: Receiver, *, more: str = "", **world: Any) -> Place:
    """A quick provider and a slow one, whose key the world refuses."""
    place = at(folder, receiver, toml=f"{TOLD}{QUICK}{TWO}{more}", **world)
    place.environ["ACME_API_KEY"] = "another-fake-key-0000"
    return place


def starts(place: Place, count: int, *more: str) -> list[RunResult]:
    """The same command so many times, on a list of 6."""
    ended = []
    for _ in range(count):
        with place.runner() as r:
            batch = r.load(place.write_list(emails(6)), ["defastra.email", "acme.email", *more]).batch
            ended.append(place.run(r, batch))
    return ended


def test_a_halt_is_told_at_once_where_another_provider_goes_on(tmp_path: Path) -> None:
    """Hours before the end; and at the end that nothing more is sent, in no later run the same halt again."""
    receiver = Receiver()
    place = two(tmp_path, receiver)
    assert [ended.exit_code for ended in starts(place, 4)] == [4, 4, 4, 4]
    first, last = receiver.bodies
    assert (first["event"], first["provider"], first["state"], first["run"]) == ("halt", "acme", "running", 1)
    assert (last["event"], last["state"], last["provider"]) == ("finish", "halted", None)
    assert "sends nothing more, and is halted" in last["text"]
    assert first["at"] < last["at"]


def test_a_halt_that_ended_a_batch_is_not_told_as_its_end(tmp_path: Path) -> None:
    """The other provider was through by then; at the next start it only seems to go on."""
    receiver = Receiver()
    place = two(tmp_path, receiver, wallet=9)
    place.world._key = None  # each account has its own
    assert [ended.exit_code for ended in starts(place, 3)] == [4, 4, 4]
    assert receiver.told == ["low-balance", "halt"]  # the wallet was seen to run dry, once


def test_each_halted_provider_is_told_of_once(tmp_path: Path) -> None:
    """Two keys are wrong, a third provider goes on: what was told of one says nothing of the other."""
    receiver = Receiver()
    place = two(tmp_path, receiver, more=TWO.replace("acme", "bolt").replace("ACME", "BOLT"))
    place.environ["BOLT_API_KEY"] = "a-third-fake-key-0000"
    starts(place, 3, "bolt.email")
    told = [(body["event"], body["provider"]) for body in receiver.bodies]
    assert sorted(told[:2]) == [("halt", "acme"), ("halt", "bolt")]
    assert told[2:] == [("finish", None)]


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


def test_a_wait_for_the_reset_is_told_once(tmp_path: Path) -> None:
    """With until when; not again by a scheduler that comes before it, but by a second wait."""
    receiver = Receiver()
    place = at(tmp_path, receiver)
    place.world.next([Behaviour(), Behaviour(rule="daily-check-limit")])
    assert [once(place, 6).exit_code for _ in range(3)] == [6, 6, 6]
    (body,) = receiver.bodies
    assert (body["event"], body["reason"], body["state"]) == ("parked", "reset", "paused")
    assert body["text"] == f"{body['batch']} waits until {body['resume_at']}: the provider resets then"
    place.time.before += 86_400
    place.world.next([Behaviour(rule="daily-check-limit")])
    assert once(place, 6).exit_code == 6
    assert receiver.told == ["parked", "parked"]
