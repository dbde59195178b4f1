"""What an account's wallet was found to be at the end of a run, held against its attempts; and how that reads today."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final

import sqlalchemy as sa

from runner.domain.evidence import Doubted, Evidence, weigh
from runner.domain.model import Amount, BatchId, RunId
from runner.domain.wallet import Reckoning, Told, WalletCheck
from runner.store.reading import STREAM
from runner.store.sql import write_event
from runner.store.wallets import Balance, Checked

_NEWEST: Final = 2**63 - 1
_SINCE: Final = "SELECT coalesce(max(upto), 0) FROM balances WHERE account = ?"
_OWN: Final = "SELECT min(id) - 1 FROM attempts NOT INDEXED WHERE id > ? AND account = ? AND run = ?"
# In the order of the table: sorting a million lines of an index would need room for all of them.
_TOLD: Final = """
SELECT id, unit, opened_us, closed_us, iif(debited = 'yes', amount, 0), debited, balance
FROM attempts NOT INDEXED WHERE id > ? AND id <= ? AND account = ? AND closed_us IS NOT NULL ORDER BY id
"""
_KEEP: Final = """
INSERT INTO balances (batch, provider, run, account, unit, upto, first_us, clear_us, last_us, until_us, opening,
    closing, topped_up, debited, overlap) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_OF_BATCH: Final = "SELECT provider, run, account, unit, upto FROM balances WHERE batch = ? ORDER BY run, provider"
# Several batches of a run have the same check.
_OF_ACCOUNT: Final = """
SELECT DISTINCT upto, first_us, clear_us, last_us, until_us, opening, closing, topped_up, debited, overlap
FROM balances WHERE account = ? ORDER BY upto
"""
_DOUBTED: Final = """
SELECT opened_us, closed_us, opened_us + within_us, amount, standing = 'debited' FROM attempts
WHERE account = ? AND debited = 'unknown' AND standing IN ('in_doubt', 'debited')
"""


def check_account(connection: sa.Connection, account: str, *, run: RunId) -> Checked | None:
    """What the answers since the last check say of the account's wallet; in the memory of those in flight.

    Where nothing can be said of all of them, those of `run` are looked at alone: what went wrong once must not silence
    every later check.
    """
    since = connection.exec_driver_sql(_SINCE, (account,)).scalar_one()
    return checked_between(connection, account, since=since, upto=_NEWEST, run=run)


def checked_between(connection: sa.Connection, account: str, *, since: int, upto: int, run: RunId) -> Checked | None:
    """The same of the attempts after `since`, up to `upto`: whoever asks later is told what was found then."""
    checked = _checked(connection, account, (since, upto))
    if checked is None:
        own = connection.exec_driver_sql(_OWN, (since, account, run)).scalar_one()
        checked = None if own is None or own == since else _checked(connection, account, (own, upto))
    return checked


def _checked(connection: sa.Connection, account: str, between: tuple[int, int]) -> Checked | None:
    """What the answers of these attempts say; one pass.

    None where nothing was stated, where a charge is not known, or where its operations are charged in several units: no
    sum could be compared. A charge is not known where something was charged and its amount is 0: the operation had no
    price when it was sent, and the answer stated none. Which price it has by now says nothing about then.
    """
    reckoning, units, upto = Reckoning(), set(), 0
    result = connection.exec_driver_sql(_TOLD, (*between, account))
    for number, unit, opened, closed, charged, debited, balance in chain.from_iterable(result.partitions(STREAM)):
        if debited == "yes" and not charged:
            return None
        units.add(unit)
        upto = number
        reckoning.take(Told(opened, closed, charged, balance))
    check = reckoning.check()
    if check is None or len(units) != 1:
        return None
    return Checked(account=account, unit=units.pop(), upto=upto, check=check)


def keep_check(
    connection: sa.Connection, checked: Checked, providers: Mapping[BatchId, str], *, run: RunId, at_us: int
) -> None:
    """Keep a check with the batches that used the account in the run, by its name there; a difference and a top-up are
    events, once."""
    check = checked.check
    figures = (check.opening, check.closing, check.topped_up, check.debited, check.overlap)
    times = (check.first_us, check.clear_us, check.last_us, check.until_us)
    for batch, provider in providers.items():
        line = (batch, provider, run, checked.account, checked.unit, checked.upto, *times, *figures)
        connection.exec_driver_sql(_KEEP, line)
    found = _weighed(connection, checked.account)[checked.upto][1]  # as everybody reads it from now on
    detail = {
        "unit": checked.unit,
        "opening_millionths": check.opening,
        "closing_millionths": check.closing,
        "topped_up_millionths": found.topped_up,
        "debited_millionths": found.debited,
        "in_doubt_millionths": found.in_doubt,
        "difference_millionths": found.difference,
    }
    batch, lane = next(iter(providers.items()))
    alone = batch if len(providers) == 1 else None
    for event, happened in (("balance.grew", found.topped_up > 0), ("balance.differs", found.difference != 0)):
        if happened:
            write_event(connection, event, at_us=at_us, run=run, batch=alone, lane=lane, detail=detail)


def read_balances(connection: sa.Connection, batch: BatchId) -> tuple[Balance, ...]:
    """The checks of a batch's runs, the oldest first, with what was decided about their doubts since."""
    lines = connection.exec_driver_sql(_OF_BATCH, (batch,)).all()
    weighed = {account: _weighed(connection, account) for account in dict.fromkeys(line.account for line in lines)}
    return tuple(_balance(line.provider, line.run, line.unit, *weighed[line.account][line.upto]) for line in lines)


def _weighed(connection: sa.Connection, account: str) -> dict[int, tuple[WalletCheck, Evidence]]:
    """All checks of an account, by the last attempt that was looked at, and what they come to."""
    lines = connection.exec_driver_sql(_OF_ACCOUNT, (account,)).all()
    checks = [
        WalletCheck(
            first_us=line.first_us,
            clear_us=line.clear_us,
            last_us=line.last_us,
            until_us=line.until_us,
            opening=Amount(line.opening),
            closing=Amount(line.closing),
            topped_up=Amount(line.topped_up),
            debited=Amount(line.debited),
            overlap=Amount(line.overlap),
        )
        for line in lines
    ]
    result = connection.exec_driver_sql(_DOUBTED, (account,))
    found = weigh(checks, (Doubted(*one) for one in chain.from_iterable(result.partitions(STREAM))))
    return {line.upto: pair for line, pair in zip(lines, zip(checks, found, strict=True), strict=True)}


def _balance(provider: str, run: int, unit: str, check: WalletCheck, found: Evidence) -> Balance:
    return Balance(
        run=run,
        provider=provider,
        unit=unit,
        first_us=check.first_us,
        until_us=check.until_us,
        opening=check.opening,
        closing=check.closing,
        found=found,
    )
