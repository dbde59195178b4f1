"""A paid answer as columns: null-safe, storable, in the profile's order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.body import ParsedBody, lookup
from runner.domain.columns import project, storable
from runner.domain.provider import Expression, Operation


def operation(found: Expression | None = None, **columns: Expression) -> Operation:
    return Operation(
        provider="acme",
        name="check",
        column_prefix="acme_check_",
        method="POST",
        path="/",
        inputs=(),
        found=found,
        columns=columns,
    )


def read(value: Any) -> ParsedBody:
    return ParsedBody(readable=True, value=value)


def test_columns_come_in_the_profile_s_order():
    """One value for each column; what is not there is null."""
    chosen = operation(score=lambda value: lookup(value, "score"), level=lambda value: lookup(value, "level"))
    assert project(chosen, read({"level": "low"})) == (None, {"score": None, "level": "low"})
    assert list(project(chosen, read({}))[1]) == ["score", "level"]


def test_an_unreadable_body_gives_empty_columns():
    """The columns are there all the same; nothing is said about a hit."""
    chosen = operation(lambda value: True, score=lambda value: value)
    assert project(chosen, ParsedBody(readable=False, why="it is empty")) == (None, {"score": None})


@pytest.mark.parametrize(
    ("value", "found"),
    [(True, True), (False, False), (None, None), ([], False), (["x"], True), ("", False), (0, True), ({}, False)],
)
def test_found_is_jmespath_s_truth(value, found):
    """An empty list is a miss, null says nothing."""
    assert project(operation(lambda body: body["hit"]), read({"hit": value}))[0] is found


def test_what_cannot_be_stored_is_mended():
    """Half an emoji becomes the replacement character, a number JSON does not have becomes null."""
    assert storable("a\ud83d") == "a\ufffd"
    assert storable("\ud83d\ude00") == "\U0001f600"
    assert storable({"a\ud800": [float("inf"), object(), 1.5]}) == {"a\ufffd": [None, None, 1.5]}


@given(st.recursive(st.text(st.characters()) | st.floats() | st.booleans(), lambda inner: st.lists(inner)))
def test_whatever_comes_can_be_stored(value):
    """Every value becomes UTF-8 JSON."""
    json.dumps(storable(value), ensure_ascii=False, allow_nan=False).encode()
