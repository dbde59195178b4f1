"""P8: charges are bounded and explained, and no cap is passed; by the provider's own books."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from runner.domain.model import MILLION, UNSENT, Debited
from tests.simulation.oracles.base import Intent, Oracle, Seen, hold
from tests.simulation.record import Entry, Phase

DAY_US = 86_400_000_000
_SETTINGS = "SELECT settings FROM batches WHERE id = ?"
_NOT_CHARGED = """
SELECT a.client_request_id, a.amount FROM attempts AS a WHERE a.batch = ? AND a.resolution = 'not-charged'
"""
_ATTEMPTS = """
SELECT a.client_request_id, a.debited, a.amount, a.resolution, a.closed_us, j.id, j.possible_double_charge, a.unit
FROM attempts AS a JOIN jobs AS j ON j.id = a.job
"""


@dataclass(slots=True)
class Spent:
    """What one batch, or one account on one day, has asked for."""

    requests: int = 0
    settled: int = 0
    held: int = 0
    surprise: int = 0  # charged beyond what could be known before
    holds: dict[int, int] = field(default_factory=dict)  # by entry

    def spent(self) -> int:
        """What a cap counts."""
        return self.settled + self.held


class Money(Oracle):
    """Sums at every send, charges at the end."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self._batches: dict[int, Spent] = defaultdict(Spent)
        self._days: dict[tuple[str, int], Spent] = defaultdict(Spent)
        self._caps: dict[tuple[int, int], dict[str, Any]] = {}  # by life and batch

    def on_send(self, entry: Entry, intent: Intent) -> None:
        """Caps hold with this request counted at what it may cost."""
        spents = self._spents(intent)
        for spent in spents:
            spent.requests += 1
            spent.held += intent.held
            spent.holds[entry.number] = intent.held
        caps = self._kept(entry.life, intent.batch)
        batch, day = spents
        most = caps.get("max_requests")
        hold(
            most is None or batch.requests <= most, "P8", f"request {entry.number} is number {batch.requests} of {most}"
        )
        spend = (caps.get("max_spend") or {}).get("")
        if spend is not None and batch.spent() > spend + batch.surprise:
            freed = self._freed(intent.batch)
            named = f"request {entry.number}: {batch.spent() - freed} may be spent of {spend}"
            hold(batch.spent() - freed <= spend + batch.surprise, "P8", named)
        daily = self.seen.night.options.max_spend_per_day
        if daily is not None and day.spent() > round(daily * MILLION) + day.surprise:
            freed = sum(self._freed(number) for number in self._batches)
            named = f"request {entry.number}: {day.spent() - freed} may be spent today of {daily}"
            hold(day.spent() - freed <= round(daily * MILLION) + day.surprise, "P8", named)

    def on_told(self, entry: Entry) -> None:
        """What was held becomes what it cost, as far as the runner could know."""
        intent = self.seen.intents.get(entry.number)
        if intent is None or entry.told is None:
            return
        cost = self._cost(entry, intent)
        for spent in self._spents(intent):
            held = spent.holds.pop(entry.number)
            spent.held -= held
            spent.settled += cost
            spent.surprise += max(0, cost - held)
            spent.requests -= entry.told.fault in UNSENT

    def _cost(self, entry: Entry, intent: Intent) -> int:
        verdict = self.seen.verdict(entry)
        if verdict.debited is Debited.NO:
            return 0
        if entry.told is None or entry.told.status is None or verdict.debited is Debited.UNKNOWN:
            return intent.held
        if _stated(entry) is not None:
            return _stated(entry) or 0
        # Booked twice for one answer that does not say so: one charge is what could be known.
        return min(entry.charges[0].amount, intent.held) if entry.charges else 0

    def _spents(self, intent: Intent) -> tuple[Spent, Spent]:
        return self._batches[intent.batch], self._days[intent.provider, intent.opened_us // DAY_US]

    def _kept(self, life: int, batch: int) -> dict[str, Any]:
        if (life, batch) not in self._caps:
            self._caps[life, batch] = json.loads(self.seen.query(_SETTINGS, (batch,))[0][0])
        return self._caps[life, batch]

    def _freed(self, batch: int) -> int:
        """What a person called not charged: it is room again, whatever the books say."""
        return sum(amount for _, amount in self.seen.query(_NOT_CHARGED, (batch,)))

    def end(self) -> None:
        """Every charge is on record with its amount, and a job that was charged twice says so."""
        lines = {line[0]: line for line in self.seen.query(_ATTEMPTS)}
        charged: Counter[int] = Counter()
        marked: dict[int, bool] = {}
        excused: set[int] = set()
        for entry in self.seen.night.books:
            line = lines.get(entry.client_request_id)
            hold(line is not None, "P8", f"request {entry.number} has no attempt")
            assert line is not None
            _, debited, amount, resolution, _, job, mark, _ = line
            marked[job] = bool(mark)
            if resolution == "not-charged":
                excused.add(job)
            if entry.told is not None and entry.told.status is not None:
                self._amounts(entry, debited, amount)
            if entry.charges and debited != "no" and not self.seen.operation(entry).safe:
                charged[job] += 1  # repeating a safe one costs nothing: so its profile says
            lost = entry.charges and debited == "no"
            if lost:
                self._known_not_to_be(entry)
        for job, count in charged.items():
            twice = count > 1 and job not in excused
            hold(not twice or marked[job], "P8", f"job {job} was charged {count} times and does not say so")

    def _amounts(self, entry: Entry, debited: str | None, amount: int) -> None:
        """What is stored of an answered request is what its answer states, or no less than was taken."""
        stated = _stated(entry)
        if stated is not None and debited not in (None, "unknown"):  # None: its run died, and no run came after it
            hold(amount == stated, "P8", f"request {entry.number} states {stated}, stored is {amount}")
        elif len(entry.charges) == 1 and debited == "yes":
            operation = self.seen.operation(entry)
            hold(
                amount >= min(entry.charged, operation.hold), "P8", f"{entry.number} cost {entry.charged}, not {amount}"
            )

    def _known_not_to_be(self, entry: Entry) -> None:
        """Charged in the books and not on record: only what the provider itself said can excuse that."""
        said = entry.told is not None and entry.told.status is not None
        said = said and self.seen.verdict(entry).debited is Debited.NO
        hold(said, "P8", f"request {entry.number} was charged {entry.charged} and is on record as not charged")


def _stated(entry: Entry) -> int | None:
    """What the answer that arrived says of its charge: by the one who wrote it."""
    return None if entry.broke is Phase.READ else entry.stated
