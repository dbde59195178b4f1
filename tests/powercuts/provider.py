"""A paid provider with a book of its own, which a power cut at the runner's end does not touch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import anyio

from runner.domain.model import Answer, Request
from runner.engine.wire import Arrived, unheard
from tests.engine.scripted import BAD_ROW, BUSY, DOWN, LOST, REFUSED, ScriptedTransport

LONGEST_BODY: Final = 9_000
"""Bytes: some answers fill a page of the database or two, most are short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request in the book."""

    life: int  # of the runner
    step: int  # how far its disk was when the request left
    value: str
    request_id: str
    charged: bool
    answer: Answer
    seconds: float


@dataclass(slots=True, kw_only=True)
class Book:
    """Everything the provider saw. What it answers depends on the seed, the value, and how often that value came."""

    seed: int
    trouble: float = 0.4  # share of the requests that do not simply succeed
    healed: bool = False  # everything succeeds from now on
    seen: list[Seen] = field(default_factory=list)

    def receive(self, value: str, request_id: str, *, life: int, step: int) -> Seen:
        """Answer a request and write it down; one that was refused at the door too."""
        times = sum(one.value == value for one in self.seen)
        chance = Random(f"{self.seed} {value} {times}")
        answer, charged = _success(chance), True
        if not self.healed and chance.random() < self.trouble:
            answer, charged = chance.choice(
                ((BUSY, False), (BAD_ROW, False), (DOWN, False), (LOST, True), (LOST, False), (REFUSED, False))
            )
        seen = Seen(
            life=life,
            step=step,
            value=value,
            request_id=request_id,
            charged=charged,
            answer=answer,
            seconds=chance.uniform(0.05, 0.4),
        )
        self.seen.append(seen)
        return seen

    def cut(self, life: int, step: int) -> Book:
        """The book if that life ends at that step of its disk: what it sent later was never sent."""
        seen = [one for one in self.seen if one.life < life or (one.life == life and one.step <= step)]
        return Book(seed=self.seed, trouble=self.trouble, seen=seen)

    def well(self) -> Book:
        """The book of the same provider on a better day."""
        return Book(seed=self.seed, healed=True, seen=list(self.seen))

    def charges(self) -> Counter[str]:
        """How often each value was charged."""
        return Counter(one.value for one in self.seen if one.charged)


def _success(chance: Random) -> Answer:
    """A success whose body is like no other."""
    size = chance.choice((10, 10, 10, LONGEST_BODY))
    ballast = chance.randbytes(chance.randrange(size)).hex()
    return Answer(status=200, body=json.dumps({"ok": True, "score": 7, "ballast": ballast}).encode())


class Wire(ScriptedTransport):
    """The transport port with the book on the other side. A request counts from the moment it leaves."""

    def __init__(self, book: Book, *, life: int, steps: Sequence[object]) -> None:
        super().__init__(script=lambda sent: REFUSED)
        self._book = book
        self._life = life
        self._steps = steps

    async def send(self, request: Request, *, arrived: Arrived = unheard) -> Answer:
        """As the book says, after a while."""
        value = json.loads(request.body)["email"]
        seen = self._book.receive(value, request.client_request_id, life=self._life, step=len(self._steps))
        arrived()
        await anyio.sleep(seen.seconds)
        return seen.answer
