"""Column expressions: JMESPath's meaning, never an exception."""

from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.visitor import Options

from runner.domain.columns import storable
from runner.domain.rules import same_json
from runner.providers.expressions import _Functions, compile_expression, fault_of
from tests.domain.test_body import JSON

PATHS = st.sampled_from(["a", "a.b", "b.a.b", '"a b".c', "@", "a[0]", "[].b", "`1`", "`true`", '`"x"`', "*.a"])
TEXTS = st.recursive(
    PATHS,
    lambda inner: (
        st.builds("length({})".format, inner)
        | st.builds("not_null({}, {})".format, inner, inner)
        | st.builds("keys_where({}, &{})".format, inner, inner)
        | st.builds("keys_where({}, {})".format, inner, inner)
        | st.builds("{} == {}".format, inner, inner)
        | st.builds("({}) | ({})".format, inner, inner)
        | st.builds("to_string({})".format, inner)
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, "", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a b", "c"]), inner),
    max_leaves=12,
)


@given(TEXTS, VALUES)
def test_the_short_ways_mean_what_the_library_means(text, value):
    """Closures give the interpreter's own results; where it raises, the column is null."""
    try:
        wanted = jmespath.search(text, value, Options(custom_functions=_Functions()))
    except Exception:
        wanted = None
    found = compile_expression(text)(value)
    assert same_json(storable(found), storable(wanted))


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
