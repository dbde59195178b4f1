"""What requests of an operation cost, before they are sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from runner.domain.model import MILLION, Amount
from runner.domain.provider import Operation
from runner.work.money import Cost, Prices
from runner.work.outlook import Asked


def asks(
    operation: Operation,
    requests: int,
    prices: Prices,
    charges: Mapping[tuple[str, str], Decimal] = MappingProxyType({}),
) -> Asked:
    """So many requests with their price. `charges`: what one that was charged cost so far, by operation and unit."""
    low, high = decimal(operation.price), decimal(operation.price_max or operation.price)
    usual = charges.get((operation.key, operation.unit), low) if low != high else low

    def cost(each: Decimal | None) -> Cost | None:
        if each is None and requests:
            return None
        return prices.cost(operation.provider, operation.unit, (each or Decimal(0)) * requests)

    return Asked(
        operation=operation.key,
        unit=operation.unit,
        requests=requests,
        low=cost(low),
        likely=cost(usual),
        high=cost(high),
        one=prices.cost(operation.provider, operation.unit, Decimal(1)),
    )


def decimal(amount: Amount | None) -> Decimal | None:
    """An amount of millionths in its unit."""
    return None if amount is None else Decimal(amount) / MILLION
