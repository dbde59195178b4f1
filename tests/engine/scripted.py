"""A scripted provider: its answers, a rule for each of them, and the wire with a function on the other side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from runner.domain.model import Action, Amount, Answer, Debited, Fault, Request
from runner.domain.provider import Auth, Condition, Http, Limit, Operation, Provider, Retry, Rule
from runner.engine.ports import UnsendableError
from runner.engine.wire import Arrived, unheard

CHECK = Amount(1_000_000)

OK = Answer(status=200, body=b'{"ok": true, "score": 7}')
BUSY = Answer(status=200, body=b'{"ok": false, "error": "busy"}')
BAD_ROW = Answer(status=200, body=b'{"ok": false, "error": "bad"}')
BROKE = Answer(status=200, body=b'{"ok": false, "error": "broke", "message": "top up"}')
WRONG = Answer(status=404, body=b"{}")
LATER = Answer(status=429, body=b"{}")
DOWN = Answer(status=503, body=b"<html>")
GARBAGE = Answer(status=200, body=b"<html>")
LOST = Answer(fault=Fault.NO_ANSWER)
REFUSED = Answer(fault=Fault.NOT_SENT)


def operation(provider: str, name: str, **more: Any) -> Operation:
    """A paid POST."""
    return Operation(
        provider=provider,
        name=name,
        column_prefix=f"{provider}_{name}_",
        method="POST",
        path="/check",
        inputs=(),
        price=CHECK,
        unit="check",
        columns={"score": lambda body: body["score"]},
        **more,
    )


def rule(name: str, then: Action, debited: Debited = Debited.NO, *, when: Condition, **more: Any) -> Rule:
    """A rule with one condition."""
    return Rule(name=name, when=(when,), then=then, debited=debited, **more)


RULES = (
    rule("ok", Action.SUCCEED, Debited.YES, when=Condition(equals={"ok": True})),
    rule("broke", Action.HALT, when=Condition(code=("broke",)), advice="Top up."),
    rule("busy", Action.RETRY, when=Condition(code=("busy",))),
    rule("bad", Action.FAIL, when=Condition(code=("bad",))),
    rule("wrong-shape", Action.FAIL, when=Condition(statuses=frozenset({404})), unproven_halt=True),
    rule("later", Action.PAUSE, when=Condition(statuses=frozenset({429})), wait_seconds=60),
    rule("down", Action.RETRY, Debited.UNKNOWN, when=Condition(status_classes=frozenset({5}))),
    rule("not-sent", Action.RETRY, when=Condition(faults=frozenset({Fault.NOT_SENT}))),
    rule("invalid", Action.HALT, when=Condition(faults=frozenset({Fault.INVALID}))),
    rule("no-answer", Action.RETRY, Debited.UNKNOWN, when=Condition(faults=frozenset({Fault.NO_ANSWER}))),
    rule("odd", Action.FAIL, Debited.UNKNOWN, when=Condition()),
)


def provider(name: str = "acme", *, in_flight: int = 8, limits: tuple[Limit, ...] = (), safe: bool = False) -> Provider:
    """A provider whose every answer above has a rule."""
    return Provider(
        name=name,
        title=name.title(),
        http=Http(
            base_url="http://127.0.0.1:1",
            auth=Auth(kind="none"),
            error_code="error",
            error_message="message",
        ),
        operations={"email": operation(name, "email", safe=safe)},
        rules=RULES,
        limits=limits,
        in_flight=in_flight,
        retry=Retry(attempts=4, base_seconds=1, cap_seconds=8),
    )


def changed(*rules: Rule, **more: Any) -> Provider:
    """The provider above, with rules of its own before the others, or in place of those of the same name."""
    base = provider(**more)
    names = {one.name for one in rules}
    return replace(base, rules=(*rules, *(one for one in base.rules if one.name not in names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request as the provider saw it."""

    at: float
    value: str
    client_request_id: str


Script = Callable[[Sent], Answer]
Door = Callable[[float], str | None]


@dataclass(slots=True)
class ScriptedTransport:
    """The transport port with a function on the other side; every request takes `latency` seconds."""

    script: Script
    latency: float = 0.2
    slow: Mapping[str, float] = field(default_factory=dict)  # seconds more before the answer to a value
    timeout: float = 0.0  # how long an answer that never comes is waited for
    sent: list[Sent] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    forgotten: list[float] = field(default_factory=list)  # when idle connections were to be dropped
    door: Door | None = None  # whether somebody is there, at a time; else somebody always is
    knocks: list[float] = field(default_factory=list)

    def prepare(self, operation: Operation, params: Mapping[str, str], *, attempt_id: str) -> Request:
        """The value travels in the body."""
        if params["email"] == "unsendable":
            raise UnsendableError("a header may not hold a line break")
        return Request(
            method=operation.method,
            url="http://127.0.0.1:1/check",
            path=operation.path,
            headers=(),
            body=json.dumps(dict(params)).encode(),
            client_request_id=attempt_id,
        )

    async def send(self, request: Request, *, arrived: Arrived = unheard) -> Answer:
        """Ask the script half-way through the latency: there the request has arrived."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await anyio.sleep(self.latency / 2)
        sent = Sent(
            at=anyio.current_time(),
            value=json.loads(request.body)["email"],
            client_request_id=request.client_request_id,
        )
        self.sent.append(sent)
        arrived()
        answer = self.script(sent)
        vanished = self.timeout if answer.fault is Fault.NO_ANSWER else 0.0
        await anyio.sleep(self.latency / 2 + self.slow.get(sent.value, 0.0) + vanished)
        self.in_flight -= 1
        return answer

    def forget_idle(self) -> None:
        """Remember when."""
        self.forgotten.append(anyio.current_time())

    async def knock(self) -> str | None:
        """Ask the door; what it says takes as long as an answer."""
        self.knocks.append(anyio.current_time())
        said = None if self.door is None else self.door(self.knocks[-1])
        await anyio.sleep(self.latency)
        return said

    async def aclose(self) -> None:
        """Nothing to close."""
