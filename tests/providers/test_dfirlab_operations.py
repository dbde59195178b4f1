"""DFIR Lab: what is asked and what is read: requests, pace, prices, key, columns."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from runner.domain.body import parse_body
from runner.domain.columns import project
from runner.domain.model import Answer
from runner.domain.provider import InputKind, Learn, Limit, Lookup, SecretRef
from runner.transport.template import render
from tests.providers.dfirlab import DFIR


def columns(operation: str, body: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    _, values = project(DFIR.operations[operation], parse_body(Answer(status=200, body=text.encode())))
    return values


def test_columns_of_a_lookup():
    """The verdict with the providers that flagged it, those that knew nothing, and the credits."""
    first = next(one for one in DFIR.examples if one.operation == "email")
    assert columns("email", first.answer.body.decode()) == {
        "verdict": "suspicious",
        "score": 42,
        "providers_flagged_count": 2,
        "providers_unknown_count": 1,
        "enriched_at": "2026-11-20T09:00:00Z",
        "credits_used": 3,
        "credits_remaining": 97,
        "request_id": "req_00000000-0000-0000-0000-000000000001",
    }
    assert columns("domain", first.answer.body.decode())["verdict"] == "suspicious"


@pytest.mark.parametrize(
    "data", [{}, {"results": []}, {"results": [{}]}, {"results": None}, {"results": [{"providers": []}]}]
)
def test_every_field_is_optional(data):
    """Whatever is missing is an empty column."""
    assert set(columns("email", {"data": data}).values()) == {None}


@pytest.mark.parametrize(
    ("data", "verdict", "score", "summary"),
    [
        ({"verdict": "suspicious", "score": 55}, "suspicious", 55, None),
        ({"verdict": "clean"}, "clean", None, None),
        (
            {"verdict": {"level": "highly_malicious", "score": 96, "summary": "Asks for a password"}},
            "highly_malicious",
            96,
            "Asks for a password",
        ),
        ({"verdict": {"level": "safe", "score": 0}, "score": 7}, "safe", 0, None),
        ({}, None, None, None),
    ],
)
def test_the_verdict_on_a_message_is_a_text_or_an_object(data, verdict, score, summary):
    """Their page shows a text, their own client reads level, score and summary."""
    values = columns("phishing", {"data": data})
    assert (values["verdict"], values["score"], values["summary"]) == (verdict, score, summary)


def test_requests_pace_prices_and_key():
    """JSON by POST; 3 to 5 credits a lookup, 1 a message; 20 a minute until they say how many; a key's beginning."""
    for kind, value in (("email", "a+b@example.com"), ("domain", "example.com")):
        operation = DFIR.operations[kind]
        request = render(DFIR.http, operation, {kind: value}, attempt_id="abcdefghijklmnop")
        assert (request.method, request.url) == ("POST", "https://api.dfir-lab.ch/v1/enrichment/lookup")
        assert json.loads(request.body) == {"indicators": [{"type": kind, "value": value}]}
        assert {"content-type": "application/json", "X-Request-Id": "abcdefghijklmnop"}.items() <= dict(
            request.headers
        ).items()
        assert (operation.price, operation.price_max, operation.unit) == (3_000_000, 5_000_000, "credit")
    phishing = DFIR.operations["phishing"]
    (message,) = phishing.inputs
    assert (message.kind, message.max, message.required) == (InputKind.FILE, 5_000_000, True)
    assert (phishing.path, phishing.json) == ("/phishing/analyze", {"raw_email": "{message}"})
    assert (phishing.price, phishing.unit) == (1_000_000, "credit")
    assert not any(operation.safe for operation in DFIR.operations.values())
    learn = Learn(header="X-RateLimit-Limit", share=0.9)
    assert DFIR.limits == (Limit(at_most=20, per_seconds=60, learn=learn),)
    assert (DFIR.http.auth.kind, DFIR.http.auth.secret) == ("bearer", SecretRef(env="DFIRLAB_API_KEY"))
    assert DFIR.http.health == "/health"
    assert DFIR.http.charge == (Lookup(body="meta.credits_used"), Lookup(header="X-Credits-Used"))
    assert DFIR.http.balance == (Lookup(body="meta.credits_remaining"), Lookup(header="X-Credits-Remaining"))
    assert DFIR.http.timeout_seconds > 60  # what they may take: an answer on its way then is paid for


@pytest.mark.parametrize(
    ("key", "fitting"),
    [
        ("sk-dfir-" + "0" * 32, True),
        ("sk-dfir-obviously-fake-and-shorter", True),
        ("obviously-fake-0000", False),
        ("SK-DFIR-obviously-fake", False),
        ("x sk-dfir-obviously-fake", False),
    ],
)
def test_a_key_is_known_by_its_beginning(key, fitting):
    """Their message names the beginning alone; a key of another length is theirs to refuse."""
    assert DFIR.http.auth.pattern is not None
    assert bool(re.search(DFIR.http.auth.pattern, key)) is fitting


def test_no_operation_takes_a_phone():
    """They know no phone numbers: a list of them has nothing to be sent to."""
    kinds = {one.kind for operation in DFIR.operations.values() for one in operation.inputs}
    assert kinds == {InputKind.EMAIL, InputKind.DOMAIN, InputKind.FILE}
