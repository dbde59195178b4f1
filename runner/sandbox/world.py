"""A provider as an object: wallet, windows, faults, and books of its own. Pure: time and randomness are handed in.

It outlives whoever calls it: a request is charged when it is received, and stays charged if the caller dies before the
answer. To try out one error, ask about `rule-NAME@example.com`: the answer is the profile's example of the rule NAME
(`rule-NAME+2@example.com` for another row of the same kind). Where a domain is sent it is `rule-NAME.example.com` (and
`rule-NAME.2.example.com`); where a file is sent, the address may stand anywhere in it.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from runner.domain.model import MILLION, Answer
from runner.domain.provider import Provider
from runner.engine.ports import Randomness
from runner.sandbox.books import Books, Entry, Window
from runner.sandbox.calls import Call, Sighting, query_value, recognise
from runner.sandbox.replies import Behaviour, Content, Manner, Repertoire
from runner.sandbox.statements import Figures, restated, stated_charge

_BY_VALUE = re.compile(
    r"rule-([a-z0-9_-]+)(?:(?:\+[^@\s]{0,64})?@|(?:\.[a-z0-9-]{1,63}){0,3}\.)example\.(?:com|net|org)", re.IGNORECASE
)

_ENDLESS = 100_000_000 * MILLION
"""What a wallet without end is said to have held before the first charge: what it states has to add up as well."""

_NO_EXAMPLE = Content(answer=Answer(status=501, body=b"{}"), rule="no-such-example", charged=False)

Script = Callable[[int, Call, "Sighting"], Behaviour | None]
"""(number of the request, the call, what it was recognised as) -> what to do instead of the usual, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server shall do with a request it received."""

    entry: Entry
    answer: Answer
    manner: Manner
    delay_seconds: float
    after_bytes: int


class World:
    """One provider account.

    `wallet` is in the provider's units, None without end; `faults` is the share of requests that meet a passing error
    or a lost connection; `latency_seconds` the least and the most before an answer; `key`: other keys are refused.
    Raises `ProfileError` if the profile has no example of a success for each operation.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        randomness: Randomness,
        wallet: float | None = None,
        faults: float = 0.0,
        latency_seconds: tuple[float, float] = (0.0, 0.0),
        key: str | None = None,
        script: Script | None = None,
    ) -> None:
        self.provider = provider
        self.books = Books()
        self.faults = faults
        self.in_flight = 0
        self.most_in_flight = 0
        self._wallet = None if wallet is None else round(wallet * MILLION)
        self._charged = 0  # by all requests
        self.randomness = randomness
        self._latency_seconds = latency_seconds
        self._key = key
        self._script = script
        self._next: deque[Behaviour] = deque()
        self._windows = [Window(limit) for limit in provider.limits]
        self._repertoire = Repertoire(provider)
        self.health_calls = 0

    @property
    def wallet(self) -> float | None:
        """What is left, in the provider's units; None: without end."""
        return None if self._wallet is None else self._wallet / MILLION

    def top_up(self, units: float) -> None:
        """Put units into the wallet."""
        self._wallet = (self._wallet or 0) + round(units * MILLION)

    def take(self, units: float) -> None:
        """Somebody else uses the account: no request in the books, and the wallet is emptier."""
        self._book(round(units * MILLION))

    def _book(self, amount: int) -> None:
        self._charged += amount
        self._wallet = None if self._wallet is None else max(0, self._wallet - amount)

    def next(self, behaviours: Iterable[Behaviour]) -> None:
        """Do these with the next requests, in order, before the script. Raises `LookupError` for an unknown rule."""
        wanted = list(behaviours)
        operations = self.provider.operations.values()
        for name in {one.rule for one in wanted if one.rule and one.answer is None}:
            if not any(self._repertoire.rule(name, operation) for operation in operations):
                raise LookupError(f"the profile has no example of a rule {name!r} that a server can answer")
        self._next.extend(wanted)

    def receive(self, call: Call, now: float) -> Reply:
        """Take in one request at `now` (seconds): charge it, write it down, and say what the server shall do."""
        sighting = recognise(self.provider, call)
        entry = self._entry(call, sighting, now)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        behaviour = self._behaviour(entry.number, call, sighting) if sighting else None
        content = self._content(call, sighting, behaviour, now)
        charge = self._charge(content, sighting, behaviour)
        # An empty wallet buys nothing, not even what is free: so answers an account whose bill was not paid.
        broke = charge > (self._wallet or 0) or (content.charged and not self._wallet)
        if sighting and self._wallet is not None and broke:
            content, charge = self._repertoire.out_of_funds(sighting.operation), 0
        entry.charged = charge
        entry.booked = charge * (behaviour.times if behaviour else 1)
        self._book(entry.booked)
        entry.rule, entry.status = content.rule, content.answer.status
        given = behaviour.delay_seconds if behaviour else None
        return Reply(
            entry=entry,
            answer=self._said(content, entry),
            manner=content.manner,
            delay_seconds=self._latency() if given is None else given,
            after_bytes=behaviour.after_bytes if behaviour else 0,
        )

    def health(self, call: Call) -> Answer | None:
        """The answer to the profile's free call, if this is one: no key, no window, no entry in the ledger."""
        http = self.provider.http
        path = urlsplit(http.base_url).path.rstrip("/") + (http.health or "")
        if http.health is None or call.method != "GET" or call.target.partition("?")[0] != path:
            return None
        self.health_calls += 1
        return Answer(status=200, body=b'{"status": "ok"}')

    def finish(self, entry: Entry, now: float, *, answered: bool) -> None:
        """The server is done with a request; `answered`: its answer left whole."""
        self.in_flight -= 1
        if answered:
            entry.answered_at = now

    def _entry(self, call: Call, sighting: Sighting | None, now: float) -> Entry:
        named = self.provider.http.client_request_id
        entry = Entry(
            number=len(self.books.entries) + 1,
            received_at=now,
            operation=sighting.operation.key if sighting else None,
            value=sighting.value if sighting else "",
            params={name: sighting.shown(name) for name in sighting.params} if sighting else {},
            client_request_id=call.headers.get(named.lower()) if named else None,
            rule="",
            status=None,
            charged=0,
        )
        self.books.entries.append(entry)
        return entry

    def _behaviour(self, number: int, call: Call, sighting: Sighting) -> Behaviour | None:
        if self._next:
            return self._next.popleft()
        return self._script(number, call, sighting) if self._script else None

    def _charge(self, content: Content, sighting: Sighting | None, behaviour: Behaviour | None) -> int:
        """What a request costs, in millionths: what its answer states goes before the price, a script before both."""
        if sighting is None:
            return 0
        stated = stated_charge(self.provider.http, content.answer)
        if behaviour is not None and behaviour.charged is not None:
            return (stated or self._price(sighting)) if behaviour.charged else 0
        if stated is not None:
            return stated
        return self._price(sighting) if content.charged else 0

    def _said(self, content: Content, entry: Entry) -> Answer:
        """The answer as it leaves: whatever it states is what stands in the books."""
        if content.as_given:
            return content.answer
        figures = Figures(
            request_id=_request_id(entry.number),
            charged=entry.charged,
            wallet=max(0, _ENDLESS - self._charged) if self._wallet is None else self._wallet,
            retry_seconds=content.retry_seconds,
        )
        return restated(self.provider, content.answer, figures)

    def _content(self, call: Call, sighting: Sighting | None, behaviour: Behaviour | None, now: float) -> Content:
        if sighting is None:
            return Content(answer=Answer(status=404, body=b"{}"), rule="no-such-endpoint", charged=False)
        refused = self._windows_full(sighting, now)
        if behaviour is not None:
            return self._scripted(behaviour, sighting)
        return refused or self._wrong_key(call, sighting) or self._usual(sighting)

    def _scripted(self, behaviour: Behaviour, sighting: Sighting) -> Content:
        if behaviour.answer is not None:
            content = Content(answer=behaviour.answer, rule=behaviour.rule or "scripted", charged=False, as_given=True)
        elif behaviour.rule is not None:
            content = self._repertoire.rule(behaviour.rule, sighting.operation) or _NO_EXAMPLE
        else:
            content = self._success(sighting)
        manner = content.manner if behaviour.manner is Manner.ANSWER else behaviour.manner
        charged = content.charged if behaviour.charged is None else behaviour.charged
        return replace(content, charged=charged, manner=manner)

    def _usual(self, sighting: Sighting) -> Content:
        chosen = _chosen(sighting)
        content = self._repertoire.rule(chosen.group(1), sighting.operation) if chosen else None
        if content is None and sighting.missing():
            return Content(answer=Answer(status=400, body=b"{}"), rule="missing-parameter", charged=False)
        if content is None and self.faults and self.randomness.uniform() < self.faults:
            choices = self._repertoire.trouble(sighting.operation)
            content = choices[int(self.randomness.uniform() * len(choices))]
        return content or self._success(sighting)

    def _success(self, sighting: Sighting) -> Content:
        return self._repertoire.success(sighting, request_id=_request_id(len(self.books.entries)))

    def _windows_full(self, sighting: Sighting, now: float) -> Content | None:
        """The refusal if a window is full; else the request is counted in all of them."""
        full = [(wait, one.limit) for one in self._windows if (wait := one.wait(now)) is not None]
        if full:
            wait, limit = max(full, key=lambda pair: pair[0])
            return self._repertoire.too_fast(sighting.operation, per_seconds=limit.per_seconds, retry_seconds=wait)
        for window in self._windows:
            window.admit(now)
        return None

    def _wrong_key(self, call: Call, sighting: Sighting) -> Content | None:
        if self._key is None or self.provider.http.auth.kind == "none":
            return None
        given = _given_key(self.provider, call)
        return None if given == self._key else self._repertoire.wrong_key(sighting.operation, given=bool(given))

    def _latency(self) -> float:
        least, most = self._latency_seconds
        return least + (most - least) * self.randomness.uniform() if most else 0.0

    def _price(self, sighting: Sighting) -> int:
        """What a success costs; an unknown price counts as one unit."""
        price = sighting.operation.price
        return MILLION if price is None else price


def _chosen(sighting: Sighting) -> re.Match[str] | None:
    """The rule that a value asks for: an address, or one anywhere in a file."""
    named = (one.name for one in sighting.operation.inputs if one.name in sighting.files)
    found = (_BY_VALUE.search(sighting.params.get(name, "")) for name in named)
    return next(filter(None, found), None) or _BY_VALUE.fullmatch(sighting.value)


def _request_id(number: int) -> str:
    return f"sandbox-{number:08d}"


def _given_key(provider: Provider, call: Call) -> str | None:
    """The key as it travels: a header's value, what follows `Bearer `, a basic password, a query parameter."""
    auth = provider.http.auth
    if auth.kind == "query":
        return query_value(call, auth.name)
    if auth.kind == "header":
        return call.headers.get(auth.name.lower())
    token = call.headers.get("authorization", "").partition(" ")[2]
    if auth.kind == "basic":
        return base64.b64decode(token).decode("utf-8", "replace").partition(":")[2]
    return token
