"""What one answer means: the profile's rules, top to bottom, first match wins. Total: every answer gets a verdict.

The body decides before the HTTP status wherever the profile says so; this file knows no provider.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from runner.domain.body import ParsedBody, lookup, parse_body
from runner.domain.charge import stated_amount
from runner.domain.model import UNSENT, Action, Amount, Answer, Debited, Fault, Verdict, WaitWord
from runner.domain.provider import Condition, Http, Lookup, Operation, Provider, Rule

CODE_CHARACTERS: Final = 100
MESSAGE_CHARACTERS: Final = 500

_MISSING: Final = object()

# Only for a provider built without a catch-all; the loader refuses such a profile.
_LAST_RESORT: Final = Rule(name="unrecognised", when=(Condition(),), then=Action.HALT, debited=Debited.UNKNOWN)

_WITHDRAWN: Final = Verdict(rule="withdrawn", action=Action.RETRY, debited=Debited.NO, recognised=True)


class _Seen(NamedTuple):
    """One answer as the conditions look at it."""

    answer: Answer
    parsed: ParsedBody
    code: str | None
    type_: str | None
    safe: bool


def classify(provider: Provider, operation: Operation, answer: Answer, parsed: ParsedBody | None = None) -> Verdict:
    """What the provider's rules say of an answer to this operation. Never raises.

    `parsed` saves reading the body twice. Not judged at all: a withdrawn attempt, which was never sent.
    """
    if answer.fault is Fault.WITHDRAWN:
        return _WITHDRAWN
    body = parse_body(answer) if parsed is None else parsed
    http = provider.http
    seen = _Seen(
        answer=answer,
        parsed=body,
        code=_scalar_at(body, http.error_code),
        type_=_scalar_at(body, http.error_type),
        safe=operation.safe,
    )
    for rule in provider.rules:
        condition = next((one for one in rule.when if _matches(one, seen)), None)
        if condition is not None and (rule.then is not Action.SUCCEED or _can_succeed(operation, condition, seen)):
            return _verdict(rule, condition, http, seen)
    return _verdict(_LAST_RESORT, Condition(), http, seen)


def looks_at_body(condition: Condition) -> bool:
    """Whether a condition can only match an answer whose body was read."""
    return bool(
        condition.code or condition.type_ or condition.has or condition.equals or condition.contains or condition.is_
    )


def same_json(left: Any, right: Any) -> bool:
    """JSON equality: 1 is 1.0, but true is not 1, and the order of keys does not matter."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same_json(one, other) for one, other in zip(left, right, strict=True))
    return bool(left == right)


def kind_of(value: Any) -> str:
    """JSON's name for a value's kind: object, array, string, boolean, null or number."""
    match value:
        case dict():
            return "object"
        case list():
            return "array"
        case str():
            return "string"
        case bool():
            return "boolean"
        case None:
            return "null"
        case _:
            return "number"


def fits(pattern: str, value: str) -> bool:
    """Whether a code fits `EXACT` or `PREFIX_*`; neither case nor surrounding blanks matter."""
    wanted, given = pattern.casefold(), value.strip().casefold()
    return given.startswith(wanted[:-1]) if wanted.endswith("*") else given == wanted


def _can_succeed(operation: Operation, condition: Condition, seen: _Seen) -> bool:
    """An answer that cannot be read is no success where something is to be read from it: it falls to a later rule.

    But for a 204 that the profile names: it says by itself that there is nothing.
    """
    if seen.answer.fault is not None or seen.answer.truncated:
        return False
    nothing = seen.answer.status == 204 and not seen.answer.body and 204 in condition.statuses
    return nothing or seen.parsed.readable or not (operation.columns or operation.found)


def _matches(condition: Condition, seen: _Seen) -> bool:
    return (
        (condition.safe is None or condition.safe == seen.safe)
        and (not condition.faults or seen.answer.fault in condition.faults)
        and _status_matches(condition, seen.answer.status)
        and _text_matches(condition.code, seen.code)
        and _text_matches(condition.type_, seen.type_)
        and (not looks_at_body(condition) or (seen.parsed.readable and _body_matches(condition, seen.parsed.value)))
    )


def _status_matches(condition: Condition, status: int | None) -> bool:
    if not condition.statuses and not condition.status_classes:
        return True
    return status is not None and (status in condition.statuses or status // 100 in condition.status_classes)


def _text_matches(patterns: tuple[str, ...], value: str | None) -> bool:
    return not patterns or (value is not None and any(fits(pattern, value) for pattern in patterns))


def _body_matches(condition: Condition, value: Any) -> bool:
    return (
        all(lookup(value, path) is not None for path in condition.has)
        and all(same_json(lookup(value, path, _MISSING), wanted) for path, wanted in condition.equals.items())
        and all(_holds(lookup(value, path), part) for path, part in condition.contains.items())
        and all(_is(lookup(value, path, _MISSING), kind) for path, kind in condition.is_.items())
    )


def _holds(value: Any, part: str) -> bool:
    return isinstance(value, str) and part.casefold() in value.casefold()


def _is(value: Any, kind: str) -> bool:
    return value is not _MISSING and kind_of(value) == kind


def _scalar_at(body: ParsedBody, path: str | None) -> str | None:
    """Text or a number at a path, as text; anything else is not a code."""
    value = lookup(body.value, path) if path and body.readable else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def _verdict(rule: Rule, condition: Condition, http: Http, seen: _Seen) -> Verdict:
    message = _message(http, seen)
    words = _wait_words(http, seen.answer)
    charge = _stated(http.charge, seen)  # it decides: who was charged knows better than a rule
    guess = _debited(rule, condition, seen, envelope=bool(seen.code or seen.type_ or message))
    return Verdict(
        rule=rule.name,
        action=rule.then,
        debited=guess if charge is None else Debited.YES if charge else Debited.NO,
        recognised=not condition.is_catch_all() and (seen.answer.fault is not None or seen.parsed.readable),
        resend=rule.resend,
        unproven_halt=rule.unproven_halt,
        wait_seconds=rule.wait_seconds,
        wait_cap_seconds=rule.wait_cap_seconds,
        until=rule.until,
        attempts=rule.attempts,
        halt_after=rule.halt_after,
        outage=rule.outage,
        charge=charge,
        balance=_stated(http.balance, seen),
        retry_after=words,
        told_at=seen.answer.header("Date") if words else None,
        advice=rule.advice,
        error_code=shown(seen.code or seen.type_, CODE_CHARACTERS),
        error_message=shown(message, MESSAGE_CHARACTERS),
        provider_request_id=shown(_request_id(http, seen), CODE_CHARACTERS),
    )


def _debited(rule: Rule, condition: Condition, seen: _Seen, *, envelope: bool) -> Debited:
    """What the rule says, but for what is known better: the provider never saw it, or something in front refused it.

    A 3xx or 4xx that does not speak as the provider does was refused before any work, where the rule itself does not
    know: one for the rest, or for a class such as "4xx". What it calls charged stays charged.
    """
    if seen.answer.fault in UNSENT:
        return Debited.NO
    refused = seen.answer.status is not None and 300 <= seen.answer.status < 500
    # Whoever names the very status has seen such an answer, or read of it.
    guessed = rule.debited is Debited.UNKNOWN and not condition.statuses
    if refused and guessed and not envelope and not looks_at_body(condition):
        return Debited.NO
    return rule.debited


def _stated(places: tuple[Lookup, ...], seen: _Seen) -> Amount | None:
    """The amount at the first of these places that holds one."""
    if seen.answer.fault is not None:
        return None
    for place in places:
        if place.header:
            amount = stated_amount(seen.answer.header(place.header))
        else:
            amount = stated_amount(lookup(seen.parsed.value, place.body or "")) if seen.parsed.readable else None
        if amount is not None:
            return amount
    return None


def _message(http: Http, seen: _Seen) -> str | None:
    value = lookup(seen.parsed.value, http.error_message) if http.error_message and seen.parsed.readable else None
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else None
    return None if value is None else str(value).strip() or None


def _request_id(http: Http, seen: _Seen) -> str | None:
    for place in http.request_id:
        found = seen.answer.header(place.header) if place.header else _scalar_at(seen.parsed, place.body)
        if found and found.strip():
            return found.strip()
    return None


def _wait_words(http: Http, answer: Answer) -> tuple[WaitWord, ...]:
    """All that the profile's headers say of the time to wait: which of it holds, and what it comes to, is for whoever
    waits and knows the time."""
    return tuple(
        WaitWord(value, place.form == "unix", number)
        for number, place in enumerate(http.wait_headers)
        if place.header
        for value in answer.values(place.header)
    )


def shown(text: str | None, limit: int) -> str | None:
    """A provider's text as it may be stored and printed: unprintable characters escaped, at most `limit` characters."""
    if text is None or (len(text) <= limit and text.isprintable()):
        return text
    cut = text[: limit + 1]
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in cut)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
