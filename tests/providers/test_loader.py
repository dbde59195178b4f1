"""The loader: a profile of one's own becomes a provider, or an error for people."""

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


def test_constant_headers_are_part_of_what_is_asked():
    """In the order of the profile; a profile without any asks what it asked before there were such headers."""
    plain = load_tables(mine(), "mine.toml")
    known = "f06e389ad9ed5433c477780c8d7b3673a6684cc1b89aec792b1ab172e0edf9b8"
    assert (plain.http.headers, plain.request_hash(plain.operations["look"])) == ((), known)
    asked = set()
    for headers in ({"X-App": "1", "Accept": "a"}, {"accept": "a", "x-app": "1"}, {"X-App": "2", "Accept": "a"}):
        provider = load_tables(bent("http.headers", headers), "mine.toml")
        assert provider.http.headers == tuple(headers.items())
        asked.add(provider.request_hash(provider.operations["look"]))
    assert (len(asked), known in asked) == (2, False)


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
