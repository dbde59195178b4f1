"""Reading a body: total, strict about what cannot be kept, lenient where a paid answer would be lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.body import MAX_DEPTH, lookup, parse_body
from runner.domain.model import Answer, Fault

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def answer(body: bytes, **more) -> Answer:
    return Answer(status=200, body=body, **more)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'{"status": true, "deep_ema', "ends in the middle"),
        (b'{"status": true', "ends in the middle"),
        (b'{"status": true}}', "not JSON (line 1, column 17)"),
        (b"OK", "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'\xff\xfe{"x', "not UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "NaN"),
        (b"[" + b"9" * 5_000 + b"]", "number too long"),
        (b"[1e999]", "number too large"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "nested too deeply"),
    ],
)
def test_unreadable_bodies_say_why(body, why):
    """What cannot be read is told in words, and never raises."""
    parsed = parse_body(answer(body))
    assert not parsed.readable
    assert why in parsed.why
    assert parsed.value is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'\xef\xbb\xbf{"status": true}', {"status": True}),
        (b'\n {"status": true} \n', {"status": True}),
        (b'{"status": false, "status": true}', {"status": True}),
        (b'{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'{"a": "' + b"[" * 1000 + b'"}', {"a": "[" * 1000}),
    ],
)
def test_odd_but_readable_bodies_are_read(body, value):
    """A byte order mark, duplicate keys and raw line breaks do not cost a paid answer."""
    parsed = parse_body(answer(body))
    assert parsed.readable
    if value is not None:
        assert parsed.value == value


def test_a_declared_charset_is_tried_after_utf8():
    """ISO-8859-1 is read where the answer says so; a charset outside the closed list is not."""
    body = '{"city": "Orléans"}'.encode("iso-8859-1")
    said = parse_body(answer(body, headers=(("content-type", 'application/json; charset="ISO-8859-1"'),)))
    assert said.value == {"city": "Orléans"}
    assert not parse_body(answer(body, headers=(("content-type", "text/plain; charset=punycode"),))).readable


def test_a_cut_body_is_unreadable_even_if_it_parses():
    """What was cut at the cap may be half a result."""
    assert not parse_body(answer(b"[1]", truncated=True)).readable


@pytest.mark.parametrize("fault", list(Fault))
def test_a_fault_has_no_body(fault):
    """Where nothing came back there is nothing to read."""
    assert not parse_body(Answer(fault=fault)).readable


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    """No bytes raise; what is readable can be written as JSON again."""
    parsed = parse_body(answer(body))
    assert parsed.readable or parsed.why
    json.dumps(parsed.value, allow_nan=False)


@given(JSON)
def test_json_comes_back_as_it_went(value):
    """Every JSON value of reasonable size is read as what it is."""
    assert parse_body(answer(json.dumps(value).encode())).value == value


@given(JSON, st.text(alphabet="ab.", max_size=6))
def test_lookup_never_raises(value, path):
    """Any path into any value gives a value or the default."""
    lookup(value, path)


def test_lookup_follows_keys_and_positions():
    """Dotted paths step through objects by key and through arrays by position; a missing step gives the default."""
    value = {"error": {"code": None, "list": [{"id": 7}], "0": "a key"}}
    assert lookup(value, "error.code", "default") is None
    assert lookup(value, "error.missing", "default") == "default"
    assert lookup(value, "error.list.0.id") == 7
    assert lookup(value, "error.0") == "a key"
    for path in (
        "error.list.1",
        "error.list.-1",
        "error.list.id",
        "error.list.²",
        "error.list.0.id.0",
        "error.list.00000000",
    ):
        assert lookup(value, path, "default") == "default"
    assert lookup([], "error", "default") == "default"
