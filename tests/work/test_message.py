"""What leaves this machine in a message: nothing of a person, whoever wrote the words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from runner.domain.occasions import Occasion
from runner.sandbox.replies import Behaviour
from runner.work.message import Message, body, message_json, text, variables
from runner.work.results import BatchStatus
from tests.app.place import Place, emails

ADDRESS, PHONE = "ada.lovelace@example.com", "+14155550123"
WORDS = f"{ADDRESS} ({PHONE}) \u202ehas no funds"


@pytest.fixture
def halted(place: Place) -> BatchStatus:
    """A batch whose provider quoted somebody."""
    place.world.next([Behaviour(rule="insufficient-funds")])
    with place.runner() as r:
        status = place.run(r, r.load(place.write_list(emails(2)), ["defastra.email"])).status
    (halt,) = status.halts
    return replace(status, halts=(replace(halt, code=PHONE, message=WORDS, advice=WORDS),))


def message(status: BatchStatus | None, error: str | None = None) -> Message:
    """A halt, or what ended a run."""
    return Message(
        id="a" * 16,
        occasion=Occasion.HALT,
        at_us=0,
        batch="leads",
        run=1,
        provider="defastra",
        reason="insufficient-funds",
        status=status,
        error=error,
    )


def test_words_of_a_provider_are_shortened_once_more(halted: BatchStatus) -> None:
    """They were when they were stored; nothing is left to a single net."""
    told = message(halted)
    halt = message_json(told)["halt"]
    assert (halt["provider"], halt["reason"]) == ("defastra", "insufficient-funds")
    assert halt["message"] == "a…@example.com (+1…23) \\u202ehas no funds"
    assert halt["code"] == "+1…23"
    everything = body(told).decode() + json.dumps(variables(told)) + text(told)
    assert ADDRESS not in everything
    assert PHONE not in everything


def test_an_error_is_told_without_whom_it_names() -> None:
    """A list's name may be somebody's address; so may the value that a database refused."""
    told = message(None, error=f"{ADDRESS} cannot be stored")
    assert text(told) == "leads broke off: a…@example.com cannot be stored"
    assert message_json(told)["text"] == variables(told)["RUNNER_TEXT"] == text(told)


def test_the_command_that_is_told_next_names_nobody(place: Place) -> None:
    """It says again what was asked of the list, and somebody's address may have been set for all of its rows."""
    (place.folder / "p.csv").write_text("phone,n\n(415) 555-0100,1\n+14155550102,1\n")
    with place.runner() as r:
        loaded = r.load("p.csv", ["defastra.phone"], params=[f"label={ADDRESS}"], max_invalid="100%")
        told = message(place.run(r, loaded.batch).status)
    assert "--set label=VALUE --region CC" in message_json(told)["next"]["command"]
    assert ADDRESS not in body(told).decode() + json.dumps(variables(told)) + text(told)
