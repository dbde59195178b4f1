"""Why a rule takes an answer or leaves it, in words that point at the profile's own keys.

Whether something holds is never decided here: each part of a condition is put to `classify` alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from runner.domain.body import ParsedBody, lookup, parse_body
from runner.domain.model import Action, Answer, Debited
from runner.domain.provider import Condition, Http, Operation, Provider, Rule
from runner.domain.rules import classify, kind_of, looks_at_body

_MISSING: Final = object()
_CHARACTERS: Final = 60


class Reasons:
    """The reasons of one answer to one operation."""

    def __init__(self, provider: Provider, operation: Operation, answer: Answer) -> None:
        self._provider = provider
        self._operation = operation
        self._answer = answer
        self._parsed = parse_body(answer)

    def for_taking(self, rule: Rule) -> str:
        """What of a rule's `when` matched: `status 402 and code "NO_FUNDS"`. A `status` of the body is told as that."""
        return next((condition_text(one) for one in rule.when if self._holds(one)), "")

    def for_leaving(self, rule: Rule) -> tuple[str, ...]:
        """The first thing that does not hold in each table of a rule's `when`.

        Empty: one of them holds, so an earlier rule took the answer. A success that cannot be read is told as that.
        """
        unmet = [self._first_unmet(condition) for condition in rule.when]
        if all(unmet):
            return tuple(text for text in unmet if text)
        if rule.then is Action.SUCCEED and not self._parsed.readable:
            return (f"its `when` holds, but the body cannot be read: {self._parsed.why}",)
        return ()

    def _first_unmet(self, condition: Condition) -> str | None:
        if looks_at_body(condition) and self._answer.status is not None and not self._parsed.readable:
            without = replace(condition, code=(), type_=(), has=(), equals={}, contains={}, is_={})
            return self._first_unmet(without) or f"the body cannot be read: {self._parsed.why}; the rule looks into it"
        for part, told in _parts(condition, self._provider.http):
            if not self._holds(part):
                return told(self._answer, self._parsed, self._operation)
        return None

    def _holds(self, condition: Condition) -> bool:
        only = Rule(name="it-holds", when=(condition,), then=Action.FAIL, debited=Debited.NO)
        provider = replace(self._provider, rules=(only,))
        return classify(provider, self._operation, self._answer).rule == only.name


Told = Callable[[Answer, ParsedBody, Operation], str]


def condition_text(condition: Condition) -> str:
    """A condition as one reads it: `status 402 or 5xx and code "NO_FUNDS"`; `anything` for the catch-all."""
    parts = [
        f"fault {_either(sorted(condition.faults))}" if condition.faults else "",
        f"status {status_text(condition)}" if condition.statuses or condition.status_classes else "",
        f"code {_either(map(_shown, condition.code))}" if condition.code else "",
        f"type {_either(map(_shown, condition.type_))}" if condition.type_ else "",
        *(f"something at {path} in the body" for path in condition.has),
        *(f"{path} in the body is {_shown(value)}" for path, value in condition.equals.items()),
        *(f"{path} in the body contains {_shown(part)}" for path, part in condition.contains.items()),
        *(f"{path} in the body is of kind {kind}" for path, kind in condition.is_.items()),
        "" if condition.safe is None else f"an operation that is{'' if condition.safe else ' not'} safe",
    ]
    return " and ".join(filter(None, parts)) or "anything"


def status_text(condition: Condition) -> str:
    """`402 or 5xx`; empty where any will do."""
    classes = [f"{one}xx" for one in sorted(condition.status_classes)]
    return _either([*map(str, sorted(condition.statuses)), *classes])


def _parts(condition: Condition, http: Http) -> Iterator[tuple[Condition, Told]]:
    """A condition taken apart, each part with what to say when it does not hold."""
    if condition.safe is not None:
        yield Condition(safe=condition.safe), _safe_told
    if condition.faults:
        yield Condition(faults=condition.faults), _fault_told(condition)
    if condition.statuses or condition.status_classes:
        status = Condition(statuses=condition.statuses, status_classes=condition.status_classes)
        yield status, _status_told(condition)
    if condition.code:
        yield Condition(code=condition.code), _text_told("code", http.error_code, condition.code)
    if condition.type_:
        yield Condition(type_=condition.type_), _text_told("type", http.error_type, condition.type_)
    for path in condition.has:
        yield Condition(has=(path,)), _value_told(path, "something that is not null")
    for path, value in condition.equals.items():
        yield Condition(equals={path: value}), _value_told(path, _shown(value))
    for path, part in condition.contains.items():
        yield Condition(contains={path: part}), _value_told(path, f"a text with {_shown(part)}")
    for path, kind in condition.is_.items():
        yield Condition(is_={path: kind}), _value_told(path, kind)


def _safe_told(_answer: Answer, _parsed: ParsedBody, operation: Operation) -> str:
    is_, wants = ("", " not") if operation.safe else (" not", "")
    return f"the operation is{is_} safe, the rule wants one that is{wants}"


def _fault_told(condition: Condition) -> Told:
    wanted = f"the rule wants fault {_either(sorted(condition.faults))}"
    return lambda answer, _parsed, _operation: (
        f"an answer came (status {answer.status}), {wanted}"
        if answer.fault is None
        else f"the fault is {answer.fault}, {wanted}"
    )


def _status_told(condition: Condition) -> Told:
    wanted = f"the rule wants {status_text(condition)}"
    return lambda answer, _parsed, _operation: (
        f"no answer came (fault {answer.fault}), {wanted}"
        if answer.status is None
        else f"status is {answer.status}, {wanted}"
    )


def _text_told(word: str, path: str | None, patterns: tuple[str, ...]) -> Told:
    wanted = f"the rule wants {_either(map(_shown, patterns))}"

    def told(_answer: Answer, parsed: ParsedBody, _operation: Operation) -> str:
        value = lookup(parsed.value, path, _MISSING) if path and parsed.readable else _MISSING
        if value is _MISSING:
            return f"there is no {word} (nothing at {path}), {wanted}"
        return f"{word} is {_shown(value)}, {wanted}"

    return told


def _value_told(path: str, wanted: str) -> Told:
    def told(_answer: Answer, parsed: ParsedBody, _operation: Operation) -> str:
        value = lookup(parsed.value, path, _MISSING) if parsed.readable else _MISSING
        if value is _MISSING:
            return f"the body has nothing at {path}, the rule wants {wanted}"
        kind = "" if isinstance(value, str | bool) or value is None else f" ({kind_of(value)})"
        return f"{path} in the body is {_shown(value)}{kind}, the rule wants {wanted}"

    return told


def _shown(value: Any) -> str:
    """A JSON value as it is spelt, shortened: a text in quotes, false without them."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CHARACTERS else f"{text[: _CHARACTERS - 1]}…"


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)
