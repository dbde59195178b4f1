"""P17 on a machine that slept: a wait that was over by the provider's clock is over for the runner too, at once."""

from __future__ import annotations

from tests.simulation.options import Verb
from tests.simulation.oracles.base import Intent, Oracle, Seen, hold
from tests.simulation.record import Done, Entry, Life

LONG_SECONDS = 1200.0
"""After a sleep that long nothing but the wait itself can hold a lane back: every window is empty."""

SLACK_SECONDS = 10.0
STATES = "('lane.open', 'lane.limited', 'lane.gated', 'lane.circuit', 'lane.parked', 'lane.halted', 'lane.done')"
_GATED = f"""
SELECT e.lane, CAST((julianday(e.detail ->> 'until') - 2440587.5) * 86400e6 AS INTEGER) FROM events AS e
WHERE e.event = 'lane.gated' AND e.at_us BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM events AS o
WHERE o.lane = e.lane AND o.batch = e.batch AND o.id > e.id AND o.at_us <= ? AND o.event IN {STATES})
"""  # fixed text of this file
_SPENT = "SELECT count(*) FROM attempts WHERE job = ? AND number < ? AND spent = 1"


class Waking(Oracle):
    """Judged by the first request after the wait, if it was due all the time. Where a person or a disk had a hand in
    the life, or its clock was set, other things may explain the wait."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self._intents: dict[int, Intent] = {}

    def on_send(self, entry: Entry, intent: Intent) -> None:
        """Whose request it is."""
        self._intents[entry.number] = intent

    def on_life(self, life: Life) -> None:
        """Every sleep of it."""
        night = self.seen.night
        if any(since <= life.ended_at and until >= life.began_at for since, until, _ in night.disk):
            return
        done = [one for one in night.done if one.life == life.number]
        slept = [one for one in done if one.act.verb is Verb.SUSPEND]
        if len(done) == len(slept) == 1 and slept[0].act.seconds >= LONG_SECONDS and life.stopped_at is None:
            self._look(life, slept[0])

    def _look(self, life: Life, slept: Done) -> None:
        options, woken = self.seen.night.options, slept.at
        asleep_us, woken_us = self.seen.wall_us(woken - slept.act.seconds), self.seen.wall_us(woken)
        waits: dict[str, int] = {}
        for lane, until_us in self.seen.query(_GATED, (self.seen.wall_us(life.began_at), asleep_us, asleep_us)):
            waits[lane] = max(until_us, waits.get(lane, 0))
        for lane, until_us in waits.items():
            plan = self.seen.night.accounts[lane].plan
            first = next((one for one in self.seen.night.books if one.account == lane and one.sent_at >= woken), None)
            if not asleep_us < until_us <= woken_us or first is None or first.life != life.number:
                continue
            intent = self._intents[first.number]
            if self.seen.query(_SPENT, (intent.job, intent.number))[0][0]:
                continue  # it may have had a time of its own
            most = options.poll_seconds + plan.timeout_seconds + 10 * options.commit_seconds + SLACK_SECONDS
            late = first.sent_at - woken
            hold(late <= most, "P17", f"{lane} sent nothing for {late:.0f} s after a sleep that its wait had ended in")
