"""The world's books: exact wallet, strict windows, true ledger, and the answers a profile promises."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.domain.model import MILLION, Answer, Fault
from runner.domain.provider import InputKind
from runner.domain.rules import classify
from runner.errors import ProfileError
from runner.providers.loader import load_shipped, shipped_names
from runner.sandbox import admin as administration
from runner.sandbox.admin import administer, summary
from runner.sandbox.calls import Call, recognise
from runner.sandbox.replies import Behaviour, Manner
from runner.sandbox.world import Reply, World
from runner.transport.template import render
from tests.sandbox.acme import KEY, acme
from tests.sandbox.process import Seeded


def world(*limits: tuple[int, float], **options: Any) -> World:
    """A world of the small provider."""
    return World(acme(*limits), randomness=Seeded(1), **options)


def check(email: str, key: str | None = KEY) -> Call:
    """A check of an address as it arrives."""
    headers = {"x-request-id": "abc"} | ({"authorization": f"Bearer {key}"} if key is not None else {})
    return Call(
        method="POST", target="/v1/check", headers=headers, body=urlencode({"email": email, "label": "abc"}).encode()
    )


def ask(one: World, email: str = "a@example.com", now: float = 0.0) -> Reply:
    """Send a check and let it finish."""
    reply = one.receive(check(email), now)
    one.finish(reply.entry, now, answered=reply.manner is Manner.ANSWER)
    return reply


def body(reply: Reply) -> Any:
    """The answer's JSON."""
    return json.loads(reply.answer.body)


@given(st.integers(0, 30), st.integers(1, 60), st.floats(0, 0.5), st.integers(0, 10))
def test_the_wallet_is_exact(wallet: int, requests: int, faults: float, top_up: int) -> None:
    """Charges never pass what was in the wallet, and what is left plus what was charged is what was put in."""
    one = World(acme(), randomness=Seeded(requests), wallet=wallet, faults=faults)
    for number in range(requests):
        if number == requests // 2:
            one.top_up(top_up)
        ask(one, f"{number}@example.com")
    charged = sum(entry.charged for entry in one.books.entries)
    assert one.wallet is not None
    assert one.wallet >= 0
    assert charged + one.wallet * MILLION == (wallet + top_up) * MILLION


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_windows_are_strict(gaps: list[float]) -> None:
    """Whatever the spacing, no window ever admits more than its limit, and a refusal means that one was full."""
    one = world((3, 2.0), (5, 10.0))
    now = 0.0
    admitted: list[float] = []
    for gap in gaps:
        now += gap
        reply = ask(one, now=now)
        within = [sum(then > now - per for then in admitted) for _, per in ((3, 2.0), (5, 10.0))]
        if reply.entry.rule == "success":
            admitted.append(now)
            assert within[0] < 3
            assert within[1] < 5
        else:
            assert within[0] >= 3 or within[1] >= 5
            assert not reply.entry.charged


def test_a_window_is_open_again_after_exactly_its_length() -> None:
    """One in two seconds: refused just before, admitted at two seconds."""
    one = world((1, 2.0))
    assert [ask(one, now=now).entry.rule for now in (0.0, 1.999, 2.0)] == ["success", "slow-second", "success"]


def test_a_full_window_answers_with_the_pause_of_its_length() -> None:
    """The pause rule whose wait is nearest to the window is the one the provider would use."""
    assert [ask(world((1, 60.0)), now=0).entry.rule] == ["success"]
    for per_seconds, rule in ((60.0, "slow-minute"), (1.0, "slow-second")):
        one = world((1, per_seconds))
        assert [ask(one).entry.rule for _ in range(2)] == ["success", rule]


def test_a_profile_without_a_pause_rule_gets_a_plain_429() -> None:
    """With nothing better the world says 429 and when to come back."""
    provider = acme((1, 60.0))
    bare = replace(provider, rules=provider.rules[:1], examples=provider.examples[:2])
    one = World(bare, randomness=Seeded(1))
    ask(one)
    reply = ask(one, now=30.0)
    assert (reply.answer.status, reply.answer.header("retry-after")) == (429, "31")


def test_the_ledger_tells_who_asked_what_and_what_it_cost() -> None:
    """Each request is one entry with its value, label, rule and charge; double charges can be found."""
    one = world(wallet=2)
    for email in ("a@example.com", "A@example.com", "b@example.com"):
        ask(one, email, now=7.0)
    first, second, third = one.books.entries
    assert (first.number, first.received_at, first.operation, first.value) == (1, 7.0, "acme.check", "a@example.com")
    assert (first.client_request_id, first.params["label"], first.charged, first.answered_at) == (
        "abc",
        "abc",
        MILLION,
        7.0,
    )
    assert (third.rule, third.charged) == ("no-credits-left", 0)
    assert one.books.charged_twice() == {("acme.check", "a@example.com"): 2}
    assert second.charged


def test_a_success_is_the_profiles_example_with_own_values() -> None:
    """Echoes, request id and wallet are this request's; the same value gets the same answer, others may differ."""
    one = world(wallet=5)
    reply = ask(one, "someone@example.com")
    assert body(reply)["echo"] == {"email": "someone@example.com"}
    assert body(reply)["wallet"] == "4"
    assert body(reply)["id"] == "sandbox-00000001"
    risks = [body(ask(world(), f"{number}@example.com"))["risk"] for number in range(20)]
    assert risks == [body(ask(world(), f"{number}@example.com"))["risk"] for number in range(20)]
    assert set(risks) == {"low", "high"}


@pytest.mark.parametrize(
    ("email", "rule", "charged", "manner"),
    [
        ("rule-hiccup@example.com", "hiccup", False, Manner.ANSWER),
        ("RULE-Bad-Address+7@example.org", "bad-address", True, Manner.ANSWER),
        ("rule-no-answer@example.net", "no-answer", True, Manner.DROP),
        ("rule-unheard-of@example.com", "success", True, Manner.ANSWER),
        ("rule-hiccup@example.com.evil.test", "success", True, Manner.ANSWER),
    ],
)
def test_an_address_can_choose_its_rule(email: str, rule: str, charged: bool, manner: Manner) -> None:
    """`rule-NAME@example.com` is answered with the example of that rule."""
    reply = ask(world(), email)
    assert (reply.entry.rule, bool(reply.entry.charged), reply.manner) == (rule, charged, manner)


def test_keys_are_checked_when_the_world_knows_one() -> None:
    """A wrong and a missing key have their own answers; nothing is charged."""
    one = world(key=KEY)
    calls = [check("a@example.com"), check("a@example.com", "wrong"), check("a@example.com", None)]
    assert [one.receive(call, 0.0).entry.rule for call in calls] == ["success", "invalid-key", "no-key"]
    assert len(one.books.charged()) == 1


def test_a_lost_answer_may_be_charged_all_the_same() -> None:
    """A dropped connection that was charged is in the books, unanswered."""
    one = world(wallet=3)
    one.next([Behaviour(manner=Manner.DROP), Behaviour(manner=Manner.DROP, charged=False)])
    replies = [ask(one) for _ in range(3)]
    assert [reply.manner for reply in replies] == [Manner.DROP, Manner.DROP, Manner.ANSWER]
    assert [bool(entry.charged) for entry in one.books.entries] == [True, False, True]
    assert [entry.answered_at for entry in one.books.entries] == [None, None, 0.0]


def test_a_script_decides_request_by_request() -> None:
    """The nth request, or a value, can get any rule or any answer."""

    def script(number: int, call: Call, sighting: Any) -> Behaviour | None:
        if number == 2:
            return Behaviour(rule="hiccup")
        if sighting.value == "html@example.com":
            return Behaviour(answer=Answer(status=200, body=b"<html>"))
        return None

    one = world(script=script)
    replies = [ask(one, email) for email in ("a@example.com", "b@example.com", "html@example.com")]
    assert [reply.entry.rule for reply in replies] == ["success", "hiccup", "scripted"]
    assert replies[2].answer.body == b"<html>"


def test_faults_meet_their_share() -> None:
    """With 30 % faults about a third of requests meet a passing error or a lost answer."""
    one = world(faults=0.3)
    rules = [ask(one).entry.rule for _ in range(1000)]
    assert set(rules) == {"success", "hiccup", "no-answer"}
    assert 0.6 < rules.count("success") / 1000 < 0.8


def test_other_endpoints_and_missing_parameters_are_refused() -> None:
    """What the profile does not know is a 404; a required parameter that did not come a 400."""
    one = world()
    assert one.receive(Call(method="GET", target="/v1/check", headers={}), 0.0).answer.status == 404
    assert one.receive(Call(method="POST", target="/v1/check", headers={}), 0.0).answer.status == 400
    assert one.books.charged() == []


TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text not in {".", ".."})


@given(st.sampled_from(["check", "look", "bulk"]), TEXT)
def test_what_the_transport_renders_the_world_reads(name: str, value: str) -> None:
    """The templates read backwards give the value that was put in."""
    provider = acme()
    operation = provider.operations[name]
    request = render(provider.http, operation, {operation.inputs[0].name: value}, attempt_id="abcdefghijklmnop")
    target = request.url.removeprefix("https://api.acme.example")
    sighting = recognise(provider, Call(method=request.method, target=target, headers={}, body=request.body))
    assert sighting is not None
    assert (sighting.operation, sighting.value) == (operation, value)


def test_a_profile_without_a_success_cannot_be_served() -> None:
    """The sandbox says which operation lacks an example."""
    provider = acme()
    with pytest.raises(ProfileError, match=r"acme\.check, acme\.look, acme\.bulk") as caught:
        World(replace(provider, examples=provider.examples[2:]), randomness=Seeded(1))
    assert caught.value.fix


def admin(one: World, method: str, what: str, given: Any = None) -> Answer:
    """A call to the books."""
    return administer(one, Call(method=method, target=f"/_sandbox/{what}", headers={}, body=json.dumps(given).encode()))


def test_the_books_can_be_read_and_the_world_steered() -> None:
    """Ledger, summary, top-up, faults and the next behaviours, as JSON; nonsense is a 400."""
    one = world((9, 1.0), wallet=1)
    assert admin(one, "POST", "next", [{"rule": "hiccup"}, {"manner": "drop", "charged": False}]).status == 200
    for _ in range(4):
        ask(one)
    counts = json.loads(admin(one, "GET", "summary").body)
    assert counts["rules"] == {"hiccup": 1, "success": 2, "no-credits-left": 1}
    assert (counts["requests"], counts["answered"], counts["charged"], counts["wallet"]) == (4, 3, 1, 0.0)
    assert counts["windows"] == [{"at_most": 9, "per_seconds": 1.0, "worst": 4}]
    ledger = [json.loads(line) for line in admin(one, "GET", "ledger").body.splitlines()]
    assert [entry["rule"] for entry in ledger] == [entry.rule for entry in one.books.entries]
    assert json.loads(admin(one, "POST", "top-up", {"units": 2}).body)["wallet"] == 2.0
    admin(one, "POST", "faults", {"share": 0.5})
    assert one.faults == 0.5
    for what, wish in (("next", [{"rule": "unheard-of"}]), ("next", [{"x": 1}]), ("top-up", {}), ("elsewhere", {})):
        assert admin(one, "POST", what, wish).status == 400
    assert admin(one, "GET", "elsewhere").status == 404


def test_what_is_booked_twice_counts_twice() -> None:
    """The sum of the books is what left the wallet; what the answer says it was charged stays the price."""
    one = world(wallet=10)
    one.next([Behaviour(), Behaviour(times=2)])
    entries = [ask(one, email).entry for email in ("a@example.com", "b@example.com")]
    books = json.loads(administer(one, Call(method="GET", target="/_sandbox/summary", headers={}, body=b"")).body)
    assert [(entry.charged, entry.booked) for entry in entries] == [(MILLION, MILLION), (MILLION, 2 * MILLION)]
    assert (books["charged_amount"], books["wallet"]) == (3 * MILLION, 7)


def test_the_page_of_commands_explains_the_books() -> None:
    """Every figure of the summary, and everything that can be asked of the provider, by its name."""
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    section = page.partition("### `sandbox PROVIDER`")[2].partition("\n## ")[0]
    assert [name for name in summary(world()) if f"`{name}`" not in section] == []
    calls = re.findall(r"^(GET|POST) +(/_sandbox/[a-z-]+)", administration.__doc__ or "", re.MULTILINE)
    assert [call for call in calls if f"`{' '.join(call)}`" not in section] == []
    assert len(calls) == 6


def test_any_answer_can_be_asked_for_from_another_process() -> None:
    """Status, headers and a body, as text or as bytes; what is no answer is a 400."""
    one = world()
    html = {"status": 503, "headers": {"retry-after": "1"}, "body": "<html>"}
    assert admin(one, "POST", "next", [{"answer": html}, {"answer": {"body_base64": "H4sIAAA="}}]).status == 200
    first, second = ask(one).answer, ask(one).answer
    assert (first.status, first.header("Retry-After"), first.body) == (503, "1", b"<html>")
    assert (second.status, second.body) == (200, b"\x1f\x8b\x08\x00\x00")
    wrong: list[Any] = [[], {"text": ""}, {"body_base64": "?"}]
    assert [admin(one, "POST", "next", [{"answer": answer}]).status for answer in wrong] == [400, 400, 400]


@pytest.mark.parametrize("name", shipped_names())
def test_every_rule_of_a_shipped_profile_can_be_tried(name: str) -> None:
    """`rule-NAME@example.com` leads the runner's own reading to the rule NAME, but for what no server can do, and for
    rules about requests of another safety than this one's."""
    provider = load_shipped(name)
    base_path = urlsplit(provider.http.base_url).path
    one = World(replace(provider, limits=()), randomness=Seeded(1))
    operation = next(each for each in provider.operations.values() if each.inputs[0].kind is InputKind.EMAIL)
    tried = set()
    for rule in provider.rules:
        params = {operation.inputs[0].name: f"rule-{rule.name}@example.com"}
        request = render(provider.http, operation, params, attempt_id="abcdefghijklmnop")
        target = base_path + request.url.removeprefix(provider.http.base_url)
        reply = one.receive(Call(method=request.method, target=target, headers={}, body=request.body), 0.0)
        answer = Answer(fault=Fault.NO_ANSWER) if reply.manner is Manner.DROP else reply.answer
        tried.add(classify(provider, operation, answer).rule)
    shown = {one.rule for one in provider.examples if one.safe in {None, operation.safe}}
    elsewhere = {one.rule for one in provider.examples} - shown
    assert {rule.name for rule in provider.rules} - tried <= {"not-sent", "invalid", "tls"} | elsewhere
