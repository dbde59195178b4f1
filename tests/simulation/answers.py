"""What a provider says: its profile's own examples, and everything that is in no profile."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any, Final

from runner.domain.model import MILLION, Action, Answer
from runner.domain.provider import Lookup, Operation, Provider
from runner.sandbox.calls import Sighting
from runner.sandbox.replies import Content, Manner, Repertoire
from tests.simulation.options import Retry

GARBAGE: Final = (
    b"",
    b"<html><body>welcome to the airport</body></html>",
    b"null",
    b"[]",
    b'"ok"',
    b"{}",
    b'{"status": "true"}',
    b'{"status": true, "data": 7}',
    b'{"data": null}',
    b'{"status": 1, "data": []}',
    b'\xef\xbb\xbf{"status": tru',
    b"\xff\xfe\x00\x00",
    b'{"data": "\x00"}',
    b'{"data": {"score": 1e999}, "x": NaN}',
    b'{"data": "\\ud800"}',
    b'{"n": ' + b"9" * 5000 + b"}",
    b"[" * 3000,
    b'{"error": {"code": 7, "message": ["no"]}}',
    b'{"status": false, "error_type": null}',
)
ODD_AMOUNTS: Final[tuple[Any, ...]] = ("free", -1, True, [], {}, "0,5", "1e400", None, "", "  2 ", 10**30)
ODD_TIMES: Final = ("-1", "+5", "1_0", "\u0663", "nan", "inf", "9" * 5000, "5.5", "Fri, 31 Dec 99999 23:59:59 GMT", "")


class Voice:
    """The answers of one provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.repertoire = Repertoire(provider)
        self._failing = [rule.name for rule in provider.rules if rule.then is Action.FAIL and not rule.built_in]

    def trouble(self, operation: Operation, draws: random.Random) -> Content:
        """A passing error of the profile's own."""
        choices = [one for one in self.repertoire.trouble(operation) if one.manner is Manner.ANSWER]
        return draws.choice(choices)

    def bad_row(self, operation: Operation, draws: random.Random) -> Content:
        """A refusal of this value."""
        contents = [self.repertoire.rule(name, operation) for name in self._failing]
        return draws.choice([one for one in contents if one is not None and one.manner is Manner.ANSWER])

    def out_of_scope(self, operation: Operation) -> Content | None:
        """A refusal that halts after some in a row, where the profile knows one."""
        names = [rule.name for rule in self.provider.rules if rule.halt_after is not None]
        contents = [self.repertoire.rule(name, operation) for name in names]
        return next((one for one in contents if one is not None and one.manner is Manner.ANSWER), None)

    def success(self, sighting: Sighting, *, number: int) -> Content:
        """What was asked for."""
        return self.repertoire.success(sighting, request_id=f"sim-{number:06d}")

    def refusal(self, operation: Operation, retry: Retry, *, seconds: float, wall_us: int, odd: str) -> Content:
        """Too fast; and how it names the time. `odd`: the text of a time that is none."""
        base = self.repertoire.too_fast(operation, per_seconds=seconds, retry_seconds=seconds)
        match retry:
            case Retry.SECONDS | Retry.LONG:
                said = str(int(seconds) + 1)
            case Retry.DATE:
                said = formatdate(wall_us / 1e6 + seconds + 1, usegmt=True)
            case Retry.GARBAGE:
                said = odd
            case Retry.NONE:
                return replace(base, retry_seconds=None)
        headers = tuple(pair for pair in base.answer.headers if pair[0].lower() != "retry-after")
        answer = replace(base.answer, headers=(*headers, ("retry-after", said)))
        return replace(base, answer=answer, retry_seconds=None)

    def odd(self, answer: Answer, draws: random.Random) -> Answer:
        """The same answer with a charge or a balance that is no amount, or another one."""
        http = self.provider.http
        amount: Any = draws.choice((*ODD_AMOUNTS, 0, 0.25, 40))
        return _stating(answer, (*http.charge, *http.balance), lambda _: amount)

    def charging(self, answer: Answer, millionths: int) -> Answer:
        """An error that says what it cost."""
        place = next((one.header for one in self.provider.http.charge if one.header), None)
        if place is None:
            return answer
        return replace(answer, headers=(*answer.headers, (place.lower(), f"{millionths / MILLION:g}")))


def server_error(draws: random.Random) -> Content:
    """A gateway's own page."""
    answer = Answer(status=draws.choice((500, 502, 503, 504, 520)), body=b"<html><h1>bad gateway</h1></html>")
    return Content(answer=answer, rule="server-error", charged=False, as_given=True)


def garbage(draws: random.Random) -> Content:
    """A 2xx that nobody can read."""
    answer = Answer(status=draws.choice((200, 200, 201, 204, 206)), body=draws.choice(GARBAGE))
    return Content(answer=answer, rule="garbage", charged=False, as_given=True)


def shortened(answer: Answer, draws: random.Random) -> Answer:
    """A body that ends in the middle, as a whole answer."""
    return replace(answer, body=answer.body[: draws.randrange(max(1, len(answer.body)))])


def _stating(answer: Answer, places: tuple[Lookup, ...], change: Callable[[Any], Any]) -> Answer:
    names = {place.header.lower() for place in places if place.header}
    headers = tuple((key, _text(change(value)) if key.lower() in names else value) for key, value in answer.headers)
    try:
        body = json.loads(answer.body)
    except ValueError:
        return replace(answer, headers=headers)
    for place in places:
        *way, last = (place.body or "").split(".")
        node = body
        for step in way:
            node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict) and last in node:
            node[last] = change(node[last])
    return replace(answer, headers=headers, body=json.dumps(body).encode())


def _text(value: Any) -> str:
    return str(value)[:100]
