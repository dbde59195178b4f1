"""Classification: total, first match wins, the money judged by what is known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.body import parse_body
from runner.domain.model import Action, Answer, Debited, Fault
from runner.domain.provider import Auth, Condition, Http, Lookup, Operation, Provider, Rule
from runner.domain.rules import CODE_CHARACTERS, MESSAGE_CHARACTERS, classify, kind_of, same_json

OPERATION = Operation(provider="acme", name="check", column_prefix="acme_check_", method="POST", path="/", inputs=())
HTTP = Http(
    base_url="https://api.example.com",
    auth=Auth(kind="none"),
    error_code="error.code",
    error_type="error.type",
    error_message="error.message",
    request_id=(Lookup(body="id"), Lookup(header="X-Request-Id")),
    wait_headers=(Lookup(header="Retry-After"), Lookup(header="X-RateLimit-Reset", form="unix")),
)
CATCH_ALL = Rule(name="unrecognised", when=(Condition(),), then=Action.RETRY, debited=Debited.UNKNOWN)


def provider(*rules: Rule, http: Http = HTTP) -> Provider:
    return Provider(name="acme", title="Acme", http=http, operations={"check": OPERATION}, rules=(*rules, CATCH_ALL))


def rule(name: str, *when: Condition, then: Action = Action.FAIL, debited: Debited = Debited.NO, **more: Any) -> Rule:
    return Rule(name=name, when=when, then=then, debited=debited, **more)


def answer(body: Any = None, status: int = 200, **headers: str) -> Answer:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status=status, headers=pairs, body=body if isinstance(body, bytes) else json.dumps(body).encode())


def name_of(condition: Condition, given_answer: Answer, operation: Operation = OPERATION) -> str:
    return classify(provider(rule("hit", condition)), operation, given_answer).rule


def hits(condition: Condition, given_answer: Answer, operation: Operation = OPERATION) -> bool:
    return name_of(condition, given_answer, operation) == "hit"


def test_the_first_match_wins():
    """Rules are asked from top to bottom."""
    one, two = rule("one", Condition(statuses=frozenset({404}))), rule("two", Condition(status_classes=frozenset({4})))
    judge = provider(one, two)
    assert classify(judge, OPERATION, answer(status=404)).rule == "one"
    assert classify(judge, OPERATION, answer(status=410)).rule == "two"
    assert classify(judge, OPERATION, answer(status=500)).rule == "unrecognised"


def test_conditions_are_joined():
    """Inside one condition all must hold; of several conditions one is enough."""
    both = Condition(statuses=frozenset({400}), has=("error",))
    assert hits(both, answer({"error": "x"}, 400))
    assert not hits(both, answer({}, 400))
    either = rule("hit", both, Condition(statuses=frozenset({410})))
    assert classify(provider(either), OPERATION, answer({}, 410)).rule == "hit"


@pytest.mark.parametrize("value", ["NO_FUNDS", "no_funds", "  No_Funds\n"])
def test_codes_are_compared_without_case_and_blanks(value):
    """Providers change case and add blanks; the code stays the same."""
    assert hits(Condition(code=("NO_FUNDS",)), answer({"error": {"code": value}}))
    assert hits(Condition(code=("no_*",)), answer({"error": {"code": value}}))
    assert hits(Condition(type_=("no_funds",)), answer({"error": {"type": value}}))
    assert not hits(Condition(code=("FUNDS",)), answer({"error": {"code": value}}))


def test_a_number_is_a_code():
    """Some providers number their errors; true is no number."""
    assert hits(Condition(code=("1002",)), answer({"error": {"code": 1002}}))
    assert not hits(Condition(code=("true",)), answer({"error": {"code": True}}))


@pytest.mark.parametrize("odd", [0, "false", "False", None, [], {}, "", 0.0])
def test_false_is_only_false(odd):
    """JSON equality: what looks like false in some language is not."""
    condition = Condition(equals={"status": False})
    assert hits(condition, answer({"status": False}))
    assert not hits(condition, answer({"status": odd}))
    assert not hits(condition, answer({}))


def test_the_other_conditions():
    """has wants something there, contains a part of a text, is a kind, safe the operation's own word."""
    assert hits(Condition(has=("a.b",)), answer({"a": {"b": 0}}))
    assert not hits(Condition(has=("a.b",)), answer({"a": {"b": None}}))
    assert hits(Condition(contains={"error": "BILLING"}), answer({"error": "Enterprise billing denied"}))
    assert not hits(Condition(contains={"error": "1"}), answer({"error": 1}))
    assert hits(Condition(is_={"error": "null"}), answer({"error": None}))
    assert not hits(Condition(is_={"error": "null"}), answer({}))
    assert not hits(Condition(safe=True), answer({}))
    assert hits(Condition(safe=True), answer({}), replace(OPERATION, safe=True))


def test_a_204_that_is_named_is_a_success_without_a_body():
    """It says that there is nothing; named by its class alone, or with bytes that cannot be read, it is none."""
    operation = replace(OPERATION, columns={"score": lambda value: value})
    named = rule("nothing", Condition(statuses=frozenset({204})), then=Action.SUCCEED, debited=Debited.YES)
    by_class = rule("nothing", Condition(status_classes=frozenset({2})), then=Action.SUCCEED, debited=Debited.YES)
    empty = Answer(status=204)
    verdict = classify(provider(named), operation, empty)
    assert (verdict.rule, verdict.action, verdict.debited) == ("nothing", Action.SUCCEED, Debited.YES)
    assert classify(provider(by_class), operation, empty).rule == "unrecognised"
    assert classify(provider(named), operation, replace(empty, body=b"<p>")).rule == "unrecognised"


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.WITHDRAWN])
def test_faults_match_their_condition_alone(fault):
    """A fault has neither status nor body."""
    assert hits(Condition(faults=frozenset({fault})), Answer(fault=fault))
    assert not hits(Condition(status_classes=frozenset({1, 2, 3, 4, 5})), Answer(fault=fault))
    assert not hits(Condition(is_={"a": "null"}), Answer(fault=fault))


def test_what_was_not_sent_was_not_charged():
    """Whatever a rule says: the provider never saw it."""
    for fault in (Fault.NOT_SENT, Fault.TLS, Fault.INVALID, Fault.WITHDRAWN):
        assert classify(provider(), OPERATION, Answer(fault=fault)).debited is Debited.NO
    assert classify(provider(), OPERATION, Answer(fault=Fault.NO_ANSWER)).debited is Debited.UNKNOWN


STRANGE = (b"<html></html>", b"", b'{"message": "no"}')


@pytest.mark.parametrize("status", [301, 307, 401, 404, 418, 499])
def test_a_refusal_in_front_of_the_provider_is_not_charged(status):
    """A 3xx or 4xx without the provider's envelope never reached its work; a 2xx or 5xx may have."""
    classes = Condition(status_classes=frozenset({status // 100}))
    by_class = provider(rule("by-class", classes, debited=Debited.UNKNOWN))
    for judge in (provider(), by_class):
        for body in STRANGE:
            assert classify(judge, OPERATION, answer(body, status)).debited is Debited.NO
        assert classify(judge, OPERATION, answer({"error": {"code": "NEW"}}, status)).debited is Debited.UNKNOWN
    assert classify(provider(), OPERATION, answer(b"", 200)).debited is Debited.UNKNOWN
    assert classify(provider(), OPERATION, answer(b"", 502)).debited is Debited.UNKNOWN


@pytest.mark.parametrize("status", [302, 408, 499])
def test_a_rule_that_names_the_status_knows_better(status):
    """Whoever wrote it has seen such an answer: unknown stays unknown."""
    judge = provider(rule("by-status", Condition(statuses=frozenset({status})), debited=Debited.UNKNOWN))
    for body in STRANGE:
        assert classify(judge, OPERATION, answer(body, status)).debited is Debited.UNKNOWN


@pytest.mark.parametrize("condition", [Condition(), Condition(statuses=frozenset({404}))], ids=["rest", "status"])
def test_a_stated_charge_stays(condition):
    """An API that charges for "not found", or for whatever it says, says so in its profile."""
    judge = provider(rule("charged", condition, debited=Debited.YES))
    assert classify(judge, OPERATION, answer(b"", 404)).debited is Debited.YES


def test_an_unreadable_answer_is_no_success():
    """Where columns are to be read, a body that cannot be falls through to the rules below."""
    judge = provider(rule("ok", Condition(statuses=frozenset({200})), then=Action.SUCCEED, debited=Debited.YES))
    with_columns = replace(OPERATION, columns={"score": lambda value: value})
    for body in (b"<html></html>", b"", b"{"):
        verdict = classify(judge, with_columns, answer(body))
        assert (verdict.rule, verdict.debited, verdict.recognised) == ("unrecognised", Debited.UNKNOWN, False)
        assert classify(judge, OPERATION, answer(body)).rule == "ok"
    cut = replace(answer(b"{}"), truncated=True)
    assert classify(judge, OPERATION, cut).rule == "unrecognised"


def test_recognised():
    """The catch-all recognises nothing, nor does anybody what cannot be read."""
    judge = provider(rule("refused", Condition(statuses=frozenset({400}))))
    assert classify(judge, OPERATION, answer({}, 400)).recognised
    assert not classify(judge, OPERATION, answer(b"", 400)).recognised
    assert not classify(judge, OPERATION, answer({})).recognised


def test_the_rule_s_options_are_handed_on():
    """Everything a rule says about waiting and trying reaches whoever decides."""
    options: dict[str, Any] = {
        "wait_seconds": 1.0,
        "wait_cap_seconds": 60.0,
        "attempts": 2,
        "resend": True,
        "unproven_halt": True,
    }
    told = rule("told", Condition(status_classes=frozenset({5})), until="utc-midnight", advice="Wait.", **options)
    verdict = classify(provider(told), OPERATION, answer({}, 503))
    assert {name: getattr(verdict, name) for name in options} == options
    assert (verdict.until, verdict.advice) == ("utc-midnight", "Wait.")


def test_the_provider_s_words_are_kept_bounded_and_printable():
    """Code, message and request id are stored and shown: no control characters, no endless text, no half characters."""
    code = "X" * 5000
    body = b'{"error": {"code": "%b", "message": "a\\u001b[2Jb\\ud800\\n\\u202e"}, "id": 7}' % code.encode()
    verdict = classify(provider(), OPERATION, answer(body))
    assert verdict.error_code == "X" * (CODE_CHARACTERS - 1) + "…"
    assert verdict.error_message == "a\\x1b[2Jb\\ud800\\n\\u202e"
    assert verdict.provider_request_id == "7"
    assert classify(provider(), OPERATION, answer({}, x_request_id=" r-1 ")).provider_request_id == "r-1"
    assert classify(provider(), OPERATION, answer({"error": {"message": ["a", 1]}})).error_message == '["a", 1]'


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ()),
        ({"retry_after": "30"}, (("30", False, 0),)),
        ({"retry_after": "soon", "x_ratelimit_reset": "9"}, (("soon", False, 0), ("9", True, 1))),
        ({"x_ratelimit_reset": "9"}, (("9", True, 1),)),
        ({"x_other": "9"}, ()),
    ],
)
def test_all_that_the_wait_headers_say_is_handed_on(headers, expected):
    """In the profile's order, with the provider's own clock; what it comes to is for whoever waits."""
    verdict = classify(provider(), OPERATION, answer({}, 429, date="now", **headers))
    assert (verdict.retry_after, verdict.told_at) == (expected, "now" if expected else None)


def test_a_wait_header_that_came_twice_is_handed_on_twice():
    """Two headers of one name: neither hides the other."""
    twice = Answer(status=429, headers=(("retry-after", "5"), ("retry-after", "9")))
    words = classify(provider(), OPERATION, twice).retry_after
    assert [(word.raw, word.place) for word in words] == [("5", 0), ("9", 0)]


def test_json_equality():
    """Numbers by value, booleans by themselves, objects without order."""
    assert same_json(1, 1.0)
    assert not same_json(1, True)
    assert not same_json([1], [True])
    assert same_json({"a": [1, {"b": None}]}, {"a": [1.0, {"b": None}]})
    assert not same_json({"a": 1}, {"a": 1, "b": 2})
    kinds: dict[str, Any] = {"object": {}, "array": [], "string": "", "boolean": True, "null": None, "number": 1.5}
    assert all(kind_of(value) == kind for kind, value in kinds.items())


PATHS = st.sampled_from(["status", "error.code", "error.type", "error", "a.b", ""])
VALUES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "NO_FUNDS", "x"])
CONDITIONS = st.builds(
    Condition,
    statuses=st.frozensets(st.integers(100, 599), max_size=2),
    status_classes=st.frozensets(st.integers(1, 5), max_size=2),
    code=st.sampled_from([(), ("NO_*",), ("NO_FUNDS", "x")]),
    type_=st.sampled_from([(), ("*",)]),
    has=st.lists(PATHS, max_size=1).map(tuple),
    equals=st.dictionaries(PATHS, VALUES, max_size=1),
    contains=st.dictionaries(PATHS, st.sampled_from(["n", "X"]), max_size=1),
    is_=st.dictionaries(PATHS, st.sampled_from(["object", "null", "string", "number"]), max_size=1),
    faults=st.frozensets(st.sampled_from(list(Fault)), max_size=1),
    safe=st.none() | st.booleans(),
)
RULES = st.lists(
    st.builds(
        Rule,
        name=st.sampled_from(["a", "b"]),
        when=st.lists(CONDITIONS, min_size=1, max_size=2).map(tuple),
        then=st.sampled_from(Action),
        debited=st.sampled_from(Debited),
    ),
    max_size=3,
)
BODIES = (
    st.binary(max_size=40)
    | st.dictionaries(
        st.sampled_from(["status", "error", "a", "id"]),
        VALUES | st.dictionaries(st.sampled_from(["code", "type", "message", "b"]), VALUES | st.text(), max_size=3),
        max_size=3,
    ).map(lambda value: json.dumps(value).encode())
    | st.text(alphabet=st.characters(), max_size=20).map(lambda text: json.dumps({"error": {"message": text}}).encode())
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["retry-after", "x-ratelimit-reset", "x-request-id", "content-type"]), st.text(max_size=9)
    ),
    max_size=2,
).map(tuple)
ANSWERS = st.builds(
    Answer, status=st.integers(0, 999), headers=HEADERS, body=BODIES, truncated=st.booleans()
) | st.builds(Answer, fault=st.sampled_from(Fault))


@given(RULES, ANSWERS, st.booleans())
def test_every_answer_gets_a_verdict(rules, given_answer, safe):
    """Classification is total: with any rules, any answer gets a verdict, and all of it can be stored."""
    judge = Provider(name="p", title="P", http=HTTP, operations={}, rules=tuple(rules))
    operation = replace(OPERATION, safe=safe, columns={"x": lambda value: value})
    verdict = classify(judge, operation, given_answer, parse_body(given_answer))
    assert verdict == classify(judge, operation, given_answer)
    for text, limit in ((verdict.error_code, CODE_CHARACTERS), (verdict.error_message, MESSAGE_CHARACTERS)):
        assert text is None or (text.isprintable() and 0 < len(text) <= limit)
    if verdict.action is Action.SUCCEED:
        assert given_answer.fault is None
        assert parse_body(given_answer).readable
