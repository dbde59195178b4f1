"""Every halt of every shipped provider on the screen: its words, what they mean, what to do, the next command."""

import re
from dataclasses import replace

import pytest

from runner.cli import render
from runner.cli.text import redact
from runner.domain.model import Action, Answer, Debited, Fault, Verdict
from runner.domain.states import BatchState
from runner.engine.halts import OWN_ADVICE, PROVIDER_DOWN, words
from runner.providers.examples import check_examples
from runner.providers.loader import load_shipped, shipped_names
from runner.work.next_step import next_step
from runner.work.results import Halt, LaneStatus
from tests.cli.samples import STATUS

HALTING = [
    pytest.param(name, result.verdict, result.example.answer, id=f"{name}-{result.number}-{result.verdict.rule}")
    for name in shipped_names()
    for result in check_examples(load_shipped(name))
    if result.verdict.action is Action.HALT or result.verdict.unproven_halt or result.verdict.halt_after
]


def shown(halt: Halt) -> dict[str, str]:
    """The lines of a halted batch by their first word."""
    step = next_step(STATUS.batch, BatchState.HALTED, halt.reason, STATUS.outcomes)
    text = render.status_text(replace(STATUS, halts=(halt,), next=step))
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in text.splitlines()[1:]}


@pytest.mark.parametrize(("provider", "verdict", "answer"), HALTING)
def test_a_halt_says_the_words_their_meaning_the_remedy_and_the_command(provider, verdict, answer):
    """Whatever halts a lane, its screen has the code, message or status; the reason; the advice; and what to type."""
    code, message = words(verdict, answer)
    halt = Halt(
        provider=provider, reason=verdict.rule, code=code, message=message, advice=verdict.advice or None, at_us=0
    )
    lines = shown(halt)
    said = [word for word in (verdict.error_code, verdict.error_message) if word] or [f"HTTP {answer.status}"]
    assert lines["halted"].startswith(f"{provider} says ")
    assert all(redact(word) in lines["halted"] for word in said)
    assert re.match(r"HTTP \d+, [A-Z]" if verdict.rule.isdigit() else verdict.rule.replace("-", " "), lines["means"])
    assert lines["do"] == verdict.advice
    assert lines["next"].startswith("runner run leads ")


def test_there_are_halts_to_show_for_each_provider():
    """The table above is not empty by mistake: each provider has refused keys, empty wallets and wrong addresses."""
    for name in shipped_names():
        assert len([case for case in HALTING if case.values[0] == name]) >= 5


@pytest.mark.parametrize("reason", OWN_ADVICE)
def test_the_halts_of_the_runners_own_tell_what_to_do_too(reason):
    """Too many waits, nothing but failures, too many failed: no provider's advice fits, so it is ours."""
    lines = shown(Halt(provider="defastra", reason=reason, code=None, message="x", advice=OWN_ADVICE[reason], at_us=0))
    assert lines["means"].startswith(reason.replace("-", " "))
    assert lines["do"] == OWN_ADVICE[reason]


def test_where_nobody_spoke_no_words_are_put_into_a_mouth():
    """A line that broke is told as what broke it; an answer without a text as its status."""
    silent = Verdict(rule=PROVIDER_DOWN, action=Action.RETRY, debited=Debited.NO, recognised=True)
    code, message = words(silent, Answer(fault=Fault.NOT_SENT, detail="ConnectError: Connection refused"))
    halt = Halt(provider="defastra", reason=PROVIDER_DOWN, code=code, message=message, advice="x", at_us=0)
    assert shown(halt)["halted"] == 'defastra: not-sent "ConnectError: Connection refused"'
    code, message = words(silent, Answer(status=503, body=b"<html>"))
    assert shown(replace(halt, code=code, message=message))["halted"] == "defastra says HTTP 503"


@pytest.mark.parametrize(
    ("state", "words"), [("gated", "asked to wait"), ("circuit", "one request is tried"), ("parked", "resets later")]
)
def test_a_provider_that_is_waited_for_is_told_in_words(state, words):
    """No state of a lane is on screen: what it waits for is."""
    (waiting,) = waits(state, BatchState.RUNNING)
    assert words in waiting
    assert state not in waiting


def waits(lane_state: str, state: BatchState, reason: str | None = None) -> list[str]:
    """What is said of the wait of a batch whose provider is like this."""
    lane = LaneStatus(provider="defastra", state=lane_state, reason="x", until_us=None, rate=None, in_flight=None)
    status = replace(STATUS, lanes=(lane,), state=state, reason=reason)
    return [line for line in render.status_text(status).splitlines() if "  waiting " in line]


@pytest.mark.parametrize(
    ("state", "reason", "kept"),
    [
        (BatchState.RUNNING, "cut-off", 2),
        (BatchState.PAUSED, "interrupted", 2),
        (BatchState.HALTED, "insufficient-funds", 2),
        (BatchState.CANCELLED, "person", 0),
        (BatchState.COMPLETED, None, 0),
    ],
)
def test_where_nobody_is_at_work_nobody_looks_for_a_provider(state, reason, kept):
    """What it asked for is kept by the next run; after one that fails only a run looks, and what is over waits for
    nothing."""
    assert waits("circuit", state, reason) == []
    assert len([*waits("gated", state, reason), *waits("parked", state, reason)]) == kept
