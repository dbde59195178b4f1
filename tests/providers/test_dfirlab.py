"""DFIR Lab: its statuses, types, codes and their old names; a code before a type before a status."""

from __future__ import annotations

import pytest

from runner.domain.backoff import asked_seconds, gate_wait
from runner.domain.body import parse_body
from runner.domain.model import Action, Debited
from runner.domain.provider import Condition
from runner.domain.rules import fits
from runner.providers.examples import check_examples
from tests.providers.dfirlab import DFIR, HTML, error, judge

HALT, PAUSE, RETRY, FAIL = Action.HALT, Action.PAUSE, Action.RETRY, Action.FAIL

NOW_US = 1_800_000_000_000_000
NOW = NOW_US // 1_000_000

# code: its type on the page, and what to do
CODES = {
    "missing_authorization": ("authentication_error", HALT),
    "invalid_authorization_format": ("authentication_error", HALT),
    "api_key_invalid": ("authentication_error", HALT),
    "key_expired": ("authentication_error", HALT),
    "key_revoked": ("authentication_error", HALT),
    "validation_service_unavailable": ("authentication_error", PAUSE),
    "insufficient_permissions": ("authorization_error", HALT),
    "plan_insufficient": ("authorization_error", HALT),
    "insufficient_credits": ("insufficient_credits", HALT),
    "invalid_content_type": ("invalid_request", HALT),
    "payload_too_large": ("invalid_request", FAIL),
    "invalid_json": ("invalid_request", FAIL),
    "RATE_LIMIT_EXCEEDED": ("rate_limit_exceeded", PAUSE),
}

ALIASES = {
    "api_key_missing": "missing_authorization",
    "api_key_expired": "key_expired",
    "api_key_revoked": "key_revoked",
    "plan_required": "plan_insufficient",
    "rate_limit_exceeded": "RATE_LIMIT_EXCEEDED",
}

TYPES = {
    "authentication_error": ("authentication-error", HALT, Debited.NO),
    "authorization_error": ("authorization-error", HALT, Debited.NO),
    "invalid_request": ("invalid-request", FAIL, Debited.NO),
    "rate_limit_exceeded": ("too-many-requests", PAUSE, Debited.NO),
    "insufficient_credits": ("out-of-credits", HALT, Debited.NO),
    "internal_error": ("internal-error", RETRY, Debited.UNKNOWN),
    "service_unavailable": ("service-unavailable", RETRY, Debited.UNKNOWN),
}

STATUSES = {
    400: ("400", FAIL, Debited.NO),
    401: ("401", HALT, Debited.NO),
    402: ("402", HALT, Debited.NO),
    413: ("413", FAIL, Debited.NO),
    415: ("415", HALT, Debited.NO),
    429: ("429", PAUSE, Debited.NO),
    500: ("server-error", RETRY, Debited.UNKNOWN),
    502: ("server-error", RETRY, Debited.UNKNOWN),
    503: ("server-error", RETRY, Debited.UNKNOWN),
    504: ("server-error", RETRY, Debited.UNKNOWN),
    520: ("server-error", RETRY, Debited.UNKNOWN),
    301: ("wrong-address", FAIL, Debited.NO),
    308: ("wrong-address", FAIL, Debited.NO),
    404: ("wrong-address", FAIL, Debited.NO),
    405: ("wrong-address", FAIL, Debited.NO),
    409: ("other-refusal", FAIL, Debited.NO),
    422: ("other-refusal", FAIL, Debited.NO),
}

ALL_STATUSES = [200, 400, 401, 402, 403, 413, 415, 429, 500, 502, 503]


def by_code(code: str) -> str:
    """The rule named after a code of the page."""
    return code.lower().replace("_", "-")


@pytest.mark.parametrize("operation", list(DFIR.operations))
@pytest.mark.parametrize("status", ALL_STATUSES)
@pytest.mark.parametrize("code", CODES)
def test_a_code_decides_whatever_the_type_and_the_status(code, status, operation):
    """Each of the 13 codes means the same with every status, costs nothing, and its words reach the person."""
    type_, action = CODES[code]
    verdict = judge(status, error(code, type_), operation)
    assert (verdict.rule, verdict.action, verdict.debited) == (by_code(code), action, Debited.NO)
    assert (verdict.error_code, verdict.error_message, verdict.recognised) == (code, "said so", True)
    assert verdict.provider_request_id == "req_1"
    assert verdict.advice


@pytest.mark.parametrize("type_", [*TYPES, "brand_new", None])
@pytest.mark.parametrize("code", CODES)
def test_a_code_beats_every_type(code, type_):
    """Whatever type it comes with, known, new or none: the code decides."""
    assert judge(400, error(code, type_)).rule == by_code(code)


@pytest.mark.parametrize("status", ALL_STATUSES)
@pytest.mark.parametrize("alias", ALIASES)
def test_old_names_of_codes_mean_the_same(alias, status):
    """Five codes of older versions of the page are read as their successors."""
    old, new = judge(status, error(alias)), judge(status, error(ALIASES[alias]))
    assert old.rule == new.rule == by_code(ALIASES[alias])


@pytest.mark.parametrize("code", [*CODES, *ALIASES])
@pytest.mark.parametrize("spell", [str.upper, str.lower, str.title, lambda text: f" {text}\n"])
def test_case_and_blanks_of_a_code_do_not_matter(code, spell):
    """The page writes one of its codes in capitals and the type of the same name small."""
    assert judge(400, error(spell(code))).rule == by_code(ALIASES.get(code, code))


@pytest.mark.parametrize("code", ["something_new", None])
@pytest.mark.parametrize("status", ALL_STATUSES)
@pytest.mark.parametrize("type_", TYPES)
def test_without_a_known_code_the_type_decides(type_, status, code):
    """Each of the 7 types, in any case, with a code of tomorrow or none, beats the HTTP status."""
    for spelled in (type_, type_.upper()):
        verdict = judge(status, error(code, spelled))
        assert (verdict.rule, verdict.action, verdict.debited) == TYPES[type_]


@pytest.mark.parametrize(
    "body",
    [
        "",
        HTML,
        "[]",
        "null",
        "{}",
        '{"error": "Plain text"}',
        '{"error": {"type": "new", "code": "new"}}',
        '{"error": {}}',
    ],
)
@pytest.mark.parametrize("status", STATUSES)
def test_without_both_the_status_decides(status, body):
    """No envelope of theirs, or one that says nothing known: the HTTP status, what was refused before work is free."""
    verdict = judge(status, body)
    rule, action, debited = STATUSES[status]
    assert (verdict.rule, verdict.action) == (rule, action)
    told = "new" in body and status in {409, 422}  # an error of theirs that nobody documented
    assert verdict.debited is (Debited.UNKNOWN if told else debited)
    assert verdict.advice


@pytest.mark.parametrize(
    ("body", "rule"),
    [(HTML, "blocked"), ("", "blocked"), ("{}", "blocked"), ('{"error": "no"}', "403"), (error("new"), "403")],
)
def test_a_403_that_is_not_theirs_was_blocked_on_the_way(body, rule):
    """A page in place of an error comes from something in front of them."""
    verdict = judge(403, body)
    assert (verdict.rule, verdict.action, verdict.debited) == (rule, HALT, Debited.NO)


@pytest.mark.parametrize("status", [200, 401, 403, 500, 503])
def test_their_key_check_being_down_is_no_wrong_key(status):
    """Typed authentication_error, but transient: the lane waits 1 to 60 s, and it never ends as a rate limit."""
    verdict = judge(status, error("validation_service_unavailable", "authentication_error"))
    assert (verdict.action, verdict.outage, verdict.debited) == (PAUSE, True, Debited.NO)
    assert (verdict.wait_seconds, verdict.wait_cap_seconds) == (1, 60)
    assert not judge(429).outage


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "17"}, 17.0),
        ({"Retry_After": "0"}, 1.0),
        ({"Retry_After": "Fri, 15 Jan 2027 08:00:25 GMT"}, 25.0),
        ({"Retry_After": "soon", "X_RateLimit_Reset": str(NOW + 42)}, 42.0),
        ({"Retry_After": "5", "X_RateLimit_Reset": str(NOW + 42)}, 5.0),
        ({"X_RateLimit_Reset": str(NOW + 42)}, 42.0),
        ({"X_RateLimit_Reset": str(NOW - 5)}, 1.0),
        ({"Retry_After": "soon"}, 60.0),
        ({"X_RateLimit_Reset": "soon"}, 60.0),
        ({"Retry_After": "-3"}, 60.0),
        ({}, 60.0),
    ],
)
@pytest.mark.parametrize(
    "body", ["", error("RATE_LIMIT_EXCEEDED", "rate_limit_exceeded"), error(None, "rate_limit_exceeded")]
)
def test_a_429_waits_as_told_else_a_minute(headers, seconds, body):
    """Retry-After in seconds or as a date, else the reset's instant, else 60 s: a whole window, not 5 s."""
    verdict = judge(429, body, **headers)
    given = asked_seconds(verdict, now_us=NOW_US)
    waited = gate_wait(
        1,
        wait_seconds=verdict.wait_seconds,
        wait_cap_seconds=verdict.wait_cap_seconds,
        retry_after_seconds=given,
        chance=0.0,
    )
    assert (verdict.action, verdict.debited, waited) == (PAUSE, Debited.NO, seconds)


@pytest.mark.parametrize(
    ("status", "body", "halt_after", "unproven"),
    [
        (400, "", 5, True),
        (400, error("missing_field", "invalid_request"), 5, True),
        (400, error("invalid_json", "invalid_request"), None, True),
        (404, HTML, None, True),
        (301, "", None, True),
        (422, "{}", None, True),
        (413, "", None, False),
        (413, error("payload_too_large", "invalid_request"), None, False),
    ],
)
def test_what_halts_when_it_is_not_one_row(status, body, halt_after, unproven):
    """A request built wrong halts before the first success, a refused value after five in a row; a large one never."""
    verdict = judge(status, body)
    assert (verdict.action, verdict.halt_after, verdict.unproven_halt) == (FAIL, halt_after, unproven)


@pytest.mark.parametrize("value", ["text", None, 7, [], {"code": ["api_key_invalid"]}, {"code": True}, {"type": {}}])
def test_any_shape_of_error_gets_a_verdict(value):
    """Older clients read `error` as a text; whatever it is, the status then decides."""
    assert judge(401, {"error": value}).rule == "401"


def test_everything_the_page_lists_has_an_example():
    """13 codes, 5 old ones, 7 types and 10 statuses appear among the profile's examples, each code in its own rule."""
    bodies = [parse_body(one.answer).value for one in DFIR.examples]
    errors = [body["error"] for body in bodies if isinstance(body, dict) and isinstance(body.get("error"), dict)]
    assert len(CODES) == 13
    assert {one.get("code") for one in errors} >= CODES.keys() | ALIASES.keys()
    assert {one.get("type") for one in errors} >= TYPES.keys()
    assert {one.answer.status for one in DFIR.examples} >= {200, 400, 401, 402, 403, 413, 415, 429, 500, 503}
    assert all(any(fits(code, pattern) for pattern in every_code()) for code in [*CODES, *ALIASES])


def every_code() -> list[str]:
    conditions: list[Condition] = [condition for rule in DFIR.rules for condition in rule.when]
    return [code for condition in conditions for code in condition.code]


def test_codes_come_before_types_and_types_before_statuses():
    """Over the whole table: no rule by type stands above one by code, none by status above one by type."""
    own = [rule for rule in DFIR.rules if not (rule.built_in or rule.is_catch_all() or rule.then is Action.SUCCEED)]
    ranks = [1 if rule.when[0].code else 2 if rule.when[0].type_ else 3 for rule in own]
    assert ranks == sorted(ranks)
    assert all(bool(one.code) + bool(one.type_) <= 1 for rule in own for one in rule.when)


def test_every_example_leads_where_it_says():
    """The profile's own examples, at all three operations."""
    results = check_examples(DFIR)
    assert all(result.passed for result in results)
    assert {result.operation for result in results} == {"dfirlab.email", "dfirlab.domain", "dfirlab.phishing"}
