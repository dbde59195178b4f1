"""What all oracles look at: the night, the file through a connection of its own, what an answer says by the rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from runner.domain.model import UNSENT, Action, Debited, Fault, Verdict
from runner.domain.provider import Operation
from runner.domain.rules import classify
from tests.simulation.options import Verb
from tests.simulation.record import Entry, Life, Night


def hold(kept: bool, promise: str, violation: str) -> None:
    """AssertionError unless the promise is kept."""
    if not kept:
        raise AssertionError(f"{promise}: {violation}")


class Intent(NamedTuple):
    """The committed row of an attempt, as it was when its request left."""

    attempt: int
    job: int
    batch: int
    run: int
    operation: str
    provider: str
    number: int
    held: int
    opened_us: int
    closed_us: int | None
    state: str  # of its job
    value: str


_INTENT = """
SELECT a.id, a.job, a.batch, a.run, a.operation, a.provider, a.number, a.held, a.opened_us, a.closed_us,
    j.state, j.value
FROM attempts AS a JOIN jobs AS j ON j.id = a.job WHERE a.client_request_id = ?
"""


class Seen:
    """A night as its oracles see it."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.intents: dict[int, Intent] = {}  # by the number of the entry
        self._verdicts: dict[int, Verdict] = {}
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None  # of the file, as that connection counts

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What another program would read now: committed, and nothing else."""
        if self._connection is None:
            uri = f"{self.night.database.absolute().as_uri()}?mode=ro"
            self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        return self._connection.execute(sql, values).fetchall()

    def has_changed(self) -> bool:
        """Whether anything was committed since this was last asked: most commits of an idle run change nothing."""
        before, self._version = self._version, self.query("PRAGMA data_version")[0][0]
        return before != self._version

    def let_go(self) -> None:
        """Keep no hold on the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._version = None

    def read_intent(self, entry: Entry) -> Intent | None:
        """The attempt by the name that is being sent; kept for later."""
        found = self.query(_INTENT, (entry.client_request_id,))
        if not found:
            return None
        self.intents[entry.number] = Intent(*found[0])
        return self.intents[entry.number]

    def operation(self, entry: Entry) -> Operation:
        """The operation of the intent."""
        provider = self.night.accounts[entry.account].provider
        return provider.operations[self.intents[entry.number].operation.partition(".")[2]]

    def verdict(self, entry: Entry) -> Verdict:
        """What the profile's rules say of what the runner was told."""
        known = self._verdicts.get(entry.number)
        if known is None:
            assert entry.told is not None
            provider = self.night.accounts[entry.account].provider
            known = self._verdicts[entry.number] = classify(provider, self.operation(entry), entry.told)
        return known

    def in_doubt(self, entry: Entry) -> bool:
        """Sent, and nobody can know whether it was worked on or charged: told by the definition of design 5."""
        if self.operation(entry).safe:
            return False
        told = entry.told
        if told is None or told.fault is Fault.NO_ANSWER:
            return True
        if told.fault is not None:
            return False
        verdict = self.verdict(entry)
        if verdict.debited is not Debited.UNKNOWN or verdict.action is Action.SUCCEED:
            return False
        status = told.status or 0
        if verdict.resend or 200 <= status < 300:
            return 200 <= status < 300
        return status >= 500 or verdict.action is not Action.FAIL

    def wall_us(self, at: float) -> int:
        """What the runner's clock showed at an instant of the axis: as people and NTP had set it until then."""
        jumps = (done.act.seconds for done in self.night.done if done.act.verb is Verb.JUMP and done.at <= at)
        return self.night.options.began_us + round((at + sum(jumps)) * 1e6)

    def stalled(self, life: int) -> float:
        """Seconds for which its process stood still in this life, or its machine slept."""
        still = (Verb.STALL, Verb.SUSPEND)
        return sum(done.act.seconds for done in self.night.done if done.life == life and done.act.verb in still)

    def left(self, entry: Entry) -> bool:
        """Whether the request counts as sent: it was not told that nothing left."""
        return entry.told is None or entry.told.fault not in UNSENT


class Oracle:
    """One promise, or a few that belong together. Every hook may raise AssertionError."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen

    def on_send(self, entry: Entry, intent: Intent) -> None:
        """The request is about to leave; its intent was found."""

    def on_told(self, entry: Entry) -> None:
        """The runner has the answer, or the fault, in hand."""

    def on_commit(self, point: str) -> None:
        """Something was committed."""

    def on_life(self, life: Life) -> None:
        """A life is over."""

    def end(self) -> None:
        """The night is over."""
