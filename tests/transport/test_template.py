"""Requests as rendered: values arrive whole, and only where the profile put them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.addresses import shown_url
from runner.domain.model import Request
from runner.domain.provider import Auth, Http, Input, InputKind, Operation
from runner.engine.ports import UnsendableError
from runner.transport.template import check_header, render

HTTP = Http(base_url="https://api.example.com/v2/", auth=Auth(kind="none"), client_request_id="X-Request-Id")
PLAIN = Operation(
    provider="acme", name="op", column_prefix="acme_op_", method="POST", path="/check", inputs=(), form={"v": "{v}"}
)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1)


def rendered(operation: Operation, **params: str) -> Request:
    """Render with a fixed attempt id."""
    return render(HTTP, operation, params, attempt_id="abcdefghijklmnop")


@given(TEXT)
def test_any_value_survives_a_form(value: str) -> None:
    """What the server decodes from a form is the value, character for character."""
    assert parse_qsl(rendered(PLAIN, v=value).body.decode(), keep_blank_values=True) == [("v", value)]


@given(TEXT)
def test_any_value_survives_a_query(value: str) -> None:
    """What the server decodes from a query is the value, and the path stays."""
    request = rendered(replace(PLAIN, form=None, query={"v": "{v}", "n": 3}), v=value)
    assert parse_qsl(urlsplit(request.url).query, keep_blank_values=True) == [("v", value), ("n", "3")]
    assert urlsplit(request.url).path == request.path == "/v2/check"


@given(TEXT)
def test_any_value_survives_json(value: str) -> None:
    """JSON is built from objects, so no value can change its shape."""
    template = {"q": [{"v": "{v}", "n": 1, "on": True, "none": None}], "deep": {"also": "x-{v}"}}
    request = rendered(replace(PLAIN, form=None, json=template), v=value)
    assert json.loads(request.body) == {
        "q": [{"v": value, "n": 1, "on": True, "none": None}],
        "deep": {"also": "x-" + value},
    }
    assert ("content-type", "application/json") in request.headers


@given(TEXT)
def test_a_value_in_the_path_stays_one_segment_of_the_same_origin(value: str) -> None:
    """No value leaves its segment, its path prefix or its server; the two that climb are refused."""
    operation = replace(PLAIN, method="GET", form=None, path="/lookup/{v}/info")
    if value in {".", ".."}:
        with pytest.raises(UnsendableError):
            rendered(operation, v=value)
        return
    parts = urlsplit(rendered(operation, v=value).url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "api.example.com", "", "")
    prefix, found, suffix = parts.path.rpartition("/")[0], parts.path.split("/")[3], parts.path.split("/")[4:]
    assert prefix.startswith("/v2/lookup/")
    assert unquote(found) == value
    assert suffix == ["info"]


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("@evil.example/x", "https://api.example.com/v2/@evil.example/x"),
        ("//evil.example/x", "https://api.example.com/v2/evil.example/x"),
        ("https://evil.example/x", "https://api.example.com/v2/https://evil.example/x"),
        ("/check?a=1#b", "https://api.example.com/v2/check%3Fa=1%23b"),
    ],
)
def test_a_path_is_appended_never_joined(path: str, url: str) -> None:
    """However a profile writes its path, the server stays the provider's."""
    assert rendered(replace(PLAIN, path=path), v="1").url == url


def test_unset_optional_keys_are_left_out() -> None:
    """`{x?}` without a value takes its key along, in forms, queries, tables and lists; an empty value is unset."""
    template: dict[str, Any] = {"v": "{v}", "tier": "{tier?}", "both": "{v}-{tier?}", "many": ["{tier?}", "{v}"]}
    assert rendered(replace(PLAIN, form=template), v="1", tier="").body == b"v=1&many=1"
    assert rendered(replace(PLAIN, form=template), v="1", tier="t").body == b"v=1&tier=t&both=1-t&many=t&many=1"
    body = rendered(replace(PLAIN, form=None, json={**template, "deep": {"t": "{tier?}"}}), v="1").body
    assert json.loads(body) == {"v": "1", "many": ["1"], "deep": {}}


def test_a_default_of_the_attempt_is_its_id_unless_set() -> None:
    """The label carries the attempt, so that a person can find it at the provider."""
    label = Input(name="label", kind=InputKind.TEXT, required=False, default="{attempt}")
    operation = replace(PLAIN, inputs=(label,), form={"label": "{label?}", "own": "{attempt}"})
    request = rendered(operation)
    assert request.body == b"label=abcdefghijklmnop&own=abcdefghijklmnop"
    assert request.client_request_id == "abcdefghijklmnop"
    assert ("X-Request-Id", "abcdefghijklmnop") in request.headers
    assert rendered(operation, label="mine").body.startswith(b"label=mine&")


def test_values_are_not_templates() -> None:
    """A placeholder inside a value is text."""
    assert rendered(PLAIN, v="{attempt}").body == b"v=%7Battempt%7D"


@pytest.mark.parametrize(
    ("change", "params"),
    [
        ({}, {}),
        ({"form": {"v": {"deep": "{v}"}}}, {"v": "1"}),
        ({"path": "/x/{v}"}, {"v": ".."}),
        ({"path": "/x/{w?}"}, {"v": "1"}),
        ({"path": "/x/{v}"}, {"v": "\ud800"}),
        ({}, {"v": "\ud800"}),
    ],
    ids=["missing", "table in a form", "climbing", "optional in a path", "surrogate in a path", "surrogate"],
)
def test_what_cannot_be_sent_is_refused_without_its_value(change: dict[str, Any], params: dict[str, str]) -> None:
    """The refusal names parameters, never values."""
    with pytest.raises(UnsendableError) as caught:
        rendered(replace(PLAIN, **change), **params)
    assert "\ud800" not in str(caught.value)


@given(st.text(), st.text())
def test_a_header_carries_one_line_of_printable_ascii(name: str, value: str) -> None:
    """Whatever passes the check holds no line break, no control and nothing beyond ASCII."""
    try:
        check_header("X-" + name, value)
    except UnsendableError:
        return
    assert all(32 <= ord(character) < 127 for character in name + value)
    assert ":" not in name


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7fb", " a", "a ", "é"])
def test_header_injection_is_refused(value: str) -> None:
    """CR, LF, NUL, controls, edge spaces and non-ASCII never travel."""
    with pytest.raises(UnsendableError):
        check_header("X-Label", value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@api.example.com:8443/check/a@b?key=1#x", "https://api.example.com:8443/…"),
        ("http://[::1]:8000/x", "http://[::1]:8000/…"),
        ("https://api.example.com", "https://api.example.com/…"),
        ("not a url", "…"),
        ("http://[broken", "…"),
    ],
)
def test_a_shown_url_is_its_origin(url: str, shown: str) -> None:
    """User, path, query and fragment never appear."""
    assert shown_url(url) == shown
