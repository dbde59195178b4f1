"""The wallet against the answers: random interleavings of concurrent requests, and what happens beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from runner.domain.model import Amount
from runner.domain.wallet import Reckoning, Told, WalletCheck

START = 10_000
Moments = tuple[int, int, int, int]
"""Of one request: sent, charged, the balance read, answered."""


def check(told: Iterable[Told]) -> WalletCheck | None:
    """The check of these requests, in the order of sending."""
    reckoning = Reckoning()
    for one in sorted(told, key=lambda one: one.opened_us):
        reckoning.take(one)
    return reckoning.check()


def differs(found: WalletCheck) -> int:
    """By so much more it fell than all answers can account for, those beside the first balance included."""
    return found.over - min(max(found.over, 0), found.overlap)


def states(asked: Sequence[tuple[Moments, int, bool]], beside: Sequence[tuple[int, int]] = ()) -> list[Told]:
    """What the answers say. `asked`: moments, charge, whether the balance is stated; `beside`: when the wallet changed
    by how much through somebody else."""

    def left(at: int) -> int:
        spent = sum(charge for moments, charge, _ in asked if moments[1] <= at)
        return START - spent + sum(amount for when, amount in beside if when <= at)

    return [
        Told(
            opened_us=sent,
            closed_us=answered,
            charged=Amount(charge),
            balance=Amount(left(read)) if stated else None,
        )
        for (sent, _, read, answered), charge, stated in asked
    ]


# Moments are apart from each other, as they are in a real wallet: an odd number never meets a top-up.
MOMENTS = st.lists(st.integers(0, 400).map(lambda at: 2 * at + 1), min_size=4, max_size=4, unique=True).map(
    lambda at: (min(at), sorted(at)[1], sorted(at)[2], max(at))
)
ASKED = st.lists(
    st.tuples(MOMENTS, st.integers(0, 9), st.booleans()),
    max_size=12,
    unique_by=(lambda one: one[0][0], lambda one: one[0][1], lambda one: one[0][2]),
)
CHANGES = st.lists(st.tuples(st.integers(0, 400).map(lambda at: 2 * at), st.integers(1, 50)), max_size=3)
QUEUE = st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=12)


def one_by_one(asked: Sequence[tuple[int, bool]]) -> list[tuple[Moments, int, bool]]:
    """Requests that never overlap, four moments each."""
    return [((8 * n + 1, 8 * n + 3, 8 * n + 5, 8 * n + 7), charge, stated) for n, (charge, stated) in enumerate(asked)]


@given(asked=ASKED)
@example(asked=[((1, 3, 9, 11), 5, True), ((5, 7, 13, 15), 2, True)])
@example(asked=[((1, 21, 23, 25), 5, False), ((3, 5, 7, 9), 1, True), ((27, 29, 31, 33), 1, True)])
def test_a_wallet_that_is_used_by_nobody_else_never_differs(asked: list[tuple[Moments, int, bool]]) -> None:
    """However requests overlap, whenever within one the charge is booked and the balance read, stated or not."""
    found = check(states(asked))
    assert (found is None) == (not any(stated for _, _, stated in asked))
    if found is not None:
        assert (differs(found), found.topped_up) == (0, 0)


@given(asked=ASKED, others=CHANGES)
def test_no_more_is_missed_than_others_took(
    asked: list[tuple[Moments, int, bool]], others: list[tuple[int, int]]
) -> None:
    """Charges of others are found, or not; never more than there were, and never as money that came."""
    found = check(states(asked, [(at, -amount) for at, amount in others]))
    if found is not None:
        assert 0 <= differs(found) <= sum(amount for _, amount in others)
        assert found.topped_up == 0


@given(asked=ASKED, filled=CHANGES)
@example(
    asked=[
        ((1, 3, 5, 7), 1, True),
        ((9, 11, 13, 31), 1, True),
        ((15, 23, 25, 27), 1, True),
        ((33, 35, 37, 39), 1, True),
    ],
    filled=[(20, 50)],
)
def test_a_top_up_is_never_taken_for_a_charge(
    asked: list[tuple[Moments, int, bool]], filled: list[tuple[int, int]]
) -> None:
    """It is told as one, as far as it shows, or makes less fall than expected; nothing looks charged for it."""
    found = check(states(asked, filled))
    if found is not None:
        assert differs(found) <= 0
        assert found.topped_up - differs(found) <= sum(amount for _, amount in filled)


@given(asked=QUEUE, others=CHANGES)
def test_requests_that_do_not_overlap_tell_exactly_what_others_took(
    asked: list[tuple[int, bool]], others: list[tuple[int, int]]
) -> None:
    """Whatever was charged between the first balance and the last, and nothing before or after."""
    queue = one_by_one(asked)
    found = check(states(queue, [(at, -amount) for at, amount in others]))
    read = [moments[2] for moments, _, stated in queue if stated]
    if found is not None:
        inside = sum(amount for at, amount in others if read[0] < at <= read[-1])
        assert (found.over, found.overlap) == (inside, 0)


@given(asked=QUEUE, fills=CHANGES, takes=CHANGES)
def test_the_figures_of_a_check_add_up(
    asked: list[tuple[int, bool]], fills: list[tuple[int, int]], takes: list[tuple[int, int]]
) -> None:
    """Opening and closing are balances that were stated; the rest explains how one became the other."""
    beside = [*fills, *((at, -amount) for at, amount in takes)]
    told = states(one_by_one(asked), beside)
    found = check(told)
    stated = [one for one in told if one.balance is not None]
    if found is not None and stated[0].balance is not None:
        assert found.opening == stated[0].balance + stated[0].charged
        assert found.closing in [one.balance for one in stated]
        assert found.opening + found.topped_up - found.debited - found.over == found.closing
        assert found.topped_up >= 0


def test_a_second_charge_and_a_request_in_doubt_are_seen() -> None:
    """Three requests at 1 each, one of them charged twice by the provider, and one that never came back but was."""
    twice = states(one_by_one([(1, True), (2, True), (1, True)]))
    twice = [one._replace(charged=Amount(1)) for one in twice]
    found = check(twice)
    assert found is not None
    assert (found.opening, found.closing, found.debited, differs(found)) == (START, START - 4, 3, 1)
    lost = states(one_by_one([(1, True), (1, False), (1, True)]))
    lost[1] = lost[1]._replace(charged=Amount(0))
    found = check(lost)
    assert found is not None
    assert (found.debited, found.over, found.overlap) == (2, 1, 0)


def test_a_top_up_in_the_middle_is_told_as_one_and_what_it_hides_is_found() -> None:
    """500 came, and one request was charged twice after it."""
    told = states(one_by_one([(1, True), (1, True), (1, True), (2, True)]), [(17, 500)])
    told = [one._replace(charged=Amount(1)) for one in told]
    found = check(told)
    assert found is not None
    assert (found.topped_up, found.debited, differs(found)) == (500, 4, 1)
    assert (found.opening, found.closing) == (START, START + 500 - 5)


def test_a_clock_that_went_back_is_no_witness() -> None:
    """What looks like one after the other may have overlapped: nothing is said."""
    told = states(one_by_one([(1, True), (1, True)]))
    back = [told[0]._replace(opened_us=100, closed_us=107), told[1]]
    reckoning = Reckoning()
    for one in back:
        reckoning.take(one)
    assert reckoning.check() is None


def test_memory_is_that_of_the_requests_in_flight() -> None:
    """A long night that states a balance once keeps sums, not requests."""
    reckoning = Reckoning()
    for one in states(one_by_one([(1, True)])):
        reckoning.take(one)
    for first, last in pairwise(range(8, 8_000, 8)):
        reckoning.take(Told(first, last, Amount(1), None))
    kept = reckoning._pending, reckoning._stretches[-1].silent
    assert max(len(one) for one in kept) <= 2
