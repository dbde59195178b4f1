"""P11: the server's own log never holds more than N of ours in any W, across crashes and whatever the latency."""

from __future__ import annotations

from tests.simulation.options import Verb
from tests.simulation.oracles.base import Oracle, hold
from tests.simulation.record import Entry

EDGE_SECONDS = 1e-6


class Windows(Oracle):
    """Judged at the end by the stamps of the server."""

    def end(self) -> None:
        """Every limit of every account."""
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
