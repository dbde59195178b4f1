"""A provider that answers by value: what an address is answered does not depend on when it is asked."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from anyio.from_thread import start_blocking_portal

from runner.domain.model import Answer
from runner.domain.provider import Provider
from runner.providers.loader import load
from runner.sandbox.calls import Call, Sighting
from runner.sandbox.replies import Behaviour
from runner.sandbox.server import serve
from runner.sandbox.world import World
from runner.system import SystemClock
from tests.proofs.fates import Table
from tests.sandbox.process import Seeded


@dataclass(kw_only=True)
class Played:
    """The served provider. Whatever nothing else was said about is answered well."""

    well: Answer
    url: str = ""
    world: World | None = None
    _next: dict[str, deque[Callable[[], Behaviour]]] = field(default_factory=lambda: defaultdict(deque))

    def next(self, value: str, behaviours: Sequence[Callable[[], Behaviour]]) -> None:
        """What to do with the next requests about a value."""
        self._next[value].extend(behaviours)

    def times(self, value: str) -> list[float]:
        """When the requests about a value came, in seconds on the server's clock."""
        assert self.world is not None
        return [entry.received_at for entry in list(self.world.books.entries) if entry.value == value]

    def answer(self, _number: int, _call: Call, sighting: Sighting) -> Behaviour:
        """The script of the world."""
        due = self._next[sighting.value]
        return due.popleft()() if due else Behaviour(answer=self.well)


@contextmanager
def played(table: Table, *, seed: int) -> Iterator[Played]:
    """Serve the table's provider while inside, without limits of its own."""
    well = Answer(status=200, body=json.dumps(table.well).encode())
    with playing(_with_method(load(table.provider), table), well, seed=seed) as books:
        yield books


@contextmanager
def playing(provider: Provider, well: Answer, *, seed: int) -> Iterator[Played]:
    """Serve a provider while inside, without limits of its own."""
    provider = replace(provider, limits=())
    books = Played(well=well)
    books.world = World(provider, randomness=Seeded(seed), script=books.answer)
    serving = serve(books.world, clock=SystemClock())
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as url:
        books.url = url
        yield books


def _with_method(provider: Provider, table: Table) -> Provider:
    if table.method is None:
        return provider
    name = table.operation.partition(".")[2]
    operation = replace(provider.operations[name], method=table.method)
    return replace(provider, operations={**provider.operations, name: operation})
