"""The receipt of a batch: requests, charges, what was saved, and what the wallets say. From the store's sums alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from runner.domain.model import MILLION, Amount, Debited
from runner.store.values import BatchInfo, BatchStatus, LedgerLine
from runner.store.wallets import Balance
from runner.work.money import Cost, Prices
from runner.work.profiles import Profiles
from runner.work.results import Receipt, Saved, Wallet

if TYPE_CHECKING:
    from runner.engine.events import AttemptClosed


class Counted:
    """What one batch sent in this run, and what became of it, as it happens."""

    def __init__(self) -> None:
        self._requests = dict.fromkeys(Debited, 0)
        self._amounts: dict[tuple[Debited, str, str], int] = {}  # by provider and unit

    def count(self, event: AttemptClosed) -> None:
        """One more request that is over."""
        self._requests[event.debited] += 1
        place = (event.debited, event.provider, event.unit)
        self._amounts[place] = self._amounts.get(place, 0) + event.amount

    def receipt(self, prices: Prices) -> Receipt:
        """All of it, in money where that is known."""
        return Receipt(
            sent=sum(self._requests.values()),
            charged=self._requests[Debited.YES],
            not_charged=self._requests[Debited.NO],
            in_doubt=self._requests[Debited.UNKNOWN],
            cost=self._costs(Debited.YES, prices),
            doubtful=self._costs(Debited.UNKNOWN, prices),
        )

    def _costs(self, debited: Debited, prices: Prices) -> tuple[Cost, ...]:
        return tuple(
            prices.cost(provider, unit, Amount(amount))
            for (what, provider, unit), amount in self._amounts.items()
            if what is debited
        )


def batch_receipt(status: BatchStatus, prices: Prices) -> Receipt:
    """Over all runs of the batch: the sums of its ledger."""
    return Receipt(
        sent=sum(line.requests for line in status.ledger),
        charged=sum(line.yes for line in status.ledger),
        not_charged=sum(line.no for line in status.ledger),
        in_doubt=sum(line.unknown + line.open for line in status.ledger),
        cost=tuple(prices.cost(line.provider, line.unit, line.debited) for line in status.ledger),
        doubtful=tuple(prices.cost(line.provider, line.unit, line.in_doubt + line.held) for line in status.ledger),
    )


def duplicates(status: BatchStatus, prices: Prices) -> Saved:
    """Rows that share the request of an earlier row; nothing as long as nothing was sent.

    Their number is rows x operations without what was refused and what became a request.
    """
    info = status.batch
    refused = info.settings.get("refused", {})
    shared = {
        key: info.rows - refused.get(key, 0) - sum(counts.values())
        for key, counts in status.jobs.items()
        if any(line.operation == key and line.requests for line in status.ledger)
    }
    return _saved(shared, status.ledger, prices)


def reused(status: BatchStatus, prices: Prices, charges: Mapping[tuple[str, str], Decimal]) -> Saved:
    """What was given the answer of another batch, at what a charged request of its operation cost in the whole
    database on average: `charges`, by operation and unit."""
    costs = [
        prices.cost(operation.partition(".")[0], unit, status.reused[operation] * each)
        for (operation, unit), each in charges.items()
        if status.reused.get(operation)
    ]
    return Saved(requests=sum(status.reused.values()), cost=tuple(costs))


def _saved(requests: Mapping[str, int], ledger: Iterable[LedgerLine], prices: Prices) -> Saved:
    costs = [
        prices.cost(line.provider, line.unit, Decimal(requests[line.operation] * line.debited) / line.yes / MILLION)
        for line in ledger
        if requests.get(line.operation) and line.yes
    ]
    return Saved(requests=sum(requests.values()), cost=tuple(costs))


def wallets(balances: Iterable[Balance], info: BatchInfo, profiles: Profiles) -> tuple[Wallet, ...]:
    """What was found of the wallets at the end of each run."""
    files: Mapping[str, str] = info.source.get("profiles", {})
    return tuple(
        Wallet(
            provider=one.provider,
            title=profiles.title(one.provider, files),
            run=one.run,
            unit=one.unit,
            first_us=one.first_us,
            until_us=one.until_us,
            opening=_units(one.opening),
            closing=_units(one.closing),
            topped_up=_units(one.found.topped_up),
            debited=_units(one.found.debited),
            admitted=_units(one.found.admitted),
            in_doubt=_units(one.found.in_doubt),
            difference=_units(one.found.difference),
            doubts=one.found.doubts,
            tells=one.found.tells,
            tells_innocence=one.found.tells_innocence,
        )
        for one in balances
    )


def _units(millionths: int) -> Decimal:
    return Decimal(millionths) / MILLION
