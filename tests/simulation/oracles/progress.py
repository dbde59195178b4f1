"""P17: once nothing goes wrong any more, the same command gets the lists done, within a bound of time at work."""

from __future__ import annotations

from tests.simulation.oracles.base import Oracle, hold
from tests.simulation.record import Command

_UNDONE = """
SELECT b.name, b.state, b.reason FROM batches AS b WHERE b.state NOT IN ('completed', 'cancelled')
OR EXISTS (SELECT 1 FROM jobs AS j WHERE j.batch = b.id AND j.state IN ('queued', 'running'))
"""


class Progress(Oracle):
    """Only nights that heal."""

    def end(self) -> None:
        """Everything is done, and the runs did not take longer at it than they may; rests between them do not count."""
        night = self.seen.night
        if night.healed_at is None or night.bound_at is None:
            return
        undone = self.seen.query(_UNDONE)
        hold(not undone, "P17", f"nothing went wrong since {night.healed_at:.0f} s, and these are not done: {undone}")
        at_work = sum(
            life.ended_at - max(life.began_at, night.healed_at)
            for life in night.lives
            if life.command is Command.RUN and life.ended_at > night.healed_at
        )
        most = night.bound_at - night.healed_at
        hold(at_work <= most, "P17", f"the runs took {at_work:.0f} s since {night.healed_at:.0f} s, at most {most:.0f}")
