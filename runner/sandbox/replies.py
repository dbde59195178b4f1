"""What a provider world can answer: the profile's own examples, and the ways an answer can go wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from runner.domain.model import UNSENT, Action, Answer, Debited, Fault
from runner.domain.provider import PLACEHOLDER, Example, Operation, Provider, Rule
from runner.errors import ProfileError
from runner.sandbox.calls import Sighting

_FUNDS = ("fund", "credit", "balance", "wallet", "billing", "payment")


class Manner(StrEnum):
    """How an answer leaves the server."""

    ANSWER = "answer"  # whole
    DROP = "drop"  # the connection closes instead
    HANG = "hang"  # nothing, until the client gives up
    DRIP = "drip"  # one byte at a time
    ENDLESS = "endless"  # a body that never ends
    CUT = "cut"  # closes after `after_bytes`
    RESET = "reset"  # resets after `after_bytes`
    HALF_CLOSE = "half-close"  # says it has no more to say, without an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What to do with one request instead of the usual: a rule's example, an answer of one's own, or bad manners.

    Without `rule` and `answer` the content is a success. `charged`: None means a success and a rule that says so;
    `times`: what is charged is booked so often, and stated once.
    """

    rule: str | None = None
    answer: Answer | None = None
    manner: Manner = Manner.ANSWER
    charged: bool | None = None
    times: int = 1
    after_bytes: int = 0
    delay_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """An answer and what the profile calls it."""

    answer: Answer
    rule: str
    charged: bool  # the price, unless the answer states another charge
    manner: Manner = Manner.ANSWER
    as_given: bool = False  # its bytes are somebody's own: nothing in them is made true
    retry_seconds: float | None = None  # of a refusal: until the next request is admitted


class Repertoire:
    """Everything a profile's examples let its world say. Raises `ProfileError` without a success for each operation."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._rules = {rule.name: rule for rule in provider.rules}
        dumb = [one.key for one in provider.operations.values() if not self._successes(one)]
        if dumb:
            raise ProfileError(
                f"the sandbox cannot answer for {', '.join(dumb)}",
                why="it answers with the profile's own examples, and there is none of a success",
                fix="add [[examples]] with a success and its operation to the profile",
            )

    def rule(self, name: str, operation: Operation) -> Content | None:
        """The example of a rule, by its name in any case; a built-in rule gets an answer made for it."""
        rule = next((one for one in self._rules.values() if one.name.casefold() == name.casefold()), None)
        if rule is None:
            return None
        charged = rule.debited is Debited.YES
        shown = next((one.answer for one in self._examples(operation) if one.rule == rule.name), None)
        answer = shown or _made(rule, operation)
        if answer is None or answer.fault in UNSENT:
            return None  # not something a server can do
        if answer.fault is Fault.NO_ANSWER:
            return Content(answer=Answer(), rule=rule.name, charged=True, manner=Manner.DROP)
        return Content(answer=answer, rule=rule.name, charged=charged)

    def success(self, sighting: Sighting, *, request_id: str) -> Content:
        """One of the success examples, the same for the same value, with this request's own values in it."""
        examples = self._successes(sighting.operation)
        digest = hashlib.sha256(sighting.value.casefold().encode("utf-8", "surrogatepass")).digest()
        example = examples[int.from_bytes(digest[:4], "big") % len(examples)]
        ids = {one.body.rpartition(".")[2] for one in self._provider.http.request_id if one.body}
        told = {name: value for name, value in sighting.params.items() if name not in sighting.files}
        own = _fields(sighting.operation, told) | told | dict.fromkeys(ids, request_id)
        return Content(answer=_personal(example.answer, own), rule=example.rule, charged=True)

    def out_of_funds(self, operation: Operation) -> Content:
        """The halt that means an empty wallet, else a plain 402."""
        return self._named(operation, Action.HALT, _FUNDS) or _plain(402, "out-of-funds")

    def too_fast(self, operation: Operation, *, per_seconds: float, retry_seconds: float) -> Content:
        """The pause whose wait is nearest to the window that was full, else a plain 429 with Retry-After."""
        pauses = [
            (abs((rule.wait_seconds or 0.0) - per_seconds), content)
            for rule in self._rules.values()
            if rule.then is Action.PAUSE and rule.until is None and not (rule.outage or rule.built_in)
            if (content := self.rule(rule.name, operation)) is not None
        ]
        if pauses:
            return replace(min(pauses, key=lambda pause: pause[0])[1], retry_seconds=retry_seconds)
        return _plain(429, "too-fast", ("retry-after", str(int(retry_seconds) + 1)))

    def wrong_key(self, operation: Operation, *, given: bool) -> Content:
        """The halt that means a wrong, or no, key; else a plain 401."""
        missing = () if given else ("no-key", "missing-key", "missing-auth")
        words = (*missing, "invalid-api-key", "invalid-key", "invalid-token", "unauthorized", "key", "auth")
        return self._named(operation, Action.HALT, words) or _plain(401, "wrong-key")

    def trouble(self, operation: Operation) -> list[Content]:
        """The passing errors of the profile, and two lost answers: one charged, one not."""
        retries = [
            content
            for rule in self._rules.values()
            if rule.then is Action.RETRY and not rule.built_in
            if (content := self.rule(rule.name, operation)) is not None and content.manner is Manner.ANSWER
        ]
        lost = [
            Content(answer=Answer(), rule="no-answer", charged=charged, manner=Manner.DROP) for charged in (True, False)
        ]
        return retries + lost

    def _named(self, operation: Operation, action: Action, words: Iterable[str]) -> Content | None:
        for word in words:
            for rule in self._rules.values():
                if rule.then is action and word in rule.name.casefold().replace("_", "-"):
                    content = self.rule(rule.name, operation)
                    if content is not None:
                        return content
        return None

    def _examples(self, operation: Operation) -> list[Example]:
        """Those of the operation first, then those of any; none of an operation that is safe when this one is not."""
        apt = [one for one in self._provider.examples if one.safe in {None, operation.safe}]
        fitting = [one for one in apt if one.operation in {operation.name, operation.key}]
        return fitting + [one for one in apt if one.operation is None]

    def _successes(self, operation: Operation) -> list[Example]:
        good = {rule.name for rule in self._provider.rules if rule.then is Action.SUCCEED}
        found = [one for one in self._examples(operation) if one.rule in good and one.answer.fault is None]
        own = [one for one in found if one.operation is not None]
        return own or found


def _made(rule: Rule, operation: Operation) -> Answer | None:
    """An answer for a rule that owes no example."""
    for condition in rule.when:
        if condition.safe not in {None, operation.safe}:
            continue
        if condition.faults:
            return Answer(fault=min(condition.faults))
        if condition.statuses:
            return Answer(status=min(condition.statuses))
    return None


def _plain(status: int, rule: str, *headers: tuple[str, str]) -> Content:
    return Content(answer=Answer(status=status, headers=headers, body=b"{}"), rule=rule, charged=False)


def _fields(operation: Operation, params: Mapping[str, str]) -> dict[str, str]:
    """What was sent, by the key it was sent under: a provider echoes `value`, whatever our parameter is called."""
    leaves = [leaf for template in (operation.query, operation.form, operation.json) for leaf in _leaves(template)]
    found = ((key, PLACEHOLDER.fullmatch(text)) for key, text in leaves)
    return {key: params[match[1]] for key, match in found if match and match[1] in params}


def _leaves(node: Any) -> Iterator[tuple[str, str]]:
    """Key and text of each leaf of a template that is a text."""
    members = node.items() if isinstance(node, Mapping) else (("", one) for one in node or ())
    for key, value in members:
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, Mapping | list | tuple):
            yield from _leaves(value)


def _personal(answer: Answer, own: Mapping[str, str]) -> Answer:
    """The example with its echoes replaced: wherever a key is a parameter, a field it was sent in, or a request id."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return answer
    return replace(answer, body=json.dumps(_echo(body, own), ensure_ascii=False).encode("utf-8", "replace"))


def _echo(node: Any, own: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: own[key] if key in own and isinstance(value, str) else _echo(value, own) for key, value in node.items()
        }
    if isinstance(node, list):
        return [_echo(element, own) for element in node]
    return node
