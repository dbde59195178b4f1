"""The wallet as a provider states it, held against what its answers charged. Pure.

An account falls by every charge and by nothing else, unless somebody else uses it or fills it. What is compared here
holds whatever the order in which answers that overlapped were charged:

* A balance is stated at some moment between the sending of its request and its answer.
* Without a top-up the wallet only falls. So the lowest balance is the latest one, and whoever states a higher one was
  charged before it.
* A charge of a request that overlapped the first balance may have come before it or after: it may explain a difference,
  it never makes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from runner.domain.model import Amount


class Told(NamedTuple):
    """One request that is over, as its answer tells of it."""

    opened_us: int
    closed_us: int
    charged: Amount  # for certain; 0 where it was not, or nobody knows
    balance: Amount | None  # what was left after it, where its answer says so


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCheck:
    """What became of a wallet between two balances; what is known of its doubts is another matter (`evidence`)."""

    first_us: int  # when the request was sent whose answer stated the first balance
    clear_us: int  # when that answer came: what was sent from then on was charged after that balance
    last_us: int  # and that of the last one: what was over by then is in `closing`
    until_us: int  # when the answer with the last balance came
    opening: Amount  # before the first of these requests was charged
    closing: Amount
    topped_up: Amount  # by at least so much it grew in between
    debited: Amount  # what the answers account for, for certain between the two
    overlap: Amount  # what they account for beside that, which may lie outside: it may explain a part of the fall

    @property
    def over(self) -> int:
        """By so much more the wallet fell than by `debited`; less than 0: by so much less."""
        return self.opening + self.topped_up - self.closing - self.debited


@dataclass(slots=True)
class _Stretch:
    """From one balance on, as long as the wallet does not grow."""

    first: Told
    debited: int
    overlap: int  # charges that may have come before the first balance
    last: Told  # with the lowest balance
    silent: list[Told] = field(default_factory=list)  # charged without a balance, and a later one may overlap them
    beside: int = 0  # of those that are past: what was charged beside the last balance,
    after: int = 0  # and what was charged after it

    def take(self, told: Told) -> None:
        """The next request, in the order of sending."""
        if self.silent:
            self._set_past(told.opened_us)
        if told.opened_us < self.first.closed_us:
            self.overlap += told.charged
        elif told.balance is not None:
            self.debited += told.charged
            if told.balance <= _balance(self.last):
                self.debited += self.beside + self.after
                self.beside = self.after = 0
                self.last = told
        elif told.charged:
            self.silent.append(told)

    def _set_past(self, now_us: int) -> None:
        """Requests that were over before `now_us` are only kept as sums: any later balance comes after them."""
        for one in self.silent:
            if one.closed_us <= now_us:
                self._count(one)
        self.silent = [one for one in self.silent if one.closed_us > now_us]

    def _count(self, one: Told) -> None:
        if one.opened_us >= self.last.closed_us:
            self.after += one.charged
        else:
            self.beside += one.charged

    def end(self) -> None:
        """No balance comes any more: what was charged after the last one is no part of the fall."""
        for one in self.silent:
            self._count(one)
        self.silent = []
        self.overlap += self.beside
        self.beside = 0

    def cut(self, last: Told, pending: list[Told]) -> None:
        """The wallet grew after `last`: of those that were not over by then (`pending`) nobody knows on which side."""
        for one in pending:
            if one.balance is not None and one.opened_us >= self.first.closed_us:
                self.debited -= one.charged
                self.overlap += one.charged
        self.last = last
        self.end()
        self.overlap += self.after

    @property
    def fall(self) -> int:
        """From before the first charge to the last balance."""
        return _balance(self.first) + self.first.charged - _balance(self.last)


class Reckoning:
    """Takes the requests of one account in the order in which they were sent; memory is that of those in flight."""

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []
        self._pending: list[tuple[int, int, Told]] = []  # not over when the last one was sent: a heap by their ends
        self._count = 0
        self._low: Told | None = None  # the lowest balance of those in this stretch that were
        self._topped_up = 0
        self._now_us = 0
        self._sound = True

    def take(self, told: Told) -> None:
        """The next request."""
        # A clock that went back says nothing about what overlapped.
        self._sound &= self._now_us <= told.opened_us <= told.closed_us
        self._now_us = told.opened_us
        self._set_past(told.opened_us)
        if told.balance is not None and self._low is not None and told.balance > _balance(self._low):
            self._grown(self._low, told)
        elif self._stretches:
            self._stretches[-1].take(told)
        elif told.balance is not None:
            self._begin(told)
        self._count += 1
        heappush(self._pending, (told.closed_us, self._count, told))

    def _set_past(self, now_us: int) -> None:
        stretch = self._stretches[-1] if self._stretches else None
        while self._pending and self._pending[0][0] <= now_us:
            one = heappop(self._pending)[2]
            if one.balance is None or stretch is None:
                continue
            # Others may have stated theirs before the wallet grew: no measure of what follows.
            inside = one is stretch.first or one.opened_us >= stretch.first.closed_us
            if inside and (self._low is None or one.balance <= _balance(self._low)):
                self._low = one

    def _begin(self, told: Told) -> None:
        overlap = sum(one.charged for _, _, one in self._pending)
        self._stretches.append(_Stretch(first=told, debited=told.charged, overlap=overlap, last=told))

    def _grown(self, low: Told, told: Told) -> None:
        self._stretches[-1].cut(low, [one for _, _, one in self._pending])
        self._topped_up += _balance(told) + told.charged - _balance(low)
        self._begin(told)
        self._low = None

    def check(self) -> WalletCheck | None:
        """What came of it; None: nothing was stated, or the clock went back."""
        if not self._stretches or not self._sound:
            return None
        first, last = self._stretches[0], self._stretches[-1]
        last.end()
        debited = sum(stretch.debited for stretch in self._stretches)
        overlap = sum(stretch.overlap for stretch in self._stretches)
        over = sum(stretch.fall for stretch in self._stretches) - debited
        # Where it was topped up, less than expected means that this was more.
        hidden = -over if over < 0 and self._topped_up else 0
        return WalletCheck(
            first_us=first.first.opened_us,
            clear_us=first.first.closed_us,
            last_us=last.last.opened_us,
            until_us=last.last.closed_us,
            opening=Amount(_balance(first.first) + first.first.charged),
            closing=Amount(_balance(last.last)),
            topped_up=Amount(self._topped_up + hidden),
            debited=Amount(debited),
            overlap=Amount(overlap),
        )


def _balance(told: Told) -> Amount:
    if told.balance is None:
        raise ValueError("only requests whose answers state a balance bound a stretch")
    return told.balance
