"""From a profile's checked tables to the values the rest of the project knows. Nothing is checked again here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from runner.domain.model import Answer, Fault
from runner.domain.provider import (
    Auth,
    Condition,
    Example,
    Http,
    Input,
    Learn,
    Limit,
    Lookup,
    Operation,
    Provider,
    Retry,
    Rule,
    SecretRef,
)
from runner.providers.builtin import with_built_in
from runner.providers.expressions import compile_expression
from runner.providers.rule_schema import ConditionTable, ExampleTable, RuleTable
from runner.providers.schema import (
    AuthTable,
    HttpTable,
    InputTable,
    LimitTable,
    OperationTable,
    PlaceTable,
    ProfileTable,
)
from runner.providers.templates import placeholders

SAFE_METHODS = ("GET", "HEAD")


def compile_provider(
    top: ProfileTable,
    http: HttpTable,
    operations: Mapping[str, OperationTable],
    rules: Sequence[Rule],
    examples: Sequence[Example],
    *,
    source: str,
) -> Provider:
    """The whole provider. `rules` are its own, the catch-all last; `source` names the profile in messages."""
    return Provider(
        name=top.name,
        title=top.title or top.name,
        http=_http(http),
        operations={name: _operation(top.name, name, table) for name, table in operations.items()},
        rules=with_built_in(rules),
        limits=tuple(_limit(limit) for limit in top.limits),
        in_flight=top.concurrency.in_flight,
        pace=top.pace,
        store=top.store,
        retry=Retry(attempts=top.retry.attempts, base_seconds=top.retry.base, cap_seconds=top.retry.cap),
        examples=tuple(examples),
        docs=tuple(top.docs),
        checked=top.checked.isoformat() if top.checked else "",
        source=source,
    )


def compile_condition(table: ConditionTable) -> Condition:
    """One table of `when`."""
    statuses, classes = table.status or (frozenset(), frozenset())
    return Condition(
        statuses=statuses,
        status_classes=classes,
        code=table.code or (),
        type_=table.type_ or (),
        has=table.has or (),
        equals=table.equals or {},
        contains=table.contains or {},
        is_=table.is_ or {},
        faults=table.fault or frozenset(),
        safe=table.safe,
    )


def compile_rule(table: RuleTable, when: tuple[Condition, ...]) -> Rule:
    """One own rule."""
    low, high = table.wait or (None, None)
    return Rule(
        name=table.name,
        when=when,
        then=table.then,
        debited=table.debited,
        wait_seconds=low,
        wait_cap_seconds=high,
        until=table.until,
        attempts=table.attempts,
        resend=table.resend,
        unproven_halt=table.unproven == "halt",
        halt_after=table.halt_after,
        outage=table.outage,
        advice=table.advice.strip(),
    )


def compile_example(table: ExampleTable) -> Example:
    """One example; a body that is no text is sent as JSON."""
    return Example(answer=_answer(table), rule=table.rule, operation=table.operation, safe=table.safe)


def is_safe(method: object, stated: object) -> bool:
    """Whether repeating a request costs nothing: as the profile states, else only where HTTP promises it."""
    return stated if isinstance(stated, bool) else method in SAFE_METHODS


def _answer(table: ExampleTable) -> Answer:
    answer = table.answer
    if answer.fault is not None:
        return Answer(fault=_only(answer.fault))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if isinstance(answer.body, str):
        body = answer.body.encode()
        kind = "text/html; charset=utf-8" if answer.body.lstrip().startswith("<") else "text/plain; charset=utf-8"
    else:
        body = json.dumps(answer.body, ensure_ascii=False).encode()
        kind = "application/json"
    if body:
        headers.setdefault("content-type", kind)
    return Answer(status=answer.status, headers=tuple(headers.items()), body=body)


def _only(faults: frozenset[Fault]) -> Fault:
    (fault,) = faults
    return fault


def _http(table: HttpTable) -> Http:
    http = Http(
        base_url=table.base_url,
        auth=_auth(table.auth),
        timeout_seconds=table.timeout,
        keepalive_seconds=table.keepalive,
        error_code=table.error_code,
        error_message=table.error_message,
        error_type=table.error_type,
        request_id=_places(table.request_id),
        client_request_id=table.client_request_id,
        headers=tuple(table.headers.items()),
        charge=_places(table.charge),
        balance=_places(table.balance),
        health=table.health,
    )
    if table.wait_headers is None:
        return http
    waits = tuple(Lookup(header=place.header, form=place.form) for place in table.wait_headers)
    return replace(http, wait_headers=waits)


def _places(tables: Sequence[PlaceTable]) -> tuple[Lookup, ...]:
    return tuple(Lookup(body=place.body, header=place.header) for place in tables)


def _limit(table: LimitTable) -> Limit:
    learn = Learn(header=table.learn.header, share=table.learn.share) if table.learn else None
    return Limit(at_most=table.at_most, per_seconds=table.per_seconds, learn=learn)


def _auth(table: AuthTable | None) -> Auth:
    if table is None:
        return Auth(kind="none")
    secret = SecretRef(
        env=table.secret.env,
        file=table.secret.file,
        command=tuple(table.secret.command) if table.secret.command else None,
    )
    if table.header is not None:
        return Auth(kind="header", name=table.header, secret=secret, pattern=table.pattern)
    if table.basic is not None:
        return Auth(kind="basic", name=table.basic, secret=secret, pattern=table.pattern)
    if table.query is not None:
        return Auth(kind="query", name=table.query, secret=secret, pattern=table.pattern)
    return Auth(kind="bearer", secret=secret, pattern=table.pattern)


def _operation(provider: str, name: str, table: OperationTable) -> Operation:
    found = placeholders(table.model_dump(by_alias=True, include={"path", "query", "form", "json_"}))
    required = {one.name for one in found if not one.optional}
    return Operation(
        provider=provider,
        name=name,
        column_prefix=f"{provider}_{name}_",
        method=table.method,
        path=table.path,
        inputs=tuple(_input(key, one, required=key in required) for key, one in table.input.items()),
        query=table.query,
        form=table.form,
        json=table.json_,
        safe=is_safe(table.method, table.safe),
        price=table.price,
        price_max=table.price_max,
        unit=table.unit,
        found=compile_expression(table.found) if table.found else None,
        columns={column: compile_expression(text) for column, text in table.columns.items()},
    )


def _input(name: str, table: InputTable, *, required: bool) -> Input:
    return Input(
        name=name,
        kind=table.kind,
        required=required,
        of=tuple(table.of or ()),
        max=table.max,
        send=table.send,
        keep_case=table.case == "keep",
        default=table.default,
    )
