"""What a world's answers say of themselves is what stands in its books: charges, wallet, ids, limits, waits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import MILLION, Action, Answer, Debited
from runner.domain.provider import InputKind, Limit, Lookup, Operation, Provider
from runner.domain.rules import classify
from runner.providers.loader import load_shipped, shipped_names
from runner.sandbox.admin import administer, summary
from runner.sandbox.calls import Call
from runner.sandbox.replies import Behaviour, Manner
from runner.sandbox.statements import Figures, restated, stated_charge
from runner.sandbox.world import Reply, World
from runner.transport.template import render
from tests.sandbox.acme import KEY, acme
from tests.sandbox.process import Seeded

DFIR = load_shipped("dfirlab")
DEFENDIS = load_shipped("defendis")
FREE = 10_000  # a limit that no test here reaches


def world(provider: Provider, *, limits: tuple[tuple[int, float], ...] = ((FREE, 60.0),), **options: Any) -> World:
    """A world with other windows, told in the same header."""
    learn = next((limit.learn for limit in provider.limits if limit.learn), None)
    windows = tuple(Limit(at_most=at_most, per_seconds=seconds, learn=learn) for at_most, seconds in limits)
    return World(replace(provider, limits=windows), randomness=Seeded(1), **options)


def call(one: World, name: str, value: str, key: str | None = KEY) -> Call:
    """A request of an operation as it arrives."""
    http, operation = one.provider.http, one.provider.operations[name]
    request = render(http, operation, {operation.inputs[0].name: value}, attempt_id="abcdefghijklmnop")
    parts = urlsplit(request.url)
    sent = {"authorization": f"Bearer {key}"} if http.auth.kind == "bearer" else {http.auth.name.lower(): key or ""}
    return Call(
        method=request.method,
        target=parts.path + (f"?{parts.query}" if parts.query else ""),
        headers={} if key is None else sent,
        body=request.body,
    )


def ask(one: World, name: str = "email", value: str = "a@example.com", **more: Any) -> Reply:
    """Send one request and let it finish."""
    reply = one.receive(call(one, name, value, **more), 0.0)
    one.finish(reply.entry, 0.0, answered=True)
    return reply


def body(reply: Reply) -> Any:
    """The answer's JSON."""
    return json.loads(reply.answer.body)


def header(reply: Reply, name: str) -> str | None:
    """A header as the client sees it: names without case."""
    return {key.lower(): value for key, value in reply.answer.headers}.get(name)


@given(
    st.integers(0, 40), st.lists(st.sampled_from(["email", "domain", "rule-internal-error@example.com"]), max_size=25)
)
def test_what_is_charged_is_what_is_said(wallet: int, asked: list[str]) -> None:
    """Body, header and ledger name one charge; what is left is what was put in less the sum; nothing is overdrawn."""
    one = world(DFIR, wallet=wallet)
    spent = 0
    for number, name in enumerate(asked):
        value = name if "@" in name else f"{number}.example.org" if name == "domain" else f"{number}@example.org"
        reply = ask(one, "email" if "@" in name else name, value)
        stated = stated_charge(DFIR.http, reply.answer)
        assert (stated or 0) == reply.entry.charged
        spent += reply.entry.charged
        if reply.entry.rule == "success":
            meta = body(reply)["meta"]
            assert header(reply, "x-credits-used") == str(meta["credits_used"])
            assert header(reply, "x-credits-remaining") == str(meta["credits_remaining"])
            assert meta["credits_remaining"] == wallet - spent // MILLION
    assert one.wallet == wallet - spent / MILLION
    assert sum(entry.charged for entry in one.books.entries) == spent


@pytest.mark.parametrize("name", shipped_names())
def test_the_runners_reading_agrees_with_the_books(name: str) -> None:
    """For every rule of every profile: what the answer is read as having cost, where that is said, is in the books."""
    one = world(load_shipped(name), wallet=1000)
    operation = next(each for each in one.provider.operations.values() if each.inputs[0].kind is InputKind.EMAIL)
    for rule in one.provider.rules:
        reply = ask(one, operation.name, f"rule-{rule.name}@example.com")
        if reply.manner is not Manner.ANSWER:
            continue
        verdict = classify(one.provider, operation, _received(reply))
        if verdict.charge is not None:
            assert verdict.charge == reply.entry.charged
        elif verdict.debited is not Debited.UNKNOWN:
            assert (verdict.debited is Debited.YES) == bool(reply.entry.charged)


def _received(reply: Reply) -> Answer:
    """As a client has it: header names lower-case."""
    return replace(reply.answer, headers=tuple((key.lower(), value) for key, value in reply.answer.headers))


def test_a_success_speaks_of_what_was_asked() -> None:
    """The indicator is echoed under the key it was sent under, ids are the request's own, the limit is the window's."""
    one = world(DFIR, limits=((120, 60.0),), wallet=50)
    ask(one)
    reply = ask(one, value="someone@example.net")
    assert body(reply)["data"]["results"][0]["indicator"] == {"type": "email", "value": "someone@example.net"}
    assert body(reply)["meta"] == {
        "request_id": "sandbox-00000002",
        "credits_used": 3,
        "credits_remaining": 44,
        "processing_time_ms": body(reply)["meta"]["processing_time_ms"],
    }
    assert header(reply, "x-request-id") == "sandbox-00000002"
    assert header(reply, "x-ratelimit-limit") == "120"


def test_errors_have_ids_of_their_own() -> None:
    """The support of a provider is told one id for one request."""
    one = world(DFIR)
    replies = [ask(one, value=f"rule-internal-error+{number}@example.com") for number in (1, 2)]
    assert [body(reply)["error"]["request_id"] for reply in replies] == ["sandbox-00000001", "sandbox-00000002"]
    assert header(ask(world(DEFENDIS), value="rule-out-of-scope@example.com"), "x-request-id") == "sandbox-00000001"


def test_an_example_that_states_nothing_leaves_as_it_stands() -> None:
    """Byte for byte, and no header is added."""
    one = world(DFIR, wallet=9)
    for name in ("unrecognised", "other-refusal", "blocked", "415"):
        shown = next(example.answer for example in DFIR.examples if example.rule == name)
        reply = ask(one, value=f"rule-{name}@example.com")
        assert (reply.answer.body, reply.answer.headers) == (shown.body, shown.headers)


def test_a_lost_success_is_charged_what_it_would_have_said() -> None:
    """Dropped, it costs its three credits; free by a script, it says so."""
    one = world(DFIR, wallet=9)
    one.next([Behaviour(manner=Manner.DROP), Behaviour(charged=False), Behaviour(rule="server-error", charged=True)])
    lost, free, error = (ask(one) for _ in range(3))
    assert (lost.manner, lost.entry.charged) == (Manner.DROP, 3 * MILLION)
    assert (free.entry.charged, body(free)["meta"]["credits_used"], header(free, "x-credits-used")) == (0, 0, "0")
    assert error.entry.charged == 3 * MILLION
    assert one.wallet == 3


def test_an_answer_of_ones_own_is_sent_as_given_and_charged_as_it_says() -> None:
    """Its bytes are not touched; the credits it states are in the books."""
    one = world(DFIR, wallet=9)
    raw = b'{"data": {}, "meta": {"credits_used": 5, "credits_remaining": 1}}'
    told = (("x-credits-used", "2"),)
    one.next([Behaviour(answer=Answer(status=200, body=raw)), Behaviour(answer=Answer(status=502, headers=told))])
    first, second = ask(one), ask(one)
    assert (first.answer.body, first.entry.charged) == (raw, 5 * MILLION)
    assert (second.answer.headers, second.entry.charged) == (told, 2 * MILLION)
    assert one.wallet == 2


@pytest.mark.parametrize(
    ("provider", "rule", "status"),
    [
        ("defastra", "insufficient-funds", 200),
        ("defendis", "billing-denied", 403),
        ("dfirlab", "insufficient-credits", 402),
    ],
)
def test_out_of_funds_is_told_in_the_providers_words(provider: str, rule: str, status: int) -> None:
    """An empty wallet brings the halt for funds, of an account that is not charged per request too; money ends it."""
    one = world(load_shipped(provider), wallet=0)
    reply = ask(one)
    assert (reply.entry.rule, reply.answer.status, reply.entry.charged) == (rule, status, 0)
    verdict = classify(one.provider, one.provider.operations["email"], _received(reply))
    assert (verdict.action, verdict.debited) == (Action.HALT, Debited.NO)
    one.top_up(3)
    assert ask(one).entry.rule == "success"


def test_too_few_credits_for_a_lookup_may_do_for_a_message() -> None:
    """What is left decides, by the price of the request: 2 credits buy no lookup."""
    one = world(DFIR, wallet=2)
    refused = ask(one)
    assert (refused.entry.rule, header(refused, "x-credits-remaining")) == ("insufficient-credits", "2")
    phishing: Operation = DFIR.operations["phishing"]
    sent = Call(method="POST", target=f"/v1{phishing.path}", headers={}, body=b'{"raw_email": "Subject: x"}')
    assert one.receive(sent, 0.0).entry.charged == MILLION


@pytest.mark.parametrize(
    ("provider", "wrong", "missing"),
    [
        ("defastra", "invalid-api-key", "no-key"),
        ("defendis", "invalid-key", "missing-key"),
        ("dfirlab", "api-key-invalid", "missing-authorization"),
    ],
)
def test_a_wrong_and_a_missing_key_have_their_own_words(provider: str, wrong: str, missing: str) -> None:
    """As the provider tells them apart; nothing is charged."""
    one = world(load_shipped(provider), key=KEY)
    assert [ask(one, key=key).entry.rule for key in (KEY, "wrong", None)] == ["success", wrong, missing]
    assert len(one.books.charged()) <= 1


@pytest.mark.parametrize(
    ("provider", "limit", "rule", "retry_after"),
    [
        ("defastra", (1, 60.0), "rate-limited-minute", None),
        ("defendis", (1, 1.0), "429", None),
        ("dfirlab", (1, 60.0), "rate-limit-exceeded", "61"),
        ("dfirlab", (1, 1.0), "rate-limit-exceeded", "2"),
    ],
)
def test_too_fast_is_told_in_the_providers_words(
    provider: str, limit: tuple[int, float], rule: str, retry_after: str | None
) -> None:
    """The pause for too many requests, never the one for an outage; who says when to return says it truly."""
    one = world(load_shipped(provider), limits=(limit,))
    ask(one)
    reply = ask(one)
    assert (reply.entry.rule, header(reply, "retry-after"), reply.entry.charged) == (rule, retry_after, 0)


@pytest.mark.parametrize(("name", "path"), [("defendis", "/health"), ("dfirlab", "/v1/health")])
def test_the_health_call_needs_no_key_and_is_in_no_books(name: str, path: str) -> None:
    """Free, outside every window, and counted apart."""
    one = world(load_shipped(name), limits=((1, 60.0),), key=KEY, wallet=0)
    asked = Call(method="GET", target=path, headers={})
    answers = [one.health(asked) for _ in range(3)]
    assert [answer and (answer.status, json.loads(answer.body)) for answer in answers] == [(200, {"status": "ok"})] * 3
    assert (one.books.entries, summary(one)["health_calls"]) == ([], 3)
    assert one.health(replace(asked, method="POST")) is None
    assert one.health(replace(asked, target=f"{path}/deep")) is None
    assert World(acme(), randomness=Seeded(1)).health(asked) is None


@pytest.mark.parametrize("value", ["rule-not-found.example.com", "RULE-Not-Found.2.example.org"])
def test_a_domain_can_choose_its_rule(value: str) -> None:
    """As an address can, for operations that take domains."""
    assert ask(world(DEFENDIS), "domain", value).entry.rule == "not-found"
    assert ask(world(DEFENDIS), "domain", f"{value}.evil.test").entry.rule == "success"


def test_examples_for_writes_are_not_answers_to_reads() -> None:
    """A rule about requests that change something is no trouble a GET can meet."""
    one = world(DEFENDIS, faults=1.0)
    met = {ask(one).entry.rule for _ in range(100)}
    assert met == {"server-error", "unreadable", "no-answer"}
    one.faults = 0.0
    assert ask(one, value="rule-effect-unknown@example.com").entry.rule == "success"


def test_a_wallet_beyond_six_digits_is_told_to_the_last() -> None:
    """No figure is rounded, and a fraction of a unit is told as one."""
    one = world(DFIR, wallet=12_345_678.5)
    reply = ask(one)
    assert body(reply)["meta"]["credits_remaining"] == 12_345_675.5
    assert header(reply, "x-credits-remaining") == "12345675.5"
    counts = json.loads(administer(one, Call(method="GET", target="/_sandbox/summary", headers={})).body)
    assert counts["wallet"] == 12_345_675.5


@pytest.mark.parametrize(("name", "price"), [("defastra", 1), ("dfirlab", 3)])
@pytest.mark.parametrize("wallet", [50, None])
def test_a_balance_is_what_was_there_less_every_charge(name: str, price: int, wallet: int | None) -> None:
    """Of a wallet without end too: what two answers state differs by what was charged between them, lost ones too."""
    one = world(load_shipped(name), wallet=wallet)
    told = []
    for number, behaviour in enumerate([Behaviour(), Behaviour(manner=Manner.DROP), Behaviour(charged=False)]):
        one.next([behaviour])
        reply = ask(one, value=f"{number}@example.org")
        told.append(classify(one.provider, one.provider.operations["email"], _received(reply)).balance)
    first, second, third = told
    assert first is not None
    assert second is not None
    assert (first - second, third) == (price * MILLION, second)
    if wallet is not None:
        assert first == (wallet - price) * MILLION


def test_a_figure_that_no_profile_names_stays_as_it_stands() -> None:
    """Whether `wallet` is a balance is the profile's to say."""
    provider = load_shipped("defastra")
    one = world(replace(provider, http=replace(provider.http, balance=())), wallet=50)
    assert body(ask(one))["wallet"] == 199


def test_statements_in_arrays_are_found_and_made_true() -> None:
    """`uses.0.credits`: what the books charge is what the runner reads."""
    http = replace(DFIR.http, charge=(Lookup(body="uses.0.credits"),), request_id=(Lookup(body="uses.0.id"),))
    example = Answer(status=200, body=json.dumps({"uses": [{"credits": 3, "id": "x"}, {"credits": 9}]}).encode())
    assert stated_charge(http, example) == 3_000_000
    figures = Figures(request_id="req-1", charged=1_000_000, wallet=0)
    told = json.loads(restated(replace(DFIR, http=http), example, figures).body)
    assert told == {"uses": [{"credits": 1, "id": "req-1"}, {"credits": 9}]}
