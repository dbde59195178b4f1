"""Mistakes in a profile: each is told with its place, alone and all at once."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import ProfileError
from runner.providers.loader import load_tables
from tests.providers.profiles import bend, bent, mine

CANARY = "sk-obviously-fake-canary"


def mistakes_of(tables: dict[str, Any], overrides: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        load_tables(tables, "mine.toml", overrides)
    return caught.value.why.splitlines()


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
    ("http.charge", {"body": "cost"}, "http.charge", 'must be an array: [{ body = "…" }]'),
    ("http.balance", "X-Left", "http.balance", 'must be an array: [{ header = "…" }]'),
    ("docs", "https://example.com", "docs", 'must be an array: ["…"]'),
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
    ("http.auth", {"query": "phone", "secret": {"env": "A"}}, "http.auth.query", "operations.look.query too"),
    ("http.client_request_id", "authorization", "http.client_request_id", "the key travels in this header"),
    ("http.headers", {"X App": "1"}, "http.headers.X App", "a header's name"),
    ("http.headers", {"X-App": 1}, "http.headers.X-App", "must be a text"),
    ("http.headers", {"X-App": "a\nb"}, "http.headers.X-App", "ASCII"),
    ("http.headers", {"X-App": "é"}, "http.headers.X-App", "ASCII"),
    ("http.headers", {"X-App": " a"}, "http.headers.X-App", "ASCII"),
    ("http.headers", {"X-App": ""}, "http.headers.X-App", "ASCII"),
    ("http.headers", {"X-App": "{phone}"}, "http.headers.X-App", "no value of a row"),
    ("http.headers", {"authorization": CANARY}, "http.headers.authorization", "auth sets it"),
    ("http.headers", {"X-Auth-Token": CANARY}, "http.headers.X-Auth-Token", LITERAL),
    ("http.headers", {"X-Api-Key": CANARY}, "http.headers.X-Api-Key", LITERAL),
    ("http.headers", {"X-App": f"mk-{CANARY}"}, "http.headers.X-App", LITERAL),
    ("http.headers", {"X-App": f"Basic {CANARY}"}, "http.headers.X-App", LITERAL),
    *(
        ("http.headers", {name: "x"}, f"http.headers.{name}", "is set by the connection")
        for name in ("Host", "Content-Length", "content-type", "Transfer-Encoding", "Connection", "Accept-Encoding")
    ),
    ("http.headers", {"X-App": "1", "x-app": "2"}, "http.headers.x-app", "twice"),
    ("http", {**mine()["http"], "client_request_id": "X-Id", "headers": {"x-id": "1"}}, "http.headers.x-id", "our id"),
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
    ("rules.1.debited", False, "rules[no-funds].debited", 'false is not one of yes, no, unknown; did you mean "no"?'),
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


@pytest.mark.parametrize("text", ["{phone", "phone}", "{phone?", "+{ phone}", "{phone}}"])
def test_a_brace_that_is_missing_is_one_mistake(text):
    """That its input is then sent nowhere follows from it."""
    told = mistakes_of(bent("operations.look.query.phone", text))
    assert [line.partition(": braces")[0] for line in told] == ["mine.toml: operations.look.query.phone"]


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
