"""The loader: a profile of one's own becomes a provider; every mistake is told, alone and all at once."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.domain.backoff import asked_seconds
from runner.domain.model import Action, Answer, Debited, Fault
from runner.domain.provider import Auth, InputKind, Learn, Limit, Lookup, Pace, Provider, Retry, SecretRef
from runner.domain.rules import classify
from runner.errors import ProfileError
from runner.providers.builtin import BUILT_IN_NAMES
from runner.providers.examples import check_examples
from runner.providers.loader import load, load_file, load_shipped, load_tables, shipped_names
from tests.providers.profiles import MINE, bend, bent, mine

CANARY = "sk-obviously-fake-canary"


def mistakes_of(tables: dict[str, Any], overrides: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        load_tables(tables, "mine.toml", overrides)
    return caught.value.why.splitlines()


def test_a_file_of_ones_own(tmp_path):
    """A user's file is read whole and inherits nothing."""
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + MINE, encoding="utf-8")
    provider = load_file(path)
    assert (provider.name, provider.title, provider.pace) == ("mine", "mine", Pace.STRICT)
    assert provider.source == str(path)
    assert provider.limits == (Limit(at_most=10, per_seconds=1.5),)
    assert (provider.in_flight, provider.retry) == (5, Retry())
    assert provider.http.base_url == "https://api.example.com/v1"
    assert provider.http.auth == Auth(kind="bearer", secret=SecretRef(env="MINE_API_KEY"), pattern="^mk-")
    assert provider.http.wait_headers == (Lookup(header="Retry-After"), Lookup(header="X-RateLimit-Reset", form="unix"))
    assert [rule.name for rule in provider.rules] == [
        "ok", "no-funds", "busy", "not-sent", "no-answer", "invalid", "tls", "429", "unrecognised",
    ]  # fmt: skip
    assert all(result.passed for result in check_examples(provider))


def test_operations_are_compiled():
    """Inputs keep their order; required is what the template cannot leave out; prices are exact."""
    check, look = load_tables(mine(), "mine.toml").operations.values()
    assert [(one.name, one.required) for one in check.inputs] == [
        ("email", True), ("country", True), ("tier", False), ("tag", False),
    ]  # fmt: skip
    email, country, tier, tag = check.inputs
    assert (email.kind, email.keep_case, country.max, tier.of) == (InputKind.EMAIL, True, 2, ("a", "b"))
    assert (tag.default, tag.max) == ("{attempt}", 30)
    assert check.json == {
        "who": {"email": "{email}"}, "tier": "{tier?}", "tag": "{tag?}", "deep": True, "id": "{attempt}",
    }  # fmt: skip
    assert (check.key, check.column_prefix, check.safe, check.price) == ("mine.check", "mine_check_", False, None)
    assert (look.safe, look.price, look.price_max, look.unit) == (True, 1, 100_000, "credit")
    assert look.inputs[0].send == "digits"
    assert check.columns["score"]({"data": {"score": 1}}) == 1
    assert look.found is not None
    bodies: list[Any] = [{"data": [1]}, {"data": []}, {}, None]
    assert [look.found(body) for body in bodies] == [True, False, None, None]


def test_what_a_provider_tells_of_itself():
    """Where it says how large its window is, what it charged, what is left, and whether it is there."""
    tables = bent("http.charge", [{"body": "meta.credits_used"}, {"header": "X-Credits-Used"}])
    bend(tables, "http.balance", [{"header": "X-Credits-Left"}])
    bend(tables, "http.health", "/health")
    bend(tables, "limits.0.learn", {"header": "X-RateLimit-Limit", "share": 0.9})
    bend(tables, "limits.1", {"at_most": 5, "per_seconds": 1, "learn": {"header": "X-Burst"}})
    provider = load_tables(tables, "mine.toml")
    assert provider.http.charge == (Lookup(body="meta.credits_used"), Lookup(header="X-Credits-Used"))
    assert provider.http.balance == (Lookup(header="X-Credits-Left"),)
    assert provider.http.health == "/health"
    first, second = provider.limits
    assert (first.learn, second.learn) == (Learn(header="X-RateLimit-Limit", share=0.9), Learn(header="X-Burst"))


def test_rules_that_need_history():
    """A streak that halts, a streak that halts while nothing succeeded, and a pause that is trouble of theirs."""
    tables = bent("rules.1", {**mine()["rules"][1], "then": "fail", "halt_after": 5})
    bend(tables, "rules.2.outage", True)
    bend(tables, "rules.3", {**mine()["rules"][3], "halt_after": 3, "unproven": "halt"})
    read = {rule.name: rule for rule in load_tables(tables, "mine.toml").rules}
    streak, pause, retried = read["no-funds"], read["busy"], read["unrecognised"]
    assert (streak.halt_after, streak.unproven_halt, streak.outage) == (5, False, False)
    assert (retried.halt_after, retried.unproven_halt) == (3, True)
    assert (pause.halt_after, pause.outage) == (None, True)


def test_codes_may_be_numbers():
    """`code = 102` takes an answer's 102 and its "102": many pages number their errors."""
    provider = load_tables(bent("rules.1.when", {"code": ["NO_FUNDS", 102]}), "mine.toml")
    for code in (102, "102"):
        answer = Answer(status=200, body=json.dumps({"error": {"code": code}}).encode())
        assert classify(provider, provider.operations["check"], answer).rule == "no-funds"


def test_a_file_is_sent_in_a_body():
    """Its `max` counts bytes, and may be more than any text has characters."""
    tables = bent("operations.check.input.email", {"kind": "file", "max": 5 * 1024 * 1024})
    first = load_tables(tables, "mine.toml").operations["check"].inputs[0]
    assert (first.kind, first.max) == (InputKind.FILE, 5_242_880)


def test_parameters_may_be_numbers_and_lists():
    """A query or form carries fixed numbers and booleans, and lists whose key is repeated."""
    query = {"phone": "{phone}", "page": 1, "full": True, "part": ["a", "{phone}"]}
    assert load_tables(bent("operations.look.query", query), "mine.toml").operations["look"].query == query


def test_examples_become_answers():
    """A table is sent as JSON, a text as it is, a fault as nothing."""
    examples = load_tables(bent("examples.4", {"rule": "tls", "answer": {"fault": "tls"}}), "mine.toml").examples
    assert json.loads(examples[0].answer.body) == {"data": {"score": 0.5}}
    assert examples[0].answer.header("Content-Type") == "application/json"
    assert examples[2].answer.header("retry-after") == "7"
    assert examples[3].answer.header("content-type") == "text/html; charset=utf-8"
    assert examples[4].answer == Answer(fault=Fault.TLS)


def test_built_in_rules_are_overridden_by_name():
    """An own rule of that name takes the built-in one's place, where it stands, and owes no example."""
    own = {"name": "429", "when": {"status": [429, 420]}, "then": "pause", "debited": "no", "wait": 120}
    tables = mine()
    tables["rules"].insert(0, own)
    provider = load_tables(tables, "mine.toml")
    assert [rule.name for rule in provider.rules].count("429") == 1
    verdict = classify(provider, provider.operations["check"], Answer(status=420))
    assert (verdict.rule, verdict.wait_seconds, verdict.wait_cap_seconds) == ("429", 120.0, None)


@pytest.mark.parametrize(
    ("fault", "action", "debited"),
    [
        (Fault.NOT_SENT, Action.RETRY, Debited.NO),
        (Fault.NO_ANSWER, Action.RETRY, Debited.UNKNOWN),
        (Fault.INVALID, Action.HALT, Debited.NO),
        (Fault.TLS, Action.HALT, Debited.NO),
    ],
)
def test_built_in_fault_rules(fault, action, debited):
    """Every provider has them, before its catch-all."""
    provider = load_tables(mine(), "mine.toml")
    verdict = classify(provider, provider.operations["check"], Answer(fault=fault))
    assert (verdict.rule, verdict.action, verdict.debited) == (fault.value, action, debited)
    assert verdict.rule in BUILT_IN_NAMES


def test_a_429_nobody_knows_pauses():
    """Without a rule of its own a provider's 429 shuts the lane and costs nothing."""
    provider = load_tables(mine(), "mine.toml")
    verdict = classify(provider, provider.operations["check"], Answer(status=429, headers=(("retry-after", "9"),)))
    assert (verdict.action, verdict.debited, asked_seconds(verdict, now_us=0)) == (Action.PAUSE, Debited.NO, 9)


LITERAL = "a key is never written into a file"
DEAD = {"name": "dead", "then": "fail", "debited": "no"}

MISTAKES: list[tuple[str, Any, str, str]] = [
    ("schema", 2, "schema", "must be 1"),
    ("schema", None, "schema", "missing"),
    ("nmae", "x", "nmae", 'did you mean "name"?'),
    ("name", "My Provider", "name", "is not a name"),
    ("pace", "strikt", "pace", 'did you mean "strict"?'),
    ("health", "/health", "health", "unknown key"),
    ("checked", "today", "checked", "a date"),
    ("http", None, "http", "missing"),
    ("http.base_url", "http://api.example.com", "http.base_url", "https"),
    ("http.base_url", "http://127.0.0.1.example.com", "http.base_url", "https"),
    ("http.base_url", "ftp://api.example.com", "http.base_url", "must be a URL"),
    ("http.base_url", "https://", "http.base_url", "must be a URL"),
    ("http.base_url", "https://example.com:port", "http.base_url", "must be a URL"),
    ("http.base_url", "https://user:pw@example.com", "http.base_url", "no user"),
    ("http.base_url", "https://example.com/?key=x", "http.base_url", "no user, query"),
    ("http.balance", [{"body": "wallet", "header": "X-Left"}], "http.balance[1]", "one of body, header"),
    ("http.charge", [{"body": "cost", "header": "X-Cost"}], "http.charge[1]", "one of body, header"),
    ("http.charge", {"body": "cost"}, "http.charge", "must be an array"),
    ("http.chagre", [{"body": "cost"}], "http.chagre", 'did you mean "charge"?'),
    ("http.health", "health", "http.health", "is not a fixed path"),
    ("http.health", "/health?full=1", "http.health", "is not a fixed path"),
    ("http.health", "/health/{email}", "http.health", "is not a fixed path"),
    ("http.timeout", 0, "http.timeout", "greater than 0"),
    ("http.timeout", True, "http.timeout", "number"),
    ("http.auth.secret", CANARY, "http.auth.secret", LITERAL),
    ("http.auth.secret", {"value": CANARY}, "http.auth.secret.value", "unknown key"),
    ("http.auth.secret", {"env": f"{CANARY} "}, "http.auth.secret.env", "variable"),
    ("http.auth.secret", {"env": "A", "file": "b"}, "http.auth.secret", "one of env, file, command"),
    ("http.auth.secret", {}, "http.auth.secret", "one of env, file, command"),
    ("http.auth.header", "X-API-KEY", "http.auth", "one of header, bearer"),
    ("http.auth.header", f"X-API-KEY: {CANARY}", "http.auth.header", "a header's name"),
    ("http.auth.pattern", "[", "http.auth.pattern", "regular expression"),
    ("http.error_code", "error..code", "http.error_code", "dotted path"),
    ("http.request_id", [{"body": "a", "header": "b"}], "http.request_id[1]", "one of body, header"),
    ("http.wait_headers.1.form", "date", "http.wait_headers[2].form", "text, unix"),
    ("limits.0.at_most", 0, "limits[1].at_most", "greater than 0"),
    ("limits.0.at_most", -5, "limits[1].at_most", "greater than 0"),
    ("limits.0.per_seconds", 0, "limits[1].per_seconds", "greater than 0"),
    ("limits.0.learn", {}, "limits[1].learn.header", "missing"),
    ("limits.0.learn", {"header": "X-Limit: 5"}, "limits[1].learn.header", "a header's name"),
    ("limits.0.learn", {"header": "X", "share": 0}, "limits[1].learn.share", "greater than 0"),
    ("limits.0.learn", {"header": "X", "share": 1.1}, "limits[1].learn.share", "at most 1"),
    ("limits.0.learn", {"header": "X", "share": "90%"}, "limits[1].learn.share", "must be a number"),
    ("limits.0.learn", {"header": "X", "shrae": 1}, "limits[1].learn.shrae", 'did you mean "share"?'),
    ("concurrency", {"in_flight": 0}, "concurrency.in_flight", "greater than 0"),
    ("retry", {"base": 9, "cap": 1}, "retry", "smaller than base"),
    ("operations", {}, "operations", "must not be empty"),
    ("operations.Check", {}, "operations.Check", "is not a name"),
    ("operations.check.method", "post", "operations.check.method", "is not one of GET"),
    ("operations.check.path", "check", "operations.check.path", "is not a path"),
    ("operations.check.path", "/check", "operations.check.input.country", "is sent nowhere"),
    ("operations.check.path", "/check/{county}", "operations.check.path", 'did you mean "country"?'),
    ("operations.check.path", "/check/{country?}", "operations.check.path", "cannot leave out"),
    ("operations.check.path", "/check/{country}}", "operations.check.path", "braces"),
    ("operations.check.json.{email}", "x", "operations.check.json.{email}", "braces"),
    ("operations.check.json.id", "{attempt?}", "operations.check.json.id", "always set"),
    ("operations.check.json.tag", "{tag}", "operations.check.input.tag.default", "optional"),
    ("operations.check.form", {"a": "{email}"}, "operations.check.json", "form or json"),
    ("operations.look.form", {"a": "{phone}"}, "operations.look.form", "a GET has no body"),
    ("operations.look.query", {"phone": "{phone?}"}, "operations.look.input", "must be required"),
    ("operations.look.query", {"phone": {"a": 1}}, "operations.look.query.phone", "must be a text"),
    ("operations.check.input.attempt", {"kind": "text"}, "operations.check.input.attempt", "own id"),
    ("operations.check.input.email.kind", "e-mail", "operations.check.input.email.kind", 'did you mean "email"?'),
    ("operations.check.input.country", {"kind": "file"}, "operations.check.path", "travels in a body"),
    ("operations.look.input.phone", {"kind": "file"}, "operations.look.query.phone", "travels in a body"),
    ("operations.check.input.email", {"kind": "file", "case": "keep"}, "operations.check.input.email", "case belongs"),
    ("operations.check.input.tag.max", 1_000_001, "operations.check.input.tag", "1000000 characters"),
    ("operations.check.input.tier", {"kind": "choice"}, "operations.check.input.tier", "a choice says what of"),
    ("operations.check.input.tier.of", [], "operations.check.input.tier.of", "must not be empty"),
    ("operations.check.input.email.max", 5, "operations.check.input.email", 'max belongs to kind = "text" or "file"'),
    ("operations.check.input.tag.max", 10, "operations.check.input.tag", "16 characters"),
    ("operations.check.input.tag.default", "x", "operations.check.input.tag.default", "{attempt}"),
    ("operations.check.price", -1, "operations.check.price", "negative"),
    ("operations.check.price", 0.0000001, "operations.check.price", "6 decimals"),
    ("operations.check.price", "1", "operations.check.price", "number"),
    ("operations.look.price_max", 0, "operations.look", "price_max"),
    ("operations.check.unit", "€", "operations.check.unit", "is not a name"),
    ("operations.check.found", "length(data", "operations.check.found", "not JMESPath"),
    ("operations.check.columns.score", "data[", "operations.check.columns.score", "not JMESPath"),
    ("operations.check.columns.score", "lenght(data)", "operations.check.columns.score", "no function lenght()"),
    ("operations.check.columns.score", "a[?length()]", "operations.check.columns.score", "takes 1 arguments"),
    ("operations.check.columns.Score", "a", "operations.check.columns.Score", "is not a name"),
    ("operations.check.columns.state", "a", "operations.check.columns.state", "taken"),
    ("operations.check.colums", {}, "operations.check.colums", 'did you mean "columns"?'),
    ("rules", [], "rules", "must not be empty"),
    ("rules.3", None, "rules", "catch all"),
    ("rules.3.then", "succeed", "rules[unrecognised].then", "no success"),
    ("rules.1.when", {"stauts": 402}, "rules[no-funds].when.stauts", 'did you mean "status"?'),
    ("rules.1.when", {"status": 42}, "rules[no-funds].when.status", "a status such as 429"),
    ("rules.1.when", {"status": "6xx"}, "rules[no-funds].when.status", "a status such as 429"),
    ("rules.1.when", {"code": "A*B"}, "rules[no-funds].when.code", "at the end alone"),
    ("rules.1.when", {"fault": "withdrawn"}, "rules[no-funds].when.fault", "is not one of"),
    ("rules.1.when", {"fault": "tls", "status": 402}, "rules[no-funds].when", "no status and no body"),
    ("rules.1.when", {"is": {"a": "list"}}, "rules[no-funds].when.is", "is not one of object"),
    ("rules.1.when", {"contains": {"a": 1}}, "rules[no-funds].when.contains", "a text for each path"),
    ("rules.1.when", {"equals": {}}, "rules[no-funds].when.equals", "table of paths"),
    ("rules.1.when", [], "rules[no-funds].when", "matches nothing"),
    ("rules.1.when", "always", "rules[no-funds].when", "must be a table"),
    ("rules.1.name", "No Funds", "rules[No Funds].name", "is not a rule's name"),
    ("rules.1.name", "ok", "rules[2].name", 'a rule above is called "ok" too'),
    ("rules.1.then", "hlat", "rules[no-funds].then", 'did you mean "halt"?'),
    ("rules.1.debited", "maybe", "rules[no-funds].debited", "is not one of yes, no, unknown"),
    ("rules.1.debited", None, "rules[no-funds].debited", "missing"),
    ("rules.1.wait", 5, "rules[no-funds].wait", 'belongs to then = "pause"'),
    ("rules.1.resend", True, "rules[no-funds].resend", 'belongs to then = "retry"'),
    ("rules.1.unproven", "halt", "rules[no-funds].unproven", 'belongs to then = "fail"'),
    ("rules.1.halt_after", 5, "rules[no-funds].halt_after", 'belongs to then = "fail" or "retry"'),
    ("rules.3.halt_after", 1, "rules[unrecognised].halt_after", "greater than or equal to 2"),
    ("rules.3.halt_after", True, "rules[unrecognised].halt_after", "whole number"),
    ("rules.3.halt_after", 2.5, "rules[unrecognised].halt_after", "whole number"),
    ("rules.3.unproven", "halt", "rules[unrecognised].unproven", 'belongs to then = "fail"'),
    ("rules.1.outage", True, "rules[no-funds].outage", 'belongs to then = "pause"'),
    ("rules.2.outage", "yes", "rules[busy].outage", "true or false"),
    ("rules.2.wait", [60, 1], "rules[busy].wait", "shortest wait comes first"),
    ("rules.2.wait", [1, 2, 3], "rules[busy].wait", "two of them"),
    ("rules.2.wait", 0, "rules[busy].wait", "greater than 0"),
    ("rules.2.until", "midnight", "rules[busy].until", "utc-midnight"),
    ("rules.2.until", "utc-midnight", "rules[busy].until", "not both"),
    ("rules.2", {**DEAD, "then": "pause", "until": "utc-midnight", "outage": True}, "rules[dead].outage", "no hour"),
    ("rules.3.attempts", 0, "rules[unrecognised].attempts", "greater than 0"),
    ("http.error_type", None, "rules[busy].when.type", "error_type"),
    ("http.error_code", None, "rules[no-funds].when.code", "error_code"),
    ("rules.4", {**DEAD, "when": {"status": 500}}, "rules[dead]", "never reached"),
    ("rules.0.when", {}, "rules[busy]", "never reached"),
    ("examples.0", None, "rules[ok]", "has no example"),
    ("examples.0.rule", "okk", "examples[1].rule", 'did you mean "ok"?'),
    ("examples.0.rule", "busy", "examples[1]", 'leads to rule "ok", not to "busy"'),
    ("examples.2.operation", "check", "examples[3]", 'leads to rule "unrecognised", not to "busy"'),
    ("examples.2.safe", False, "examples[3]", 'leads to rule "unrecognised", not to "busy"'),
    ("examples.2.operation", "lok", "examples[3].operation", 'did you mean "look"?'),
    ("examples.0.answer", {}, "examples[1].answer", "a status or a fault"),
    ("examples.0.answer", {"fault": "tls", "body": "x"}, "examples[1].answer", "stands alone"),
    ("examples.0.answer.stauts", 200, "examples[1].answer.stauts", 'did you mean "status"?'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "key", "hint"), MISTAKES)
def test_a_mistake_alone(path, value, key, hint):
    """Each mistake is told with file, key and hint; a key that was written where its name belongs is not repeated."""
    told = mistakes_of(bent(path, value))
    assert any(line.startswith(f"mine.toml: {key}: ") and hint in line for line in told), told
    assert CANARY not in "\n".join(told)


def test_ten_mistakes_at_once():
    """Everything that is wrong is told in one go, and nothing that is not."""
    tables = mine()
    expected = ["operations.check.input.tier: is sent nowhere", "rules[no-funds]: has no example"]
    for path, value, line in [
        ("titel", "x", "titel: unknown key"),
        ("http.base_url", "http://example.com", "http.base_url: must be https"),
        ("http.auth.secret", CANARY, f"http.auth.secret: {LITERAL}"),
        ("limits.0.at_most", 0, "limits[1].at_most: must be greater than 0"),
        ("operations.check.price", -1, "operations.check.price: must not be negative"),
        ("operations.check.columns.score", "a[", "operations.check.columns.score: not JMESPath"),
        ("operations.check.json.tier", "{teir?}", "operations.check.json.tier: {teir} has no input"),
        ("operations.look.input.phone.kind", "fone", 'operations.look.input.phone.kind: "fone" is not one of'),
        ("rules.1.then", "hlat", 'rules[no-funds].then: "hlat" is not one of'),
        ("rules.2.when.typ", "x", "rules[busy].when.typ: unknown key"),
        ("examples.1.rule", "no-fund", 'examples[2].rule: no rule is called "no-fund"'),
    ]:
        bend(tables, path, value)
        expected.append(line)
    told = mistakes_of(tables)
    assert len(told) == len(expected), told
    for line in expected:
        assert any(one.startswith(f"mine.toml: {line}") for one in told), (line, told)


def test_the_error_has_three_parts():
    """What, why and a command that checks the correction."""
    with pytest.raises(ProfileError) as caught:
        load_tables(bent("nmae", "x"), "mine.toml")
    assert caught.value.what == "the profile mine.toml has a mistake"
    assert caught.value.why == 'mine.toml: nmae: unknown key; did you mean "name"?'
    assert caught.value.fix == "edit mine.toml, then check it: runner providers test mine.toml"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:1/x", "http://127.9.9.9"])
def test_loopback_may_be_plain_http(url):
    """The sandbox and tests on this machine need no certificate."""
    assert load_tables(bent("http.base_url", url), "mine.toml").http.base_url == url


def test_both_spellings_of_a_path_mean_the_same():
    """TOML reads an unquoted dotted key as tables in tables."""
    quoted, nested = (
        bent("rules.1.when", {"equals": {"a.b": False}}),
        bent("rules.1.when", {"equals": {"a": {"b": False}}}),
    )
    for tables in (quoted, nested):
        bend(tables, "examples.1.answer.body", {"a": {"b": False}})
    assert load_tables(quoted, "x").rules == load_tables(nested, "x").rules


@pytest.mark.parametrize("text", ["schema = ", "schema = 1\nschema = 2", "a = 1979-99-99", "\x00"])
def test_what_is_no_toml_is_refused(tmp_path, text):
    """The parser's own words say where."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match="cannot be read") as caught:
        load(path)
    assert "not TOML" in caught.value.why


def test_what_cannot_be_read_is_refused(tmp_path):
    """A missing file, a directory, bytes that are no text."""
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.toml", tmp_path, binary):
        with pytest.raises(ProfileError, match="cannot be read"):
            load(path)


def test_shipped_profiles_load_by_name(tmp_path):
    """A bare word is a shipped provider, anything that looks like a path a file; a near miss is named."""
    assert "defastra" in shipped_names()
    assert load("defastra").name == load_shipped("defastra").name == "defastra"
    (tmp_path / "mine.toml").write_text(MINE)
    assert load(str(tmp_path / "mine.toml")).name == "mine"
    with pytest.raises(ProfileError, match='did you mean "defastra"') as caught:
        load("defasta")
    assert "defastra" in caught.value.why


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in the tables, tables included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [place for key, item in items for place in leaves(item, (*path, key))]
    return [path, *below] if path else below


PLACES = leaves(mine())
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        float("nan"),
        "",
        "x",
        "{x}",
        "{",
        [],
        [[]],
        ["x", 1],
        {},
        {"": {}},
        {"a": {"b": []}},
        [{}],
        b"",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
def test_whatever_is_written_is_a_provider_or_a_profile_error(changes):
    """No nonsense in a profile escapes as anything else."""
    tables: Any = mine()
    for path, junk in changes:
        place = tables
        for key in path[:-1]:
            inside = (isinstance(place, dict) and key in place) or (
                isinstance(place, list) and isinstance(key, int) and key < len(place)
            )
            place = place[key] if inside else None
        if isinstance(place, dict) or (isinstance(place, list) and path[-1] in range(len(place))):
            place[path[-1]] = copy.deepcopy(junk)
    with suppress(ProfileError):
        assert isinstance(load_tables(tables, "mine.toml"), Provider)
