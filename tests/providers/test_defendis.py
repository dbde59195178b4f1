"""Defendis: every status of its page, the page's five bodies word for word, and the traps of its errors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from runner.domain.backoff import asked_seconds
from runner.domain.body import parse_body
from runner.domain.columns import project
from runner.domain.decide import is_in_doubt
from runner.domain.model import Action, Answer, Debited, Fault, Verdict
from runner.domain.provider import InputKind, Limit, Operation, Retry, SecretRef
from runner.domain.rules import classify
from runner.providers.examples import check_examples
from runner.providers.loader import load
from runner.transport.template import render

DEFENDIS = load("defendis")
EMAIL = DEFENDIS.operations["email"]
POST = replace(EMAIL, method="POST", safe=False)
SUCCEED, HALT, PAUSE, RETRY, FAIL = Action.SUCCEED, Action.HALT, Action.PAUSE, Action.RETRY, Action.FAIL

# "Common examples" of the page, as they stand there.
MISSING_KEY = '{ "error": "Missing API key" }'
SCOPE = '{ "error": "You don\'t have permission to view this" }'
BILLING = '{ "error": "Enterprise billing access denied", "reason": "payment_unpaid", "status": "unpaid" }'
QUOTA = '{ "error": "quota_domains_reached", "metric": "domains", "used": 10, "limit": 10, "requestedIncrement": 1 }'
RATE = '{ "error": "Rate limit exceeded" }'

HTML = "<html><body>Sorry</body></html>"


def judge(status: int, body: Any = "", *, operation: Operation = EMAIL, **headers: str) -> Verdict:
    text = body if isinstance(body, str) else json.dumps(body)
    told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return classify(DEFENDIS, operation, Answer(status=status, headers=told, body=text.encode()))


@pytest.mark.parametrize(
    ("status", "body", "rule", "action", "message"),
    [
        (401, MISSING_KEY, "missing-key", HALT, "Missing API key"),
        (403, SCOPE, "out-of-scope", FAIL, "You don't have permission to view this"),
        (403, BILLING, "billing-denied", HALT, "Enterprise billing access denied"),
        (409, QUOTA, "workspace-quota", HALT, "quota_domains_reached"),
        (429, RATE, "429", PAUSE, "Rate limit exceeded"),
    ],
)
def test_the_five_bodies_of_the_page(status, body, rule, action, message):
    """Each of the page's examples leads where its text says, costs nothing, and its words reach the person."""
    verdict = judge(status, body)
    assert (verdict.rule, verdict.action, verdict.debited) == (rule, action, Debited.NO)
    assert (verdict.error_message, verdict.recognised) == (message, True)
    assert verdict.advice
    shown = [parse_body(one.answer).value for one in DEFENDIS.examples if one.rule == rule]
    assert json.loads(body) in shown


STATUSES = {
    400: ("bad-request", FAIL),
    401: ("invalid-key", HALT),
    402: ("payment-required", HALT),
    403: ("out-of-scope", FAIL),
    404: ("not-found", FAIL),
    405: ("other-refusal", FAIL),
    408: ("server-error", RETRY),
    409: ("conflict", FAIL),
    413: ("other-refusal", FAIL),
    415: ("other-refusal", FAIL),
    422: ("other-refusal", FAIL),
    429: ("429", PAUSE),
    500: ("server-error", RETRY),
    502: ("server-error", RETRY),
    503: ("server-error", RETRY),
    504: ("server-error", RETRY),
    507: ("server-error", RETRY),
    599: ("server-error", RETRY),
    301: ("other-refusal", FAIL),
    302: ("other-refusal", FAIL),
    308: ("other-refusal", FAIL),
}

ODD_BODIES = [
    "",
    HTML,
    "[]",
    "null",
    '"no"',
    '{"error": "Something they never said before"}',
    '{"error": "x", "message": "y", "trace": {"id": 7}, "docs": ["z"]}',
    '{"error": {"code": "nested"}}',
    '{"error": null}',
]


@pytest.mark.parametrize("body", ODD_BODIES)
@pytest.mark.parametrize("status", STATUSES)
def test_the_status_decides_whatever_the_text(status, body):
    """Unfamiliar texts, extra keys, other shapes, web pages and nothing at all: the HTTP status says what to do."""
    verdict = judge(status, body)
    assert (verdict.rule, verdict.action) == STATUSES[status]
    assert verdict.debited is Debited.NO
    assert verdict.advice


@pytest.mark.parametrize(
    ("status", "halt_after", "unproven"),
    [(400, None, True), (403, 5, True), (404, None, True), (405, None, True), (409, 5, False), (301, None, True)],
)
def test_what_halts_when_it_is_not_one_row(status, halt_after, unproven):
    """Odd requests halt until one succeeded; rows out of scope, and conflicts, when five come in a row."""
    verdict = judge(status, '{"error": "no"}')
    assert (verdict.action, verdict.halt_after, verdict.unproven_halt) == (FAIL, halt_after, unproven)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (BILLING, "billing-denied"),
        ({"error": "Access denied", "reason": "payment_overdue"}, "billing-denied"),
        ({"error": "Access denied", "status": "unpaid"}, "billing-denied"),
        ({"error": "Enterprise BILLING access denied"}, "billing-denied"),
        ({"error": "denied", "reason": None}, "out-of-scope"),
        ({"error": "denied", "status": 403}, "out-of-scope"),
        ({"error": "denied", "status": False}, "out-of-scope"),
        ({"message": "billing"}, "out-of-scope"),
        ({"error": "You may not see this", "requestedDomain": "example.com"}, "out-of-scope"),
        (SCOPE, "out-of-scope"),
    ],
)
def test_403_has_two_meanings(body, rule):
    """A bill halts everything, a row out of scope fails alone: told apart by `reason` and `status`, by text last."""
    verdict = judge(403, body)
    assert verdict.rule == rule
    assert verdict.action is (HALT if rule == "billing-denied" else FAIL)


def test_the_reason_of_a_billing_halt_reaches_the_person():
    """`reason` is shown like a code beside their words; no other error of theirs has one."""
    assert judge(403, BILLING).error_code == "payment_unpaid"
    assert judge(403, SCOPE).error_code is None
    assert judge(409, QUOTA).error_code is None


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (QUOTA, "workspace-quota"),
        ({"error": "quota_keywords_reached"}, "workspace-quota"),
        ({"error": "QUOTA_BINS_REACHED"}, "workspace-quota"),
        ({"error": "Too many", "metric": "bins"}, "workspace-quota"),
        ({"error": "Too many", "limit": 0}, "workspace-quota"),
        ({"error": "Version conflict"}, "conflict"),
        ({"error": "Version conflict", "limit": None}, "conflict"),
    ],
)
def test_409_is_a_quota_where_it_says_so(body, rule):
    """A quota does not reset with time: it halts and waits for nobody. Any other conflict fails its row."""
    verdict = judge(409, body)
    assert verdict.rule == rule
    assert verdict.action is (HALT if rule == "workspace-quota" else FAIL)
    assert (verdict.wait_seconds, verdict.until, verdict.attempts) == (None, None, None)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 507])
@pytest.mark.parametrize("body", ["", HTML, '{"error": "down"}'])
def test_a_5xx_is_repeated_for_a_get_alone(status, body):
    """A GET is tried again and owes nothing; what changes something is in doubt, and is not sent again by itself."""
    get, post = judge(status, body), judge(status, body, operation=POST)
    assert (get.rule, get.action, get.debited) == ("server-error", RETRY, Debited.NO)
    assert (post.rule, post.debited, post.resend) == ("effect-unknown", Debited.UNKNOWN, False)
    answer = Answer(status=status, body=body.encode())
    assert is_in_doubt(answer, post, safe=False)
    assert not is_in_doubt(answer, get, safe=True)


def test_a_lost_answer_is_in_doubt_for_writes_alone():
    """The snippet of their page repeats network errors of a GET; it does not send anything else."""
    lost = Answer(fault=Fault.NO_ANSWER)
    get, post = classify(DEFENDIS, EMAIL, lost), classify(DEFENDIS, POST, lost)
    assert (get.rule, get.action, get.debited) == ("no-answer", RETRY, Debited.NO)
    assert (post.rule, post.debited) == ("effect-unknown", Debited.UNKNOWN)
    assert is_in_doubt(lost, post, safe=False)
    assert classify(DEFENDIS, EMAIL, Answer(fault=Fault.TLS)).action is HALT


@pytest.mark.parametrize("status", [408, 429])
def test_refused_before_work_is_so_for_a_post_too(status):
    """429 and 408 are refusals whatever the method; a POST after 408 is not sent again by itself."""
    verdict = judge(status, operation=POST)
    assert (verdict.debited, verdict.action) == (Debited.NO, PAUSE if status == 429 else FAIL)


def test_a_rate_limit_waits_longer_each_time_up_to_a_minute():
    """No window is published: 1 s, doubling to 60 s, unless they say when; no attempt is spent on it."""
    verdict = judge(429, RATE)
    assert (verdict.wait_seconds, verdict.wait_cap_seconds, verdict.outage) == (1, 60, False)
    assert asked_seconds(judge(429, RATE, retry_after="17"), now_us=0) == 17
    assert asked_seconds(judge(503, "", retry_after="9"), now_us=0) == 9


@pytest.mark.parametrize("status", [200, 201, 206])
@pytest.mark.parametrize("data", [[], [{}], {}, {"credentials": 1}])
def test_any_2xx_with_data_is_a_success(status, data):
    """A list or an object under `data`; nothing is charged."""
    verdict = judge(status, {"data": data})
    assert (verdict.rule, verdict.action, verdict.debited) == ("success", SUCCEED, Debited.NO)


@pytest.mark.parametrize(
    "body",
    ["", HTML, "[]", "null", "{}", '{"data": null}', '{"data": "x"}', '{"status": "ok"}', '{"status": true}', "{"],
)
@pytest.mark.parametrize("status", [200, 204])
def test_a_2xx_without_data_is_asked_once_more(status, body):
    """Not their form, a truthy `status` among them: never a success, and a read costs nothing to repeat."""
    verdict = judge(status, body)
    assert (verdict.rule, verdict.action, verdict.attempts) == ("unreadable", RETRY, 2)
    assert judge(status, body, operation=POST).debited is Debited.UNKNOWN


@pytest.mark.parametrize("name", ["email", "domain"])
@pytest.mark.parametrize(
    ("body", "found", "count", "truncated"),
    [
        ({"data": [{}, {}], "paging": {"totalRecords": 2, "hasMore": False}}, True, 2, False),
        ({"data": [{}, {}], "paging": {"totalRecords": 137, "hasMore": True, "nextPage": 2}}, True, 137, True),
        ({"data": [], "paging": {"totalRecords": 0, "hasMore": False}}, False, 0, False),
        ({"data": [{}]}, True, 1, False),
        ({"data": []}, False, 0, False),
        ({"data": [{}], "paging": None}, True, 1, False),
        ({"data": {}}, None, None, False),
        ({"data": {"a": 1, "b": 2}, "paging": {"hasMore": "true"}}, None, None, False),
    ],
)
def test_leaks_are_counted_from_the_first_page(name, body, found, count, truncated):
    """By `totalRecords`, else by the list's length; an object is no list of leaks, and nobody guesses from it."""
    parsed = parse_body(Answer(status=200, body=json.dumps(body).encode()))
    hit, values = project(DEFENDIS.operations[name], parsed)
    assert hit is found
    assert values == {"leak_count": count, "truncated": truncated}


SECRET = "hunter2-fake"


@pytest.mark.parametrize("name", ["email", "domain", "stats"])
@pytest.mark.parametrize(
    "data",
    [
        [{"password": SECRET}],
        [SECRET],
        {"password": SECRET, "total": 1},
        {"topPasswords": [SECRET], "byPassword": {SECRET: 3}, "total": 1},
    ],
)
def test_no_record_body_reaches_a_column(name, data):
    """A record may hold a password in plain text: only numbers, and the names beside them, are exported."""
    body = {"data": data, "paging": {"totalRecords": 1, "hasMore": False}}
    _, values = project(DEFENDIS.operations[name], parse_body(Answer(status=200, body=json.dumps(body).encode())))
    assert SECRET not in json.dumps(values)
    assert values


def test_statistics_are_their_numbers_by_name():
    """The names of the counts and the counts, in the same order."""
    parsed = parse_body(Answer(status=200, body=b'{"data": {"credentials": 7, "note": "x", "documents": 0}}'))
    _, values = project(DEFENDIS.operations["stats"], parsed)
    assert values == {"stat_names": ["credentials", "documents"], "stat_values": [7, 0]}


def test_requests_pace_and_key():
    """Three reads with their query; one a second to begin with; six attempts; ids both ways; a health call."""
    paths = {
        "email": "/api/v1/dataleaks/credentials/email",
        "domain": "/api/v1/dataleaks/credentials",
        "stats": "/api/v1/dataleaks/stats",
    }
    for name, operation in DEFENDIS.operations.items():
        param = operation.inputs[0].name
        request = render(DEFENDIS.http, operation, {param: "a+b@example.com"}, attempt_id="abcdefghijklmnop")
        assert request.url == f"https://api.defendis.ai{paths[name]}?{param}=a%2Bb%40example.com"
        assert (request.method, request.path, request.body) == ("GET", paths[name], b"")
        assert ("X-Request-Id", "abcdefghijklmnop") in request.headers
        assert (operation.safe, operation.price) == (True, 0)
    assert [one.inputs[0].kind for one in DEFENDIS.operations.values()] == [
        InputKind.EMAIL,
        InputKind.DOMAIN,
        InputKind.DOMAIN,
    ]
    assert DEFENDIS.limits == (Limit(at_most=1, per_seconds=1),)
    assert DEFENDIS.retry == Retry(attempts=6, base_seconds=0.5, cap_seconds=30)
    http = DEFENDIS.http
    assert (http.auth.kind, http.auth.secret) == ("bearer", SecretRef(env="DEFENDIS_API_KEY"))
    assert (http.timeout_seconds, http.health) == (30, "/health")
    assert judge(500, "", x_request_id="their-id").provider_request_id == "their-id"


def test_every_example_leads_where_it_says():
    """The profile's own examples, at all three operations; no phone numbers here."""
    results = check_examples(DEFENDIS)
    assert all(result.passed for result in results)
    assert {result.operation for result in results} == {"defendis.email", "defendis.domain", "defendis.stats"}
