"""The caps of the batches of a run: each has its own, and what an account may spend in a day they have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from runner.domain.backoff import utc_day
from runner.domain.ledger import Allowance, Budget
from runner.domain.model import Amount, BatchId
from runner.domain.provider import Operation
from runner.engine.ports import Clock, JobStore, RunOptions


class Budgets:
    """What is shared: the room of each account's day, and charges that taught what a request may cost."""

    def __init__(self) -> None:
        # By account (its fingerprint, whatever its names) and unit; with the names that have a cap.
        self._allowances: defaultdict[tuple[str, str], Allowance] = defaultdict(Allowance)
        self._capped: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._dearest: dict[str, Amount] = {}

    async def of(
        self,
        batch: BatchId,
        operations: Mapping[str, Sequence[Operation]],
        options: RunOptions,
        *,
        store: JobStore,
        clock: Clock,
    ) -> Budget:
        """The budget of a batch as earlier runs left it. `operations`: by account. Nothing may be on the wire yet."""
        caps = options.max_spend_per_day or {}
        allowances: dict[tuple[str, str], Allowance] = {}
        asked = [(account, one) for account, some in operations.items() for one in some]
        for account, provider, unit in dict.fromkeys((account, one.provider, one.unit) for account, one in asked):
            allowance = allowances[provider, unit] = self._allowances[account, unit]
            names = self._capped[account, unit]
            if provider in caps and provider not in names:
                names.add(provider)
                # From yesterday on: a clock that is set back a little must not find an empty day.
                spent = await store.spent_by_day(account, names, unit, utc_day(clock.now_us()) - 1)
                allowance.limit(caps[provider], spent)
        budget = Budget(
            max_requests=options.max_requests,
            max_spend=options.max_spend,
            allowances=allowances,
            dearest=self._dearest,
        )
        for line in await store.spending(batch):
            budget.carry(line.provider, requests=line.requests, debited=line.debited, in_doubt=line.in_doubt)
        known = await store.dearer()
        for _, one in asked:
            if (one.key, one.unit) in known:
                budget.charged(one.key, known[one.key, one.unit])
        return budget
