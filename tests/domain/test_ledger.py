"""The caps: held + debited + in doubt never pass them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runner.domain.ledger import MAX_SPEND_PER_DAY, Allowance, Budget, Hold, Refusal
from runner.domain.model import Amount, Debited

steps = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 5), st.sampled_from(["no", "yes", "unknown", "back"])),
    max_size=60,
)


@given(steps, st.integers(0, 10), st.integers(0, 30), st.integers(1, 5))
def test_no_cap_is_ever_passed(steps: list[tuple[str, int, str]], requests: int, spend: int, at_once: int) -> None:
    """Whatever is held, charged, in doubt or given back, with several requests in flight."""
    budget = Budget(max_requests={None: requests}, max_spend={None: Amount(spend), "a": Amount(spend // 2)})
    open_holds: list[Hold] = []
    for provider, price, end in steps:
        held = budget.hold(provider, Amount(price))
        if isinstance(held, Hold):
            open_holds.append(held)
        if len(open_holds) > at_once or isinstance(held, Refusal):
            for hold in open_holds:
                if end == "back":
                    budget.give_back(hold)
                else:
                    budget.settle(hold, sent=True, debited=Debited(end), amount=hold.amount)
            open_holds = []
        accounts = [budget.account("a"), budget.account("b")]
        assert sum(account.requests() for account in accounts) <= requests
        assert sum(account.spent() for account in accounts) <= spend
        assert budget.account("a").spent() <= spend // 2


def test_a_refusal_is_final_only_when_nothing_in_flight_can_make_room() -> None:
    """The last check of a cap may still turn out not to be charged."""
    budget = Budget(max_spend={None: Amount(1)})
    hold = budget.hold("a", Amount(1))
    assert isinstance(hold, Hold)
    assert budget.hold("b", Amount(1)) == Refusal(cap="max-spend", provider=None, final=False)
    budget.settle(hold, sent=True, debited=Debited.NO, amount=Amount(0))
    second = budget.hold("b", Amount(1))
    assert isinstance(second, Hold)
    budget.settle(second, sent=True, debited=Debited.UNKNOWN, amount=Amount(1))
    assert budget.hold("b", Amount(1)) == Refusal(cap="max-spend", provider=None, final=True)


def test_earlier_runs_count() -> None:
    """A cap holds over the life of a batch, not of a process."""
    budget = Budget(max_requests={None: 10})
    budget.carry("a", requests=10, debited=Amount(3), in_doubt=Amount(1))
    refusal = budget.hold("a", Amount(0))
    assert refusal == Refusal(cap="max-requests", provider=None, final=True)
    assert budget.account("a").spent() == 4


def test_a_request_that_never_left_does_not_count() -> None:
    """`--max-requests 1` and a refused connection: one request may still be sent."""
    budget = Budget(max_requests={"a": 1})
    hold = budget.hold("a", Amount(5))
    assert isinstance(hold, Hold)
    budget.settle(hold, sent=False, debited=Debited.NO, amount=Amount(0))
    assert isinstance(budget.hold("a", Amount(5)), Hold)


PRICE_MAX = {"a": 5, "b": 3}
BATCHES = (0, 1)


@dataclass
class Request:
    """One on its way: what its batch set aside, and what will have been charged for it."""

    batch: int
    hold: Hold


@dataclass
class Books:
    """What the caps are about, counted apart from them: (batch, provider, day) -> charged or perhaps charged."""

    owed: dict[tuple[int, str, int], int] = field(default_factory=dict)

    def add(self, one: Request, amount: int) -> None:
        """Charged, or perhaps."""
        key = (one.batch, one.hold.provider, one.hold.day)
        self.owed[key] = self.owed.get(key, 0) + amount

    def sum(self, *, batch: int | None = None, provider: str | None = None, day: int | None = None) -> int:
        """Over all that fit."""
        wanted = (batch, provider, day)
        fits = [
            amount
            for key, amount in self.owed.items()
            if all(one is None or one == given for one, given in zip(wanted, key, strict=True))
        ]
        return sum(fits)


class Caps(RuleBasedStateMachine):
    """Two batches on two providers, over midnights: charges are whatever is stated, but never above `price_max`."""

    @initialize(
        whole=st.integers(0, 40), of_a=st.integers(0, 25), per_day=st.integers(5, 20), earlier=st.integers(0, 30)
    )
    def begin(self, whole: int, of_a: int, per_day: int, earlier: int) -> None:
        """Caps of the batch, of one provider in it, and of a provider's day; part of today is spent already."""
        self.whole, self.of_a, self.per_day = whole, of_a, per_day
        self.earlier = min(earlier, per_day)
        allowances = {(name, "check"): Allowance(Amount(per_day), {0: Amount(self.earlier)}) for name in PRICE_MAX}
        caps: dict[str | None, Amount] = {None: Amount(whole), "a": Amount(of_a)}
        self.budgets = [Budget(max_spend=caps, allowances=allowances) for _ in BATCHES]
        self.day = 0
        self.flying: list[Request] = []
        self.books = Books()

    @rule(batch=st.sampled_from(BATCHES), provider=st.sampled_from(sorted(PRICE_MAX)))
    def send(self, batch: int, provider: str) -> None:
        """If there is room; a refusal that is final has nothing on the way that could make any."""
        price = self.budgets[batch].price(f"{provider}.email", Amount(PRICE_MAX[provider]))
        got = self.budgets[batch].hold(provider, price, unit="check", day=self.day)
        if isinstance(got, Hold):
            self.flying.append(Request(batch, got))
        elif got.cap == MAX_SPEND_PER_DAY:
            same = [one for one in self.flying if (one.hold.provider, one.hold.day) == (provider, self.day)]
            assert got.final is not bool(same)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 99), charge=st.integers(0, 5), lost=st.booleans())
    def answer(self, which: int, charge: int, lost: bool) -> None:
        """Charged what is stated, or lost and in doubt with all that was held."""
        one = self.flying.pop(which % len(self.flying))
        amount = one.hold.amount if lost else Amount(min(charge, PRICE_MAX[one.hold.provider]))
        debited = Debited.UNKNOWN if lost else Debited.YES if amount else Debited.NO
        self.budgets[one.batch].settle(one.hold, sent=True, debited=debited, amount=amount)
        self.books.add(one, amount)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 99))
    def withdraw(self, which: int) -> None:
        """It never left."""
        one = self.flying.pop(which % len(self.flying))
        self.budgets[one.batch].give_back(one.hold)

    @rule()
    def midnight(self) -> None:
        """A new day begins, with requests of the old one on the way."""
        self.day += 1

    @invariant()
    def no_cap_is_passed(self) -> None:
        """By what is owed and what is on the way together."""
        now = Books(owed=dict(self.books.owed))
        for one in self.flying:
            now.add(one, one.hold.amount)
        for batch in BATCHES:
            assert now.sum(batch=batch) <= self.whole
            assert now.sum(batch=batch, provider="a") <= self.of_a
        for provider in PRICE_MAX:
            for day in range(self.day + 1):
                assert now.sum(provider=provider, day=day) <= self.per_day - (0 if day else self.earlier)


TestNoCapOfBatchProviderOrDayIsEverPassed = Caps.TestCase


def test_what_is_free_needs_no_room() -> None:
    """A day that is used up, or a cap that was lowered below what was spent, holds back nothing that costs nothing."""
    budget = Budget(allowances={("a", "check"): Allowance(Amount(3), {7: Amount(5)})})
    assert isinstance(budget.hold("a", Amount(0), unit="check", day=7), Hold)
    assert budget.hold("a", Amount(1), unit="check", day=7) == Refusal(cap=MAX_SPEND_PER_DAY, provider="a", final=False)
    assert isinstance(budget.hold("a", Amount(9), unit="credit", day=7), Hold)
    assert isinstance(budget.hold("b", Amount(9), unit="check", day=7), Hold)


def test_what_one_batch_was_charged_another_expects() -> None:
    """They share what charges above the known price have taught."""
    dearest: dict[str, Amount] = {}
    first, second = Budget(dearest=dearest), Budget(dearest=dearest)
    first.charged("a.email", Amount(4))
    assert (second.price("a.email", Amount(1)), second.price("a.phone", Amount(1))) == (4, 1)
