"""Rules that never get their turn, and those that only look like it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.domain.model import Action, Debited, Fault
from runner.domain.provider import Condition, Provider, Rule
from runner.domain.rules import classify
from runner.providers.reach import covers, shadowed
from tests.domain.test_rules import ANSWERS, CONDITIONS, HTTP, OPERATION

CODE = "error.code"


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (Condition(), Condition(statuses=frozenset({404}))),
        (Condition(status_classes=frozenset({4})), Condition(statuses=frozenset({404}), has=("a",))),
        (Condition(statuses=frozenset({404, 410})), Condition(statuses=frozenset({410}))),
        (Condition(code=("RATE_*",)), Condition(code=("rate_limited_*", "RATE_1"))),
        (Condition(code=("NO_FUNDS",)), Condition(equals={CODE: "no_funds"})),
        (Condition(has=("error",)), Condition(code=("X",))),
        (Condition(has=("a",)), Condition(equals={"a.b": 1})),
        (Condition(contains={CODE: "limit"}), Condition(code=("RATE_LIMITED_*",))),
        (Condition(contains={"a": "b"}), Condition(equals={"a": "ABC"})),
        (Condition(is_={"a": "object"}), Condition(has=("a.b",))),
        (Condition(is_={"a": "boolean"}), Condition(equals={"a": False})),
        (Condition(faults=frozenset({Fault.TLS, Fault.INVALID})), Condition(faults=frozenset({Fault.TLS}))),
    ],
)
def test_covered(wide, narrow):
    """What is narrower in every respect is covered, and not the other way round."""
    assert covers(wide, narrow, HTTP)
    assert not covers(narrow, wide, HTTP)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (Condition(statuses=frozenset({404})), Condition(status_classes=frozenset({4}))),
        (Condition(safe=True), Condition(safe=False)),
        (Condition(has=("a",)), Condition(is_={"a": "null"})),
        (Condition(equals={"a": 0}), Condition(equals={"a": False})),
        (Condition(code=("AB",)), Condition(code=("A*",))),
        (Condition(is_={"a": "string"}), Condition(has=("a.b",))),
        (Condition(is_={"a": "object"}), Condition(has=("a.0",))),
    ],
)
def test_not_covered(wide, narrow):
    """Close is not covered."""
    assert not covers(wide, narrow, HTTP)


def rule(name: str, *when: Condition, then: Action = Action.FAIL) -> Rule:
    return Rule(name=name, when=when, then=then, debited=Debited.NO)


def test_a_rule_is_dead_when_every_condition_is_taken():
    """One condition that is left keeps a rule alive; two earlier rules may take it together."""
    a, b, c = (Condition(statuses=frozenset({status})) for status in (401, 402, 403))
    assert [index for index, _ in shadowed([rule("x", a), rule("y", b), rule("z", a, b)], HTTP)] == [2]
    assert not list(shadowed([rule("x", a), rule("y", b), rule("z", a, c)], HTTP))


def test_a_success_leaves_what_cannot_be_read():
    """A second rule for the same status still gets the answers whose body is unreadable."""
    ok = rule("ok", Condition(statuses=frozenset({200})), then=Action.SUCCEED)
    assert not list(shadowed([ok, rule("odd", Condition(statuses=frozenset({200})))], HTTP))
    assert list(shadowed([ok, rule("odd", Condition(statuses=frozenset({200}), has=("a",)))], HTTP))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Condition, Condition]:
    """A condition, and the same with some of its parts left out or widened: often covered, not always."""
    narrow = draw(CONDITIONS)
    parts = draw(st.sets(st.sampled_from([field.name for field in fields(Condition)]), max_size=3))
    kept = {name: getattr(narrow, name) for name in parts}
    if "statuses" in kept and draw(st.booleans()):
        kept["status_classes"] = frozenset(status // 100 for status in kept.pop("statuses"))
    return replace(draw(CONDITIONS) if draw(st.integers(0, 3)) == 0 else Condition(), **kept), narrow


@given(pairs(), ANSWERS)
def test_covered_means_never_reached(pair, answer):
    """Sound: no answer reaches a rule that is said to be covered."""
    wide, narrow = pair
    assume(covers(wide, narrow, HTTP))
    provider = Provider(
        name="p", title="P", http=HTTP, operations={}, rules=(rule("wide", wide), rule("narrow", narrow))
    )
    assert classify(provider, OPERATION, answer).rule != "narrow"
