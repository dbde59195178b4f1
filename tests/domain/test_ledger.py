"""The caps: held + debited + in doubt never pass them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.domain.ledger import Budget, Hold, Refusal
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
