"""What an account's wallet says of its requests in doubt, and of what a person said about them. Pure.

The wallet is a witness whose word is easily stretched, so two rules hold:

* What a person called charged explains the fall of one check only: of the one in which it was sent, else of the next.
* "Not charged" is a word for a wallet that fell by nothing beside its answers, from before the request until the last
  balance that is known: a later fall may be a charge that came late, and a top-up hides one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from runner.domain.model import MILLION, Amount
from runner.domain.wallet import WalletCheck

LATE_US: Final = 600 * MILLION
"""A request that was given up may reach the provider later: so long after its deadline it may still be charged."""


class Doubted(NamedTuple):
    """One request that was closed without anybody knowing its charge."""

    opened_us: int
    closed_us: int
    deadline_us: int  # until when an answer was waited for, at most
    amount: Amount  # what it may have cost
    admitted: bool  # a person said since that it was charged; else nobody knows to this day


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A check in the light of what was decided since: opening + topped_up - debited - difference = closing."""

    topped_up: Amount  # at least
    admitted: Amount  # the part of `debited` that is a person's word
    debited: Amount
    difference: int  # by so much more it fell; less than 0: by so much less
    in_doubt: Amount  # what may have been charged beside that
    doubts: int  # requests behind `in_doubt`
    tells: bool  # a difference speaks of these doubts: nothing else that was sent can explain it
    tells_innocence: bool  # and so does none


@dataclass(slots=True)
class _Sums:
    """What was doubted around one check."""

    doubts: int = 0
    in_doubt: int = 0
    own: int = 0  # doubts that were sent within it,
    inside: int = 0  # and of these: so that a charge shows in the fall, if it did not come late
    reach_us: int = 0  # until when one of its own doubts may still be charged
    sure: int = 0  # admitted, and inside like these
    perhaps: int = 0  # admitted: where it was charged after all may lie beside it

    def doubt(self, check: WalletCheck, one: Doubted) -> None:
        self.doubts += 1
        self.in_doubt += one.amount
        if check.first_us <= one.opened_us:
            self.own += 1
            self.inside += _is_inside(check, one)
            self.reach_us = max(self.reach_us, one.deadline_us + LATE_US)

    def admit(self, check: WalletCheck, one: Doubted) -> None:
        if _is_inside(check, one):
            self.sure += one.amount
        else:
            self.perhaps += one.amount


def _is_inside(check: WalletCheck, one: Doubted) -> bool:
    """Sent after the first balance was stated, over before the last one was."""
    return check.clear_us <= one.opened_us and one.closed_us <= check.last_us


def weigh(checks: Sequence[WalletCheck], doubted: Iterable[Doubted]) -> list[Evidence]:
    """What each of an account's checks comes to. `checks`: all of them, the oldest first; memory is that of the checks.

    `doubted`: all requests of the account whose charge the answers leave open, in any order.
    """
    sums = [_Sums() for _ in checks]
    begins = [check.first_us for check in checks]
    for one in doubted:
        place = bisect_right(begins, one.opened_us)
        if place and one.opened_us < checks[place - 1].until_us:
            place -= 1
        for check, found in zip(checks[place:], sums[place:], strict=True):
            if check.first_us >= one.deadline_us + LATE_US:
                break
            if one.admitted:
                found.admit(check, one)
                break
            found.doubt(check, one)
    return [_evidence(checks, place, found) for place, found in enumerate(sums)]


def _evidence(checks: Sequence[WalletCheck], place: int, found: _Sums) -> Evidence:
    check = checks[place]
    over = check.over
    admitted = found.sure + min(max(over - found.sure, 0), found.perhaps)
    explained = min(max(over - admitted, 0), check.overlap)
    difference = over - admitted - explained
    # Where it was topped up, less than expected means that this was more.
    hidden = -difference if difference < 0 and check.topped_up else 0
    return Evidence(
        topped_up=Amount(check.topped_up + hidden),
        admitted=Amount(admitted),
        debited=Amount(check.debited + admitted + explained),
        difference=difference + hidden,
        in_doubt=Amount(found.in_doubt),
        doubts=found.doubts,
        tells=not check.overlap and found.own == found.doubts,
        tells_innocence=found.inside == found.doubts and _nothing_else(checks[place:], found.reach_us),
    )


def _nothing_else(checks: Sequence[WalletCheck], reach_us: int) -> bool:
    """Whether the wallet fell by nothing beside its answers in the first of these checks, and as far as its doubts
    reach after it, also between two checks."""
    if checks[0].over or checks[0].topped_up:
        return False
    for before, check in pairwise(checks):
        if check.opening != before.closing:
            return False
        if check.first_us >= reach_us:
            break
        if check.over or check.topped_up:
            return False
    return True
