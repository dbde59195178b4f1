"""Column expressions: JMESPath's meaning, never an exception."""

from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.providers.expressions import compile_expression, fault_of
from tests.domain.test_body import JSON


@given(JSON | st.dictionaries(st.sampled_from("ab"), JSON), st.sampled_from(["a", "a.b", "b.a.b"]))
def test_plain_paths_mean_what_jmespath_means(value, path):
    """The short way for dotted paths gives the library's own results."""
    assert compile_expression(path)(value) == jmespath.search(path, value)


@given(JSON)
def test_expressions_never_raise(value):
    """Functions that dislike their argument give null."""
    assert compile_expression("contains(a, `1`)")({"a": "text"}) is None  # the library lets a TypeError through
    for text in ("length(a)", "keys_where(@, &b)", "sort(@)", "max_by(@, &a)", "sum(@)", "[?a > `1`].b | [0]"):
        compile_expression(text)(value)


def test_keys_where():
    """The names of an object's members that the expression holds for; 0 holds, empty does not."""
    find = compile_expression("keys_where(p, &r)")
    assert find({"p": {"x": {"r": True}, "y": {"r": False}, "z": {"r": 0}, "e": {"r": ""}, "n": 1}}) == ["x", "z"]
    assert find({"p": None}) is None
    assert find({"p": {}}) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a[", "not JMESPath: Incomplete expression"),
        ("", "not JMESPath: cannot be empty"),
        ("'x", "not JMESPath: Unclosed ' delimiter"),
        ("a b", 'not JMESPath: Unexpected token: b: Parse error at column 2, token "b" (UNQUOTED_IDENTIFIER)'),
        ("a | foo(@)", "JMESPath has no function foo()"),
        ("length(a, b)", "length() takes 1 arguments, not 2"),
        ("sort_by(a, &keys_where(b))", "keys_where() takes 2 arguments, not 1"),
        ("(" * 5000 + "a" + ")" * 5000, "not JMESPath: nested too deeply"),
        ("not_null(a, b, c)", None),
    ],
)
def test_faults_are_told_in_one_line(text, fault):
    """Grammar, unknown functions and wrong numbers of arguments are found before anything is sent."""
    assert fault_of(text) == fault
