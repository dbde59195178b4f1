"""A small provider for the sandbox's own tests, with an example of each kind of rule."""

from __future__ import annotations

import json
from typing import Any

from runner.domain.model import MILLION, Action, Amount, Answer, Debited, Fault
from runner.domain.provider import (
    Auth,
    Condition,
    Example,
    Http,
    Input,
    InputKind,
    Limit,
    Lookup,
    Operation,
    Provider,
    Rule,
)

KEY = "obviously-fake-key-0000"


def _rule(name: str, then: Action, debited: Debited, *, wait: float | None = None, built_in: bool = False) -> Rule:
    when = (Condition(code=(name.upper(),)),)
    return Rule(name=name, when=when, then=then, debited=debited, wait_seconds=wait, built_in=built_in)


def _example(name: str, status: int = 200, **body: Any) -> Example:
    given = body or {"ok": False, "code": name.upper()}
    return Example(answer=Answer(status=status, body=json.dumps(given).encode()), rule=name)


def acme(*limits: tuple[int, float], price: int | None = MILLION) -> Provider:
    """The provider, with these windows."""
    check = Operation(
        provider="acme",
        name="check",
        column_prefix="acme_check_",
        method="POST",
        path="/check",
        inputs=(
            Input(name="email", kind=InputKind.EMAIL),
            Input(name="label", kind=InputKind.TEXT, required=False, default="{attempt}"),
        ),
        form={"email": "{email}", "label": "{label?}"},
        price=None if price is None else Amount(price),
    )
    look = Operation(
        provider="acme",
        name="look",
        column_prefix="acme_look_",
        method="GET",
        path="/look/{domain}/now",
        inputs=(Input(name="domain", kind=InputKind.DOMAIN),),
        query={"page": 1, "note": "n-{note?}"},
        safe=True,
        price=Amount(0),
    )
    bulk = Operation(
        provider="acme",
        name="bulk",
        column_prefix="acme_bulk_",
        method="POST",
        path="/bulk",
        inputs=(Input(name="email", kind=InputKind.EMAIL),),
        json={"items": [{"address": "{email}", "on": True}]},
        price=Amount(2 * MILLION),
    )
    rules = (
        _rule("success", Action.SUCCEED, Debited.YES),
        _rule("no-credits-left", Action.HALT, Debited.NO),
        _rule("invalid-key", Action.HALT, Debited.NO),
        _rule("no-key", Action.HALT, Debited.NO),
        _rule("slow-minute", Action.PAUSE, Debited.NO, wait=60),
        _rule("slow-second", Action.PAUSE, Debited.NO, wait=1),
        _rule("hiccup", Action.RETRY, Debited.NO),
        _rule("bad-address", Action.FAIL, Debited.YES),
        Rule(
            name="no-answer",
            when=(Condition(faults=frozenset({Fault.NO_ANSWER})),),
            then=Action.RETRY,
            debited=Debited.UNKNOWN,
            built_in=True,
        ),
        Rule(name="rest", when=(Condition(),), then=Action.HALT, debited=Debited.UNKNOWN),
    )
    examples = (
        _example("success", ok=True, id="0", wallet="10", echo={"email": "x@example.com"}, risk="low"),
        _example("success", ok=True, id="0", wallet="10", echo={"email": "x@example.com"}, risk="high"),
        *(_example(rule.name) for rule in rules[1:8]),
        _example("rest", 418, what="ever"),
    )
    return Provider(
        name="acme",
        title="Acme",
        http=Http(
            base_url="https://api.acme.example/v1",
            auth=Auth(kind="bearer"),
            request_id=(Lookup(body="id"),),
            balance=(Lookup(body="wallet"),),
            client_request_id="X-Request-Id",
        ),
        operations={one.name: one for one in (check, look, bulk)},
        rules=rules,
        limits=tuple(Limit(at_most=at_most, per_seconds=per_seconds) for at_most, per_seconds in limits),
        examples=examples,
    )
