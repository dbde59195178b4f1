"""What an amount of a provider's unit is in money, by `[prices]`, and how both are written. The one place for that.

prices = read_prices(settings, profiles)
cost = prices.cost("defastra", "check", Amount(1_204_000_000))
costs_text([cost])  # "1,204 checks (24.08 EUR)"
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from runner.domain.model import MILLION
from runner.errors import ConfigError, RunnerError

if TYPE_CHECKING:  # whoever only writes a figure pays for no settings
    from runner.settings import Price, Settings
    from runner.work.profiles import Profiles

_CENT = Decimal("0.01")

NO_PRICE = "no price set"
"""Of an amount whose unit `[prices]` leaves out: the amount is known, what it is in money is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An amount in a provider's unit and, where `[prices]` says so, in money."""

    unit: str
    amount: Decimal
    money: Decimal | None  # None: not known
    currency: str  # of `money`; empty where it is not known
    told: bool  # False where there are no `[prices]` at all: then money is not spoken of
    provider: str = ""  # that is owed it


class Prices:
    """`[prices]` as it holds here."""

    def __init__(self, known: Mapping[tuple[str, str], Price], *, bases: Mapping[str, str]) -> None:
        """`known`: by provider and unit. `bases`: the provider that a second account extends, by its name."""
        self._known = known
        self._bases = bases

    def __bool__(self) -> bool:
        """Whether there is any price."""
        return bool(self._known)

    def of(self, provider: str, unit: str) -> Price | None:
        """The price of one unit; a second account has its base's, unless it has one of its own."""
        return self._known.get((provider, unit)) or self._known.get((self._bases.get(provider, ""), unit))

    def cost(self, provider: str, unit: str, amount: Decimal | int) -> Cost:
        """`amount`: an `Amount` (integer millionths) or a Decimal in the unit."""
        exact = amount if isinstance(amount, Decimal) else Decimal(amount) / MILLION
        price = self.of(provider, unit)
        return Cost(
            unit=unit,
            amount=exact,
            money=None if price is None else exact * price.amount,
            currency="" if price is None else price.currency,
            told=bool(self._known),
            provider=provider,
        )


NO_PRICES = Prices({}, bases={})


def in_money(costs: Iterable[Cost]) -> dict[str, Decimal] | None:
    """The sum by currency; None as soon as the price of anything in it is not known."""
    sums: dict[str, Decimal] = {}
    for cost in costs:
        if cost.money is None:
            if cost.amount:
                return None
            continue
        sums[cost.currency] = sums.get(cost.currency, Decimal(0)) + cost.money
    return sums


def costs_text(costs: Iterable[Cost], *, nothing: str = "nothing") -> str:
    """Amounts by unit with their money: `1,204 checks (24.08 EUR), 30 credits (no price set)`. Zeros are left out."""
    by_unit: dict[str, list[Cost]] = {}
    for cost in costs:
        if cost.amount:
            by_unit.setdefault(cost.unit, []).append(cost)
    return ", ".join(_unit_text(unit, some) for unit, some in by_unit.items()) or nothing


def range_text(low: Sequence[Cost], high: Sequence[Cost]) -> str:
    """Between two amounts: `99 to 165 credits (1.98 EUR to 3.30 EUR)`."""
    units = {cost.unit for cost in (*low, *high) if cost.amount}
    if len(units) != 1:
        return f"{costs_text(low)} to {costs_text(high)}"
    least, most = (sum((cost.amount for cost in costs), Decimal(0)) for costs in (low, high))
    text = f"{number(least)} to {number(most)} {plural(units.pop(), most)}"
    if not any(cost.told for cost in (*low, *high)):
        return text
    sums = [in_money(low), in_money(high)]
    shown = [" + ".join(money_text(value, name) for name, value in one.items()) for one in sums if one is not None]
    return f"{text} ({' to '.join(shown) if len(shown) == 2 else NO_PRICE})"


def _unit_text(unit: str, costs: list[Cost]) -> str:
    amount = sum((cost.amount for cost in costs), Decimal(0))
    text = f"{number(amount)} {plural(unit, amount)}"
    sums = in_money(cost for cost in costs if cost.money is not None) or {}
    money = [money_text(value, currency) for currency, value in sums.items()]
    if any(cost.money is None for cost in costs):
        money.append("no price set for the rest" if money else NO_PRICE)
    return f"{text} ({' + '.join(money)})" if any(cost.told for cost in costs) else text


def money_text(amount: Decimal, currency: str) -> str:
    """`24.10 EUR`, `24 EUR`, `0.0123 EUR`: cents from one on, below that every decimal, so that nothing looks free."""
    if amount == amount.to_integral_value():
        return f"{amount:,.0f} {currency}"
    if abs(amount) >= 1:
        return f"{amount.quantize(_CENT, ROUND_HALF_UP):,f} {currency}"
    cents = amount.quantize(_CENT)
    return f"{cents if cents == amount else amount.normalize():f} {currency}"


def number(value: int | Decimal | float | str) -> str:
    """A figure with thousands separated and no zeros at the end: `1,856`, `0.5`."""
    text = f"{Decimal(str(value)):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(word: str, figure: int | Decimal | float | str) -> str:
    """`check` or `checks`; `fax` or `faxes`. Units of money (`EUR`) stay as they are."""
    if word.isupper() or Decimal(str(figure)) == 1:
        return word
    return f"{word}es" if word.endswith(("s", "x", "ch")) else f"{word}s"


def read_prices(settings: Settings, profiles: Profiles, *, files: Mapping[str, str] = MappingProxyType({})) -> Prices:
    """`[prices]`, held to the profiles. `files`: the profile files that batches were loaded with, by provider name.

    ConfigError with every mistake: a provider nobody knows, a unit that none of its operations is charged in.
    """
    if not settings.prices:
        return NO_PRICES
    known: dict[tuple[str, str], Price] = {}
    mistakes: list[str] = []
    for key, price in settings.prices.items():
        provider, _, unit = key.partition(".")
        known[provider, unit] = price
        mistakes += _mistakes(provider, unit, settings, profiles, files)
    if mistakes:
        where = str(settings.files[0]) if settings.files else "runner.toml"
        raise ConfigError("[prices] names what nobody charges", why="\n".join(mistakes), fix=f"edit {where}")
    return Prices(known, bases=_bases(settings, profiles))


def _mistakes(provider: str, unit: str, settings: Settings, profiles: Profiles, files: Mapping[str, str]) -> list[str]:
    where = files.get(provider, provider)
    beside = settings.directory / f"{provider}.toml"
    if where == provider and provider not in profiles.names():
        if not beside.is_file():
            names = [*profiles.names(), *files]
            return [f'prices: "{provider}.{unit}": no provider {provider}{_hint(provider, names, unit)}']
        where = str(beside)
    try:
        units = sorted({operation.unit for operation in profiles.provider(where).operations.values()})
    except RunnerError:  # told where that profile is used; here it would stop commands that have nothing to do with it
        return []
    if unit in units:
        return []
    near = difflib.get_close_matches(unit, units, 1)
    right = near[0] if near else units[0]
    return [
        f'prices: "{provider}.{unit}": {provider} is charged in {", ".join(units)}; did you mean "{provider}.{right}"?'
    ]


def _hint(provider: str, names: Iterable[str], unit: str) -> str:
    known = sorted(names)
    near = difflib.get_close_matches(provider, known, 1)
    return f'; did you mean "{near[0]}.{unit}"?' if near else f" (known are {', '.join(known)})"


def _bases(settings: Settings, profiles: Profiles) -> dict[str, str]:
    """By the name of a second account, the provider that it extends."""
    bases: dict[str, str] = {}
    for name, tables in settings.providers.items():
        if "extends" not in tables:
            continue
        try:
            base = profiles.provider(name).base
        except RunnerError:
            continue  # as above
        if base is not None:
            bases[name] = base
    return bases
