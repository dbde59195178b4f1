"""P4, P5, P9, P10 at every send: the intent is on record, it is this request's alone, and the job is not done."""

from __future__ import annotations

from tests.simulation.oracles.base import Intent, Oracle, hold
from tests.simulation.record import Entry

_DONE = "SELECT id FROM attempts WHERE job = ? AND action = 'succeed' AND closed_us IS NOT NULL"
_LEFT_OPEN = "SELECT id FROM attempts WHERE closed_us IS NULL AND run < ?"


class Requests(Oracle):
    """What must hold before any byte leaves."""

    def on_send(self, entry: Entry, intent: Intent) -> None:
        """P4 (open, of this account), P5 (once), P7 (nothing open of an earlier run), P9 (not done), P10 (unique)."""
        named = f"request {entry.number} ({entry.client_request_id})"
        hold(intent.closed_us is None, "P4", f"{named} is sent for attempt {intent.attempt}, which is closed")
        hold(intent.provider == entry.account, "P4", f"{named} goes to {entry.account}, not {intent.provider}")
        hold(intent.state == "running", "P4", f"{named} is sent for job {intent.job}, which is {intent.state}")
        earlier = [number for number, one in self.seen.intents.items() if one.attempt == intent.attempt]
        hold(earlier == [entry.number], "P5", f"attempt {intent.attempt} is sent as requests {earlier}")
        done = self.seen.query(_DONE, (intent.job,))
        hold(not done, "P9", f"{named} is sent for job {intent.job}, which succeeded by attempt {done}")
        open_still = self.seen.query(_LEFT_OPEN, (intent.run,))
        hold(not open_still, "P7", f"{named} is sent while attempts {open_still} of dead runs are open")
        same = entry.operation is None or entry.operation == intent.operation
        hold(same, "P10", f"{named} asks {entry.operation}, its attempt {intent.operation}")
        asked = (entry.value.casefold(), intent.value.casefold())
        hold(
            entry.operation is None or asked[0] == asked[1], "P10", f"{named} asks about {asked[0]}, its job {asked[1]}"
        )

    def end(self) -> None:
        """P10: no name was used twice; P5: not more requests than attempts."""
        names = [entry.client_request_id for entry in self.seen.night.books]
        hold(len(names) == len(set(names)), "P10", "two requests have one name")
        attempts = self.seen.query("SELECT count(*) FROM attempts")[0][0]
        hold(len(names) <= attempts, "P5", f"{len(names)} requests of {attempts} attempts")
