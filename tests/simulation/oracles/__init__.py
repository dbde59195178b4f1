"""The oracles: promises judged from outside, by the provider's books and through a connection of their own."""

from __future__ import annotations

from tests.simulation.oracles.answers import Answers
from tests.simulation.oracles.base import Oracle, Seen, hold
from tests.simulation.oracles.lanes import Lanes
from tests.simulation.oracles.money import Money
from tests.simulation.oracles.pace import Windows
from tests.simulation.oracles.progress import Progress
from tests.simulation.oracles.requests import Requests
from tests.simulation.oracles.states import States
from tests.simulation.oracles.waking import Waking
from tests.simulation.record import Entry, Life, Night


class Oracles:
    """All of them, as a night's watch (`tests.simulation.record.Watch`). A fresh one for each night."""

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self._all: tuple[Oracle, ...] = ()

    def begin(self, night: Night) -> None:
        """Before the first life."""
        seen = self._seen = Seen(night)
        kinds = (Requests, Lanes, Money, Answers, States, Windows, Progress, Waking)
        self._all = tuple(kind(seen) for kind in kinds)

    def on_send(self, entry: Entry) -> None:
        """P4 first: a request without an intent has no other oracle."""
        intent = self._of().read_intent(entry)
        hold(intent is not None, "P4", f"request {entry.number} ({entry.client_request_id}) has no committed attempt")
        assert intent is not None
        for oracle in self._all:
            oracle.on_send(entry, intent)

    def on_told(self, entry: Entry) -> None:
        """The runner has an answer or a fault in hand."""
        for oracle in self._all:
            oracle.on_told(entry)

    def on_commit(self, point: str) -> None:
        """A transaction was committed."""
        for oracle in self._all:
            oracle.on_commit(point)

    def on_life(self, life: Life) -> None:
        """A life is over."""
        for oracle in self._all:
            oracle.on_life(life)
        self._of().let_go()

    def end(self, _: Night) -> None:
        """The night is over."""
        for oracle in self._all:
            oracle.end()
        self._of().let_go()

    def _of(self) -> Seen:
        assert self._seen is not None
        return self._seen
