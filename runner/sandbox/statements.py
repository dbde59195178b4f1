"""What an answer says of itself: its id, what was charged, what is left, how many requests are allowed, when to return.

Where such things stand is the profile's to say, which of them a provider tells is shown by its examples: a place that
an example fills is filled anew with what is true in this world, a place it leaves out stays out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from runner.domain.body import is_position, lookup
from runner.domain.charge import stated_amount
from runner.domain.model import MILLION, Answer
from runner.domain.provider import Http, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is true of one request. Amounts are millionths of the provider's unit."""

    request_id: str
    charged: int
    wallet: int  # what is left after it
    retry_seconds: float | None = None  # of a refusal: until the window that was full admits one more


def stated_charge(http: Http, answer: Answer) -> int | None:
    """The charge an answer states, in millionths, from the first of the profile's places that holds a number."""
    body = _json(answer)
    for place in http.charge:
        amount = stated_amount(answer.header(place.header) if place.header else lookup(body, place.body or ""))
        if amount is not None:
            return amount
    return None


def restated(provider: Provider, answer: Answer, figures: Figures) -> Answer:
    """The answer with its own statements made true."""
    headers = _header_statements(provider, figures)
    told = tuple((name, headers.get(name.lower(), value)) for name, value in answer.headers)
    body = _json(answer)
    if not isinstance(body, dict):
        return replace(answer, headers=told)
    new = _body_restated(provider.http, body, figures)
    # An example that states nothing goes out byte for byte as it stands in the profile.
    raw = answer.body if new == body else json.dumps(new, ensure_ascii=False).encode("utf-8", "replace")
    return replace(answer, headers=told, body=raw)


def _header_statements(provider: Provider, figures: Figures) -> Mapping[str, str]:
    """Lower-case header names and what each says now."""
    http = provider.http
    said = {place.header: figures.request_id for place in http.request_id if place.header}
    said |= {place.header: _text(figures.charged) for place in http.charge if place.header}
    said |= {place.header: _text(figures.wallet) for place in http.balance if place.header}
    said |= {limit.learn.header: str(limit.at_most) for limit in provider.limits if limit.learn}
    if figures.retry_seconds is not None:
        wait = str(int(figures.retry_seconds) + 1)
        said |= {place.header: wait for place in http.wait_headers if place.header and place.form == "text"}
    return {name.lower(): value for name, value in said.items()}


def _body_restated(http: Http, body: Any, figures: Figures) -> Any:
    for place in http.request_id:
        if place.body:
            body = _put(body, place.body.split("."), lambda old: figures.request_id if isinstance(old, str) else old)
    for places, amount in ((http.charge, figures.charged), (http.balance, figures.wallet)):
        for place in places:
            if place.body:
                body = _put(body, place.body.split("."), partial(_amount_like, millionths=amount))
    return body


def _put(node: Any, path: list[str], change: Callable[[Any], Any]) -> Any:
    """A copy with the value at a path changed, if there is one."""
    if not path:
        return change(node)
    step = path[0]
    if isinstance(node, dict) and step in node:
        return {**node, step: _put(node[step], path[1:], change)}
    if isinstance(node, list) and is_position(step) and int(step) < len(node):
        place = int(step)
        return [*node[:place], _put(node[place], path[1:], change), *node[place + 1 :]]
    return node


def _amount_like(old: Any, millionths: int) -> Any:
    """An amount as a text where a text stood, as a number where a number stood."""
    if isinstance(old, str):
        return _text(millionths)
    if isinstance(old, bool) or not isinstance(old, int | float):
        return old
    return millionths / MILLION if millionths % MILLION else millionths // MILLION


def _text(millionths: int) -> str:
    whole, rest = divmod(millionths, MILLION)
    return f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
