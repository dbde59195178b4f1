"""Defastra: every error its page lists, with any HTTP status; the traps of that page; its columns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.domain.body import parse_body
from runner.domain.columns import project
from runner.domain.model import Action, Answer, Debited, Fault, Verdict
from runner.domain.provider import Limit, SecretRef
from runner.domain.rules import classify
from runner.providers.examples import check_examples
from runner.providers.loader import load

DEFASTRA = load("defastra")
HALT, PAUSE, RETRY, FAIL = Action.HALT, Action.PAUSE, Action.RETRY, Action.FAIL

DOCUMENTED = {
    "INSUFFICIENT_FUNDS": HALT,
    "INVALID_REQUEST_TYPE": HALT,
    "INVALID_API_KEY": HALT,
    "NO_KEY": HALT,
    "INACTIVE_API_KEY": HALT,
    "SYSTEM_ERROR": RETRY,
    "UNHANDLED_EXCEPTION": RETRY,
    "SYSTEM_UNAVAILABLE": RETRY,
    "RATE_LIMITED_1_MINUTE": PAUSE,
    "RATE_LIMITED_5_SECONDS": PAUSE,
    "RATE_LIMITED_60_PER_MINUTE": PAUSE,
    "RATE_LIMITED_2_PER_SECOND": PAUSE,
    "INACTIVE_API_ACCESS": HALT,
    "INVALID_REQUEST_TIMEOUT": HALT,
    "INVALID_REQUEST_PHONE": FAIL,
    "INVALID_REQUEST_EMAIL": FAIL,
    "INVALID_PARAMETER": FAIL,
    "INVALID_LABEL": HALT,
    "INACTIVE_TEAM_USER": HALT,
    "DAILY_CHECK_LIMIT": PAUSE,
    "INVALID_PERMISSION": HALT,
}

STATUSES = [200, 400, 401, 402, 403, 404, 429, 500, 502, 503]


def judge(body: Any, status: int = 200, operation: str = "email") -> Verdict:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify(DEFASTRA, DEFASTRA.operations[operation], Answer(status=status, body=sent))


def refusal(code: Any, **more: Any) -> dict[str, Any]:
    return {"status": False, "error_type": code, "error_message": "said so"} | more


@pytest.mark.parametrize("operation", ["email", "phone"])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("code", DOCUMENTED)
def test_the_body_decides_whatever_the_status(code, status, operation):
    """Each of the 21 documented errors means the same with HTTP 200, 4xx and 5xx, and costs nothing."""
    verdict = judge(refusal(code), status, operation)
    assert (verdict.action, verdict.debited) == (DOCUMENTED[code], Debited.NO)
    assert verdict.recognised
    assert verdict.error_code == code
    assert verdict.error_message == "said so"
    assert verdict.advice
    assert verdict.rule == code.lower().replace("_", "-") or code.startswith("RATE_LIMITED_")


def test_there_are_21_and_each_has_an_example():
    """The page lists 21 errors; the profile's examples show every one of them."""
    shown = {classify_code(example.answer) for example in DEFASTRA.examples}
    assert len(DOCUMENTED) == 21
    assert shown >= DOCUMENTED.keys()


def classify_code(answer: Answer) -> str | None:
    return classify(DEFASTRA, DEFASTRA.operations["email"], answer).error_code


@pytest.mark.parametrize(
    ("code", "wait"),
    [
        ("RATE_LIMITED_1_MINUTE", 60),
        ("RATE_LIMITED_60_PER_MINUTE", 60),
        ("RATE_LIMITED_5_SECONDS", 5),
        ("RATE_LIMITED_2_PER_SECOND", 5),
        ("RATE_LIMITED_120_PER_MINUTE", 60),
        ("RATE_LIMITED_10_PER_SECOND", 5),
        ("RATE_LIMITED_1000_PER_DAY", 60),
        (" rate_limited_2_per_second ", 5),
    ],
)
def test_rate_limits_wait_by_their_name(code, wait):
    """Both spellings of each limit, and limits that come later: a minute waits 60 s, a second 5 s, others 60 s."""
    verdict = judge(refusal(code))
    assert (verdict.action, verdict.wait_seconds, verdict.wait_cap_seconds) == (PAUSE, wait, None)


def test_the_options_of_the_table():
    """The daily limit waits for midnight, an unknown error is tried twice, odd requests halt until one succeeded."""
    assert judge(refusal("DAILY_CHECK_LIMIT")).until == "utc-midnight"
    unknown = judge(refusal("BRAND_NEW"))
    assert (unknown.rule, unknown.action, unknown.attempts, unknown.debited) == ("unknown-error", RETRY, 2, Debited.NO)
    assert judge({"status": False}).rule == "unknown-error"
    assert judge(refusal(None)).rule == "unknown-error"
    assert judge(refusal("INVALID_PARAMETER")).unproven_halt
    assert judge(b"", 404).unproven_halt
    assert not judge(refusal("INVALID_REQUEST_EMAIL")).unproven_halt


@pytest.mark.parametrize("code", ["insufficient_funds", "  INSUFFICIENT_FUNDS\n", "Insufficient_Funds"])
def test_case_and_blanks_of_the_code_do_not_matter(code):
    """error_type is compared stripped and without case."""
    assert judge(refusal(code)).rule == "insufficient-funds"


@pytest.mark.parametrize("status", ["False", "false", "True", "true", 0, 1, None, "", [], {}])
def test_only_booleans_are_their_status(status):
    """`status` as a text, a number or null is no envelope of theirs: with HTTP 200 nobody knows what it cost."""
    verdict = judge(refusal("INVALID_API_KEY", status=status))
    assert (verdict.rule, verdict.action, verdict.debited) == ("unrecognised", RETRY, Debited.UNKNOWN)
    assert not verdict.recognised


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>Sorry</body></html>",
        b'{"status": true',
        b"[]",
        b"null",
        b"true",
        b'"ok"',
        b"{}",
        b"\xff\xfe\xff",
    ],
)
def test_a_200_that_is_not_theirs_is_in_doubt(body):
    """It may be a paid result: charge unknown, never a success."""
    verdict = judge(body)
    assert (verdict.rule, verdict.action, verdict.debited) == ("unrecognised", RETRY, Debited.UNKNOWN)


@pytest.mark.parametrize("body", [b"<html></html>", b"", b'{"message": "no"}', b'{"error_type": "INVALID_API_KEY"}'])
@pytest.mark.parametrize(
    ("status", "rule", "action", "debited"),
    [
        (429, "429", PAUSE, Debited.NO),
        (401, "access-refused", HALT, Debited.NO),
        (403, "access-refused", HALT, Debited.NO),
        (301, "not-their-answer", FAIL, Debited.NO),
        (308, "not-their-answer", FAIL, Debited.NO),
        (400, "not-their-answer", FAIL, Debited.NO),
        (404, "not-their-answer", FAIL, Debited.NO),
        (500, "server-error", RETRY, Debited.UNKNOWN),
        (504, "server-error", RETRY, Debited.UNKNOWN),
        (204, "unrecognised", RETRY, Debited.UNKNOWN),
    ],
)
def test_without_their_envelope_the_status_decides(body, status, rule, action, debited):
    """A gateway's page, or `status` missing: refused before work is not charged, a 5xx may be."""
    verdict = judge(body, status)
    assert (verdict.rule, verdict.action, verdict.debited) == (rule, action, debited)
    assert not verdict.resend


def test_status_true_is_a_success_with_any_http_status():
    """`status` is the success test of their page, and a success is what costs."""
    for status in (200, 201, 500):
        verdict = judge({"status": True}, status)
        assert (verdict.rule, verdict.action, verdict.debited) == ("success", Action.SUCCEED, Debited.YES)


def test_faults_have_the_built_in_rules():
    """A lost answer may be a completed check: their wallet promise does not cover it."""
    verdict = classify(DEFASTRA, DEFASTRA.operations["email"], Answer(fault=Fault.NO_ANSWER))
    assert (verdict.rule, verdict.action, verdict.debited) == ("no-answer", RETRY, Debited.UNKNOWN)


def test_every_example_leads_where_it_says():
    """The profile's own examples, at both operations."""
    results = check_examples(DEFASTRA)
    assert all(result.passed for result in results)
    assert {result.operation for result in results} == {"defastra.email", "defastra.phone"}


def test_pace_key_and_operations():
    """Limits, key, prices and parameters as documented; the label carries the attempt's id unless it is set."""
    assert DEFASTRA.limits == (Limit(at_most=60, per_seconds=60), Limit(at_most=2, per_seconds=1))
    assert (DEFASTRA.in_flight, DEFASTRA.http.timeout_seconds) == (5, 30)
    assert (DEFASTRA.http.auth.name, DEFASTRA.http.auth.secret) == ("X-API-KEY", SecretRef(env="DEFASTRA_API_KEY"))
    for name, operation in DEFASTRA.operations.items():
        assert (operation.method, operation.path) == ("POST", f"/deep_{name}_check")
        assert (operation.price, operation.unit, operation.safe) == (1_000_000, "check", False)
        first, timeout, label = operation.inputs
        assert (first.name, first.required) == (name, True)
        assert (timeout.of, timeout.required) == (("minimal", "normal", "extensive"), False)
        assert (label.max, label.default, label.required) == (30, "{attempt}", False)
    assert DEFASTRA.operations["phone"].inputs[0].send == "digits"


def test_columns_of_both_operations():
    """The columns worth having, from the example answers."""
    email, phone = (columns(name, DEFASTRA.examples[at].answer.body) for at, name in enumerate(("email", "phone")))
    assert email == {
        "risk_level": "medium",
        "risk_score": 12,
        "signals": ["EMAIL_DISPOSABLE"],
        "profiles_registered_count": 1,
        "profiles_registered": ["example_mail"],
        "profiles_error_count": 1,
        "deliverability": "deliverable",
        "creation_date": "2019-04-02",
        "data_breaches_count": 1,
        "domain": "example.com",
        "request_id": "req-000000000001",
        "wallet": 199,
    }
    assert phone["carrier"] == {"main_mobile_carrier_list": ["Example Mobile"]}
    assert (phone["location"]["city"], phone["os"], phone["profiles_registered"]) == (
        "Springfield", "android", ["example_chat"],
    )  # fmt: skip


def columns(operation: str, body: bytes) -> dict[str, Any]:
    found, values = project(DEFASTRA.operations[operation], parse_body(Answer(status=200, body=body)))
    assert found is None
    return values


@pytest.mark.parametrize(
    "payload", [{}, None, [], "x", {"online_profiles": None, "data_breaches": 3}, {"online_profiles": []}]
)
def test_every_field_is_optional(payload):
    """Their schema is not public: whatever is missing or odd is an empty column."""
    values = columns("email", json.dumps({"status": True, "deep_email_check": payload}).encode())
    assert set(values.values()) == {None}
    assert len(values) == 12


def test_request_id_and_wallet_are_looked_for_in_both_places():
    """At the top or in the payload; a wallet of 0 is a wallet."""
    inside = {"status": True, "deep_phone_check": {"request_id": "in", "wallet": 0}}
    values = columns("phone", json.dumps(inside).encode())
    assert (values["request_id"], values["wallet"]) == ("in", 0)
    assert judge(inside, operation="phone").provider_request_id == "in"
    assert judge(inside, operation="phone").balance == 0
    assert judge({"status": True, "wallet": 7}).balance == 7_000_000
    assert judge({"status": True}).balance is None
    assert judge({"status": True, "request_id": "top"}).provider_request_id == "top"
