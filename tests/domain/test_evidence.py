"""Wallets, doubts and what people said of them: random histories of an account against the provider's own books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.domain.evidence import LATE_US, Doubted, Evidence, weigh
from runner.domain.model import Amount
from runner.domain.wallet import Reckoning, Told, WalletCheck

START = 1_000_000
FILLED = 100_000
"""A top-up is more than all charges of a history together: one of just as much as a charge hides it from everybody."""


Moments = tuple[int, int, int, int]


class Asked(NamedTuple):
    """One request as the provider knows it; moments count from the start of its run."""

    moments: Moments  # sent, charged, the balance read, over
    charge: int
    kind: str  # "stated", "silent", or what a person says of it: "open", "charged", "not-charged"
    late: int  # so much later it is charged, where it is in doubt
    price: int  # what it is booked at, if a person says charged


class Run(NamedTuple):
    """What was asked in it, how long after the run before it began, and what others did to the wallet meanwhile."""

    asked: Sequence[Asked]
    pause: int
    others: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Books:
    """The truth, and what is made of it."""

    checks: list[WalletCheck]
    found: list[Evidence]
    doubts: list[Asked]


DOUBTS = ("open", "charged", "not-charged")


def after(begin: int, moments: Moments) -> Moments:
    """The same moments on a later clock."""
    sent, charged, read, over = moments
    return begin + sent, begin + charged, begin + read, begin + over


def placed(runs: Sequence[Run]) -> list[tuple[list[Asked], list[tuple[int, int]]]]:
    """The runs one after the other on one clock."""
    begin, found = 0, []
    for run in runs:
        begin += run.pause
        asked = [one._replace(moments=after(begin, one.moments)) for one in run.asked]
        found.append((asked, [(begin + at, amount) for at, amount in run.others]))
        begin = max([begin, *(one.moments[3] for one in asked), *(begin + at for at, _ in run.others)]) + 1
    return found


def charged_at(one: Asked) -> int:
    """When the provider books it."""
    return one.moments[1] + (one.late if one.kind in DOUBTS else 0)


def judged(runs: Sequence[Run]) -> Books:
    """A check at the end of each run, as `store.balances` makes them, and what all of it comes to."""
    history = placed(runs)
    changes = [(charged_at(one), -one.charge) for asked, _ in history for one in asked]
    changes += [change for _, others in history for change in others]

    def left(at: int) -> int:
        return START + sum(amount for when, amount in changes if when <= at)

    checks: list[WalletCheck] = []
    since: list[Asked] = []
    for asked, _ in history:
        since += asked
        reckoning = Reckoning()
        for one in sorted(since):
            charge = 0 if one.kind in DOUBTS else one.charge
            stated = Amount(left(one.moments[2])) if one.kind == "stated" else None
            reckoning.take(Told(one.moments[0], one.moments[3], Amount(charge), stated))
        check = reckoning.check()
        if check is not None:
            checks.append(check)
            since = []
    doubted = [one for asked, _ in history for one in asked if one.kind in DOUBTS]
    found = weigh(
        checks,
        [
            Doubted(one.moments[0], one.moments[3], one.moments[3], Amount(one.price), one.kind == "charged")
            for one in doubted
            if one.kind != "not-charged"
        ],
    )
    return Books(checks, found, doubted)


MOMENTS = st.lists(st.integers(0, 60).map(lambda at: 2 * at + 1), min_size=4, max_size=4, unique=True).map(
    lambda at: (min(at), sorted(at)[1], sorted(at)[2], max(at))
)
KINDS = st.sampled_from(["stated", "stated", "stated", "silent", *DOUBTS])
LATE = st.sampled_from([0, 0, 0, 20, 200, LATE_US // 2, LATE_US - 200])
ASKED = st.lists(
    st.builds(Asked, MOMENTS, st.integers(0, 9), KINDS, LATE, st.integers(1, 9)),
    max_size=6,
    unique_by=(lambda one: one.moments[0], lambda one: one.moments[1], lambda one: one.moments[2]),
)
OTHERS = st.lists(
    st.tuples(st.integers(0, 60).map(lambda at: 2 * at), st.sampled_from([-3, -2, -1, FILLED])), max_size=2
)
PAUSE = st.sampled_from([0, 100, LATE_US // 2, LATE_US, 3 * LATE_US])
RUNS = st.lists(st.builds(Run, ASKED, PAUSE, OTHERS), min_size=1, max_size=4)


def one_by_one(*asked: tuple[int, str], pause: int = 0, others: Sequence[tuple[int, int]] = ()) -> Run:
    """Charges and kinds of requests that never overlap."""
    return Run(
        [
            Asked((8 * n + 1, 8 * n + 3, 8 * n + 5, 8 * n + 7), charge, kind, 0, 1)
            for n, (charge, kind) in enumerate(asked)
        ],
        pause,
        others,
    )


def side_by_side(first: Moments, doubt: Moments, last: Moments) -> Run:
    """One in doubt that was charged, beside or between two that state what is left."""
    kinds = ((first, "stated"), (doubt, "open"), (last, "stated"))
    return Run([Asked(moments, 1, kind, 0, 1) for moments, kind in kinds], 0, [])


OPEN_BETWEEN = ((1, "stated"), (1, "open"), (1, "stated"))


@settings(max_examples=400)
@given(runs=RUNS)
@example(runs=[one_by_one((1, "stated"), (1, "charged"), (1, "stated")), one_by_one(*OPEN_BETWEEN)])
@example(runs=[one_by_one(*OPEN_BETWEEN, others=[(14, FILLED)])])
@example(runs=[side_by_side((1, 5, 9, 11), (3, 7, 13, 15), (17, 19, 21, 23))])
@example(runs=[side_by_side((1, 3, 5, 7), (9, 17, 19, 21), (11, 12, 13, 15))])
def test_not_charged_is_never_said_of_what_was_charged(runs: list[Run]) -> None:
    """Whatever overlapped, came late, was taken or filled by others, and was said, rightly or wrongly, of other doubts:
    none of these requests was in the provider's books when it was over, nor at the last balance that was stated."""
    books = judged(runs)
    for check, found in zip(books.checks, books.found, strict=True):
        if not (found.doubts and found.tells_innocence):
            continue
        for one in books.doubts:
            if one.kind == "open" and check.first_us <= one.moments[0] < check.until_us:
                assert one.charge == 0 or charged_at(one) > max(books.checks[-1].last_us, one.moments[3])


@given(runs=RUNS)
@example(runs=[one_by_one((1, "stated"), (1, "charged"), (1, "stated")), one_by_one(*OPEN_BETWEEN)])
def test_the_figures_add_up_and_a_word_counts_once(runs: list[Run]) -> None:
    """Opening and closing are what was stated; what people called charged is in no more than one check."""
    books = judged(runs)
    for check, found in zip(books.checks, books.found, strict=True):
        assert check.opening + found.topped_up - found.debited - found.difference == check.closing
        assert found.topped_up >= check.topped_up
        assert 0 <= found.admitted <= found.debited
    said = [one.price for run in runs for one in run.asked if one.kind == "charged"]
    assert sum(found.admitted for found in books.found) <= sum(said)


def truthful(run: Run) -> Run:
    """Nobody else uses the account, nothing comes late, and what people say of their doubts is true."""
    asked = [
        one._replace(late=0, price=one.charge, kind="charged" if one.charge else "not-charged")
        if one.kind in DOUBTS
        else one
        for one in run.asked
    ]
    return run._replace(asked=asked, others=[])


@given(runs=st.lists(st.builds(Run, ASKED, PAUSE, OTHERS).map(truthful), min_size=1, max_size=4))
def test_what_is_said_truly_leaves_no_difference(runs: list[Run]) -> None:
    """However requests overlapped: a decision makes no alarm by itself."""
    assert [found.difference for found in judged(runs).found] == [0] * len(judged(runs).found)


def test_what_is_not_seen_is_said_where_it_is_certain() -> None:
    """A word against the wallet is a difference, also where other charges may lie outside; innocence is said of one
    by one and of requests side by side."""
    false = judged([one_by_one((1, "stated"), (0, "charged"), (1, "stated"))])
    assert [(one.debited, one.admitted, one.difference) for one in false.found] == [(3, 1, -1)]
    innocent = [(1, "stated"), (0, "open"), (1, "stated")]
    apart = judged([one_by_one(*innocent), one_by_one((2, "stated"), (1, "stated"), pause=100)])
    assert [(one.doubts, one.tells_innocence) for one in apart.found] == [(1, True), (1, False)]
    beside = [Asked((2, 6, 7, 8), 3, "silent", 0, 1), Asked((70, 71, 72, 73), 1, "stated", 0, 1)]
    (found,) = judged([Run([*one_by_one(*innocent).asked, *beside], 0, [])]).found
    assert (found.tells, found.tells_innocence, found.difference) == (False, False, 0)


def test_what_comes_late_takes_the_word_back() -> None:
    """Not charged, as far as was known then; the next run's wallet, or the gap between the two, says otherwise."""
    doubt = Asked((9, 11, 13, 15), 1, "open", 30, 1)
    run = one_by_one((1, "stated"), (0, "silent"), (1, "stated"))
    late = run._replace(asked=[run.asked[0], doubt, run.asked[2]])
    for pause, next_run in (
        (0, one_by_one((1, "stated"), (1, "stated"), (1, "stated"))),
        (300, one_by_one((1, "stated"))),
    ):
        alone = judged([late])
        assert alone.found[0].tells_innocence
        after = judged([late, next_run._replace(pause=pause)])
        assert not after.found[0].tells_innocence
