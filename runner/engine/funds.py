"""Whether what a provider says is left pays for what still waits: said once in a run, before it runs dry."""

from __future__ import annotations

from typing import NamedTuple

from runner.domain.backoff import utc_day
from runner.domain.model import Amount
from runner.engine.events import BalanceLow
from runner.engine.lane import Lane


class Outlay(NamedTuple):
    """What the requests that wait in a batch will take, at the least, in one unit."""

    requests: int
    amount: int


async def look_at_funds(lane: Lane) -> None:
    """Tell, once in a run, that the account holds less than the requests that wait for it cost: in every batch that is
    at work on it, as far as their caps let them go on."""
    funds, shared = lane.account.funds, lane.shared
    if not funds.is_news:
        return
    balance, unit = funds.read()
    lanes = [other for other in tuple(lane.account.lanes) if isinstance(other, Lane)]
    outlays = [await _outlay(other, unit) for other in lanes]
    requests, amount = (sum(figures) for figures in zip(*outlays, strict=True))
    # The day's room is there once for all of them.
    today = utc_day(shared.clock.now_us())
    rooms = [other.shared.budget.room(other.provider.name, unit=unit, day=today) for other in lanes]
    amount = min([amount, *(room for room in rooms if room is not None)])
    if amount <= balance or funds.told:  # another batch may have told it while this one looked
        return
    funds.told = True
    at_us = shared.clock.now_us()
    detail = {"unit": unit, "balance_millionths": balance, "requests": requests, "cost_millionths": amount}
    await shared.store.record(
        at_us=at_us, run=shared.run, batch=shared.batch, lane=lane.provider.name, event="balance.low", detail=detail
    )
    shared.observer(
        BalanceLow(
            batch=shared.batch,
            at_us=at_us,
            provider=lane.provider.name,
            unit=unit,
            balance=balance,
            requests=requests,
            cost=Amount(amount),
        )
    )


async def _outlay(lane: Lane, unit: str) -> Outlay:
    """At the lowest price; what has none may be free."""
    shared, name = lane.shared, lane.provider.name
    if lane.stopped():
        return Outlay(0, 0)
    waiting = await shared.store.waiting(shared.batch)
    paid = [one for one in lane.operations.values() if one.unit == unit and one.price]
    requests = sum(waiting.get(one.key, 0) for one in paid)
    amount = sum(waiting.get(one.key, 0) * (one.price or 0) for one in paid)
    return Outlay(requests, shared.budget.within(name, requests, amount))
