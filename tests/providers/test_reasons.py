"""Why an answer leads to a rule, and why not to another: in words that point at the profile's keys."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from runner.domain.model import Action, Answer, Debited, Fault
from runner.domain.provider import Condition, Rule
from runner.domain.rules import classify
from runner.providers.loader import load_tables
from runner.providers.reasons import Reasons, condition_text
from tests.domain.test_rules import ANSWERS, CONDITIONS
from tests.providers.profiles import mine

PROVIDER = load_tables(mine(), "mine.toml")
CHECK = PROVIDER.operations["check"]


def rule(*when: Condition, then: Action = Action.FAIL) -> Rule:
    return Rule(name="wanted", when=when, then=then, debited=Debited.NO)


def reasons(answer: Answer) -> Reasons:
    return Reasons(PROVIDER, CHECK, answer)


def body(value: Any, status: int = 200) -> Answer:
    return Answer(status=status, body=json.dumps(value).encode())


ERROR = body({"error": {"code": "NO_FUNDS", "message": "Too bad"}, "ok": "false", "left": 0, "list": [{"id": 1}]}, 402)


@pytest.mark.parametrize(
    ("condition", "answer", "told"),
    [
        (Condition(code=("INSUFFICIENT_*",)), ERROR, 'code is "NO_FUNDS", the rule wants "INSUFFICIENT_*"'),
        (Condition(code=("X",)), body({}), 'there is no code (nothing at error.code), the rule wants "X"'),
        (Condition(type_=("A", "B")), ERROR, 'there is no type (nothing at error.type), the rule wants "A" or "B"'),
        (
            Condition(statuses=frozenset({401, 403}), status_classes=frozenset({5})),
            ERROR,
            "status is 402, the rule wants 401 or 403 or 5xx",
        ),
        (Condition(has=("data",)), ERROR, "the body has nothing at data, the rule wants something that is not null"),
        (Condition(equals={"ok": False}), ERROR, 'ok in the body is "false", the rule wants false'),
        (Condition(equals={"left": "0"}), ERROR, 'left in the body is 0 (number), the rule wants "0"'),
        (Condition(equals={"list.0.id": 2}), ERROR, "list.0.id in the body is 1 (number), the rule wants 2"),
        (
            Condition(contains={"error.message": "bill"}),
            ERROR,
            'error.message in the body is "Too bad", the rule wants a text with "bill"',
        ),
        (Condition(is_={"error": "array"}), ERROR, '(object), the rule wants array'),
        (Condition(safe=True), ERROR, "the operation is not safe, the rule wants one that is"),
        (
            Condition(faults=frozenset({Fault.TLS})),
            ERROR,
            "an answer came (status 402), the rule wants fault tls",
        ),
        (
            Condition(faults=frozenset({Fault.TLS})),
            Answer(fault=Fault.NOT_SENT),
            "the fault is not-sent, the rule wants fault tls",
        ),
        (
            Condition(statuses=frozenset({402})),
            Answer(fault=Fault.NO_ANSWER),
            "no answer came (fault no-answer), the rule wants 402",
        ),
        (
            Condition(code=("X",)),
            Answer(status=200, body=b"<html>"),
            "the body cannot be read: it is a web page or XML, not JSON; the rule looks into it",
        ),
        (
            Condition(code=("X",), statuses=frozenset({500})),
            Answer(status=200, body=b"<html>"),
            "status is 200, the rule wants 500",
        ),
        (
            Condition(statuses=frozenset({402}), code=("NO_FUNDS",), equals={"ok": True}),
            ERROR,
            'ok in the body is "false", the rule wants true',
        ),
    ],
)  # fmt: skip
def test_the_first_thing_that_does_not_hold(condition, answer, told):
    """Named with what was found and what was wanted."""
    (text,) = reasons(answer).for_leaving(rule(condition))
    assert text.endswith(told) if told.startswith("(") else text == told


def test_each_table_has_a_reason_and_none_where_one_holds():
    """Of several tables each tells its own; if one holds, an earlier rule took the answer."""
    left = rule(Condition(statuses=frozenset({500})), Condition(code=("X",)))
    assert len(reasons(ERROR).for_leaving(left)) == 2
    fits = replace(left, when=(*left.when, Condition(code=("no_funds",))))
    assert reasons(ERROR).for_leaving(fits) == ()
    assert reasons(ERROR).for_taking(fits) == 'code "no_funds"'


def test_a_success_that_cannot_be_read_is_told_as_that():
    """`when` alone would let it pass."""
    unreadable = Answer(status=200, body=b"hello")
    (text,) = reasons(unreadable).for_leaving(rule(Condition(statuses=frozenset({200})), then=Action.SUCCEED))
    assert text == "its `when` holds, but the body cannot be read: it is not JSON (line 1, column 1)"


def test_long_values_are_cut():
    """A page in a field does not fill the screen."""
    (text,) = reasons(body({"a": "x" * 500})).for_leaving(rule(Condition(equals={"a": 1})))
    assert len(text) < 120


def test_a_condition_as_it_is_read():
    """All of its parts in words; the catch-all is anything."""
    whole = Condition(
        statuses=frozenset({402}), status_classes=frozenset({5}), code=("A", "B_*"), has=("x",), equals={"y": None},
        contains={"z": "part"}, is_={"q": "array"}, safe=False,
    )  # fmt: skip
    assert condition_text(whole) == (
        'status 402 or 5xx and code "A" or "B_*" and something at x in the body and y in the body is null '
        'and z in the body contains "part" and q in the body is of kind array and an operation that is not safe'
    )
    assert condition_text(Condition()) == "anything"
    assert condition_text(Condition(faults=frozenset({Fault.TLS, Fault.INVALID}))) == "fault invalid or tls"


@given(ANSWERS, CONDITIONS)
def test_there_is_a_reason_exactly_where_the_rule_does_not_fit(answer, condition):
    """Whatever the answer: told is what `classify` goes by, not an opinion of its own."""
    if answer.fault is Fault.WITHDRAWN:
        return  # never judged
    wanted = rule(condition)
    fits = classify(replace(PROVIDER, rules=(wanted,)), CHECK, answer).rule == wanted.name
    found = reasons(answer)
    assert (found.for_leaving(wanted) == ()) is fits
    assert bool(found.for_taking(wanted)) is fits
