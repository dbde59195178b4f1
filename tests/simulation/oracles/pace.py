"""P11: the server's own log never holds more than N of ours in any W, across crashes and whatever the latency."""

from __future__ import annotations

from math import inf

from tests.simulation.options import Verb
from tests.simulation.oracles.base import Intent, Oracle, Seen, hold
from tests.simulation.record import Entry

EDGE_SECONDS = 1e-6


class Windows(Oracle):
    """At every send by what the runner could know, and in the end by the stamps of the server."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self._sent: dict[str, list[Entry]] = {}

    def on_send(self, entry: Entry, intent: Intent) -> None:
        """In flight and finished less than W ago, with this one: at most N."""
        account = self.seen.night.accounts[entry.account].plan
        sent = self._sent.setdefault(entry.account, [])
        longest = max(seconds for _, seconds in account.limits)
        ends = []
        for other in reversed(sent):
            if other.sent_at < entry.sent_at - longest - account.timeout_seconds - 1.0:
                break
            if self.seen.left(other) and not self._clock_was_set(other, entry):
                ends.append(self._over_at(other, entry))
        sent.append(entry)
        for at_most, seconds in account.limits:
            counted = 1 + sum(end > entry.sent_at - seconds + EDGE_SECONDS for end in ends)
            said = f"request {entry.number} is number {counted} that is in flight or was so in the last {seconds} s"
            hold(counted <= at_most, "P11", f"{said}, of {at_most}")

    def _over_at(self, other: Entry, entry: Entry) -> float:
        """When it was over for the runner; of a life that died, not later than that. Where arrivals count, that is the
        earliest."""
        if other.heard_at is not None and self.seen.night.accounts[other.account].plan.pace == "arrival":
            return other.heard_at
        if other.told_at is not None:
            return other.told_at
        if other.life == entry.life:
            return inf
        died_at = self.seen.night.lives[other.life - 1].ended_at
        return min(died_at, other.sent_at + self.seen.night.accounts[other.account].plan.timeout_seconds)

    def end(self) -> None:
        """Every limit of every account, whatever the latency was."""
        for name, account in self.seen.night.accounts.items():
            for at_most, seconds in account.plan.limits:
                self._within(name, at_most, seconds)

    def _within(self, account: str, at_most: int, seconds: float) -> None:
        stamped = sorted(
            (entry for entry in self.seen.night.books if entry.account == account and self._counts(entry)),
            key=lambda entry: entry.received_at or 0.0,
        )
        for first, last in zip(stamped, stamped[at_most:], strict=False):
            assert first.received_at is not None
            assert last.received_at is not None
            span = last.received_at - first.received_at
            inside = span < seconds - EDGE_SECONDS and not self._clock_was_set(first, last)
            said = f"{account} received requests {first.number} to {last.number} within {span:.6f} s"
            hold(not inside, "P11", f"{said}: more than {at_most} in {seconds} s")

    def _counts(self, entry: Entry) -> bool:
        """Not what arrived after the runner had to give it up: nobody can know of it (N4)."""
        if entry.received_at is None:
            return False
        given_up = entry.told_at if entry.told_at is not None else self._recovered_at(entry)
        return given_up is None or entry.received_at <= given_up

    def _recovered_at(self, entry: Entry) -> float | None:
        """When the life after the one that died with it began: from there on it counts as over."""
        later = [life.began_at for life in self.seen.night.lives if life.number > entry.life]
        return min(later, default=None)

    def _clock_was_set(self, first: Entry, last: Entry) -> bool:
        """Across a restart the instants of the wall clock are all there is (N9)."""
        if first.life == last.life:
            return False
        return any(
            done.act.verb is Verb.JUMP and done.act.seconds > 0 and first.sent_at <= done.at <= last.sent_at
            for done in self.seen.night.done
        )
