"""The caps of the batches of a run: each has its own, and what an account may spend in a day they have in common."""

from __future__ import annotations

from collections.abc import Sequence

from runner.domain.backoff import utc_day
from runner.domain.ledger import Allowance, Budget
from runner.domain.model import Amount, BatchId
from runner.domain.provider import Operation
from runner.engine.ports import Clock, JobStore, RunOptions


class Budgets:
    """What is shared: the room of each account's day, and charges that taught what a request may cost."""

    def __init__(self) -> None:
        self._allowances: dict[tuple[str, str], Allowance] = {}
        self._dearest: dict[str, Amount] = {}

    async def of(
        self, batch: BatchId, operations: Sequence[Operation], options: RunOptions, *, store: JobStore, clock: Clock
    ) -> Budget:
        """The budget of a batch as earlier runs left it. Nothing may be on the wire of an account that is new here."""
        caps = options.max_spend_per_day or {}
        for provider, unit in dict.fromkeys((one.provider, one.unit) for one in operations):
            if provider in caps and (provider, unit) not in self._allowances:
                # From yesterday on: a clock that is set back a little must not find an empty day.
                spent = await store.spent_by_day(provider, unit, utc_day(clock.now_us()) - 1)
                self._allowances[provider, unit] = Allowance(caps[provider], spent)
        budget = Budget(
            max_requests=options.max_requests,
            max_spend=options.max_spend,
            allowances=self._allowances,
            dearest=self._dearest,
        )
        for line in await store.spending(batch):
            budget.carry(line.provider, requests=line.requests, debited=line.debited, in_doubt=line.in_doubt)
        known = await store.dearer()
        for one in operations:
            if (one.key, one.unit) in known:
                budget.charged(one.key, known[one.key, one.unit])
        return budget
