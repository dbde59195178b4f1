"""The attempts of a batch read as an account, and the caps over it and over the day of a provider account.

Every request is held before it leaves; its answer turns the hold into debited, released or in doubt. A cap counts
held + debited + in doubt, so it is never passed, whatever the answers say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from runner.domain.model import Amount, Debited


class Hold(NamedTuple):
    """What one request may cost, set aside before it leaves."""

    provider: str
    amount: Amount
    unit: str = ""
    day: int = 0  # whole days since the epoch, UTC: the one on which the request is opened


MAX_SPEND_PER_DAY = "max-spend-per-day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """There is no room under a cap. `final`: nothing in flight can make room any more."""

    cap: str  # "max-requests", "max-spend" or "max-spend-per-day"
    provider: str | None  # None: the cap over all providers
    final: bool


@dataclass(slots=True)
class Account:
    """Running sums of one provider."""

    sent: int = 0
    debited: int = 0
    in_doubt: int = 0
    held: int = 0
    holds: int = 0

    def requests(self) -> int:
        """Sent, or about to be."""
        return self.sent + self.holds

    def spent(self) -> int:
        """Debited, in doubt, or about to be."""
        return self.debited + self.in_doubt + self.held


class Allowance:
    """What a provider account may spend in a UTC day, over every batch, in one of its units.

    A request counts to the day on which it is opened, whenever it is answered. Days are whole days since the epoch.
    """

    def __init__(self, cap: Amount | None = None, spent: Mapping[int, Amount] = MappingProxyType({})) -> None:
        """`cap`: None as long as there is none. `spent`: debited or in doubt already, by day."""
        self._cap = cap
        self._spent = Counter[int](spent)
        self._held: Counter[int] = Counter()
        self._holds: Counter[int] = Counter()

    def limit(self, cap: Amount, spent: Mapping[int, Amount]) -> None:
        """Several names of an account may each have a cap: the lowest one holds. `spent`: as it stands now, in place of
        what was known; nothing may be held."""
        self._cap = cap if self._cap is None else min(cap, self._cap)
        self._spent = Counter[int](spent)

    def spent(self, day: int) -> int:
        """Debited, in doubt, or about to be."""
        return self._spent[day] + self._held[day]

    def has_room(self, day: int, amount: Amount) -> bool:
        """Whether so much more may be spent on that day. What is free always may."""
        room = self.room(day)
        return not amount or room is None or amount <= room

    def room(self, day: int) -> int | None:
        """So much more may be spent on that day; None: there is no cap."""
        return None if self._cap is None else max(0, self._cap - self.spent(day))

    def is_final(self, day: int) -> bool:
        """Whether nothing in flight, of whatever batch, can make room on that day any more."""
        return not self._holds[day]

    def hold(self, hold: Hold) -> None:
        """Set it aside."""
        self._held[hold.day] += hold.amount
        self._holds[hold.day] += 1

    def give_back(self, hold: Hold) -> None:
        """As if it had not been held."""
        self._held[hold.day] -= hold.amount
        self._holds[hold.day] -= 1

    def spend(self, day: int, amount: Amount) -> None:
        """So much was charged, or may have been."""
        self._spent[day] += amount


class Budget:
    """The caps of one batch over its whole life, and of the day. Caps are by provider; None means over all of them."""

    def __init__(
        self,
        *,
        max_requests: Mapping[str | None, int] | None = None,
        max_spend: Mapping[str | None, Amount] | None = None,
        allowances: Mapping[tuple[str, str], Allowance] = MappingProxyType({}),
        dearest: dict[str, Amount] | None = None,
    ) -> None:
        """`allowances`: by provider and unit, shared with other batches, and by the names of one account; `dearest`,
        shared as well: by operation the highest charge that was above what was known of its price."""
        self._max_requests = dict(max_requests or {})
        self._max_spend = dict(max_spend or {})
        self._allowances = allowances
        self._accounts: dict[str, Account] = {}
        self._dearest: dict[str, Amount] = {} if dearest is None else dearest

    def cap(
        self, *, max_requests: Mapping[str | None, int] | None, max_spend: Mapping[str | None, Amount] | None
    ) -> None:
        """Other caps of the batch from now on; what was spent and is held stays counted."""
        self._max_requests, self._max_spend = dict(max_requests or {}), dict(max_spend or {})

    def requests_left(self) -> int | None:
        """How many more may be answered, those on the way among them; None: no cap over all providers says so."""
        most = self._max_requests.get(None)
        return None if most is None else max(0, most - sum(one.sent for one in self._accounts.values()))

    def account(self, provider: str) -> Account:
        """The sums of one provider, made on first use."""
        return self._accounts.setdefault(provider, Account())

    def carry(self, provider: str, *, requests: int, debited: Amount, in_doubt: Amount) -> None:
        """Add what earlier runs of the batch did."""
        account = self.account(provider)
        account.sent += requests
        account.debited += debited
        account.in_doubt += in_doubt

    def price(self, operation: str, known: Amount) -> Amount:
        """What a request may cost: the most that the profile knows of, or that was ever charged for one."""
        return max(known, self._dearest.get(operation, known))

    def charged(self, operation: str, amount: Amount) -> None:
        """A provider may charge more than the profile says. From then on its requests are held at that."""
        self._dearest[operation] = self.price(operation, amount)

    def hold(self, provider: str, amount: Amount, *, unit: str = "", day: int = 0) -> Hold | Refusal:
        """Set `amount` and one request aside, or say which cap has no room. `day`: on which the request is opened."""
        if self._max_requests or self._max_spend:
            for scope in (provider, None):
                refusal = self._refused(scope, amount)
                if refusal is not None:
                    return refusal
        hold = Hold(provider=provider, amount=amount, unit=unit, day=day)
        allowance = self._allowances.get((provider, unit))
        if allowance is not None:
            if not allowance.has_room(day, amount):
                return Refusal(cap=MAX_SPEND_PER_DAY, provider=provider, final=allowance.is_final(day))
            allowance.hold(hold)
        account = self.account(provider)
        account.held += amount
        account.holds += 1
        return hold

    def _refused(self, scope: str | None, amount: Amount) -> Refusal | None:
        accounts = list(self._accounts.values()) if scope is None else [self.account(scope)]
        waiting = any(account.holds for account in accounts)
        cap = self._max_requests.get(scope)
        if cap is not None and sum(account.requests() for account in accounts) + 1 > cap:
            return Refusal(cap="max-requests", provider=scope, final=not waiting)
        cap = self._max_spend.get(scope)
        if cap is not None and sum(account.spent() for account in accounts) + amount > cap:
            return Refusal(cap="max-spend", provider=scope, final=not waiting)
        return None

    def within(self, provider: str, requests: int, amount: int) -> int:
        """How much of an `amount` for so many `requests` the batch's own caps have room for now."""
        for scope in (provider, None):
            accounts = list(self._accounts.values()) if scope is None else [self.account(scope)]
            most = self._max_requests.get(scope)
            if most is not None:
                left = max(0, most - sum(account.requests() for account in accounts))
                amount = min(amount, amount * left // max(1, requests))
            cap = self._max_spend.get(scope)
            if cap is not None:
                amount = min(amount, max(0, cap - sum(account.spent() for account in accounts)))
        return amount

    def room(self, provider: str, *, unit: str, day: int) -> int | None:
        """What the day has left for all batches together; None: it has no cap."""
        allowance = self._allowances.get((provider, unit))
        return None if allowance is None else allowance.room(day)

    def give_back(self, hold: Hold) -> None:
        """The request never left: as if it had not been held."""
        account = self.account(hold.provider)
        account.held -= hold.amount
        account.holds -= 1
        allowance = self._allowances.get((hold.provider, hold.unit))
        if allowance is not None:
            allowance.give_back(hold)

    def settle(self, hold: Hold, *, sent: bool, debited: Debited, amount: Amount) -> None:
        """The request is over: `amount` was charged (yes), may have been (unknown), or was not (no)."""
        self.give_back(hold)
        account = self.account(hold.provider)
        if sent:
            account.sent += 1
        if debited is Debited.YES:
            account.debited += amount
        elif debited is Debited.UNKNOWN:
            account.in_doubt += amount
        allowance = self._allowances.get((hold.provider, hold.unit))
        if allowance is not None and debited is not Debited.NO:
            allowance.spend(hold.day, amount)
