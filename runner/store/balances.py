"""What an account's wallet was found to be at the end of a run, held against its attempts; and how that reads today."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import MILLION, Amount, BatchId, RunId
from runner.domain.wallet import Reckoning, Told
from runner.store.reading import STREAM
from runner.store.sql import write_event
from runner.store.wallets import Balance, Checked

LATE_US: Final = 600 * MILLION
"""A request that was given up may reach the provider later: so long after its deadline it may still be charged."""

_SINCE: Final = "SELECT coalesce(max(upto), 0) FROM balances WHERE account = ?"
_OWN: Final = "SELECT min(id) - 1 FROM attempts NOT INDEXED WHERE id > ? AND account = ? AND run = ?"
# In the order of the table: sorting a million lines of an index would need room for all of them.
_TOLD: Final = """
SELECT id, operation, unit, opened_us, closed_us, iif(debited = 'yes', amount, 0), debited, balance
FROM attempts NOT INDEXED WHERE id > ? AND account = ? AND closed_us IS NOT NULL ORDER BY id
"""
_KEEP: Final = """
INSERT INTO balances (batch, provider, run, account, unit, upto, first_us, last_us, until_us, opening, closing,
    topped_up, debited, exact) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_OF_BATCH: Final = "SELECT * FROM balances WHERE batch = ? ORDER BY run, provider"
_DOUBTS: Final = f"""
SELECT count(*) FILTER (WHERE standing = 'in_doubt') AS doubts,
    count(*) FILTER (WHERE standing = 'in_doubt' AND opened_us >= :first) AS own,
    count(*) FILTER (WHERE standing = 'in_doubt' AND closed_us > :last) AS later,
    coalesce(sum(amount) FILTER (WHERE standing = 'in_doubt'), 0) AS in_doubt,
    coalesce(sum(amount) FILTER (WHERE standing = 'debited'), 0) AS admitted
FROM attempts WHERE account = :account AND debited = 'unknown' AND opened_us < :until
    AND opened_us + timeout_us + {LATE_US} > :first
"""


def check_account(connection: sa.Connection, account: str, *, unpriced: Collection[str], run: RunId) -> Checked | None:
    """What the answers since the last check say of the account's wallet; in the memory of those in flight.

    Where nothing can be said of all of them, those of `run` are looked at alone: what went wrong once must not silence
    every later check.
    """
    since = connection.exec_driver_sql(_SINCE, (account,)).scalar_one()
    checked = _checked(connection, account, since, unpriced)
    if checked is None:
        own = connection.exec_driver_sql(_OWN, (since, account, run)).scalar_one()
        checked = None if own is None or own == since else _checked(connection, account, own, unpriced)
    return checked


def _checked(connection: sa.Connection, account: str, since: int, unpriced: Collection[str]) -> Checked | None:
    """What the answers after the attempt `since` say; one pass.

    None where nothing was stated, where a charge is not known (the operations in `unpriced` have no price), or where
    its operations are charged in several units: no sum could be compared.
    """
    reckoning, units, upto = Reckoning(), set(), 0
    result = connection.exec_driver_sql(_TOLD, (since, account))
    for number, operation, unit, opened, closed, charged, debited, balance in chain.from_iterable(
        result.partitions(STREAM)
    ):
        if debited == "yes" and not charged and operation in unpriced:
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
    figures = (check.opening, check.closing, check.topped_up, check.debited, int(check.exact))
    times = (check.first_us, check.last_us, check.until_us)
    for batch, provider in providers.items():
        line = (batch, provider, run, checked.account, checked.unit, checked.upto, *times, *figures)
        connection.exec_driver_sql(_KEEP, line)
    detail = {
        "unit": checked.unit,
        "opening_millionths": check.opening,
        "closing_millionths": check.closing,
        "topped_up_millionths": check.topped_up,
        "debited_millionths": check.debited,
        "in_doubt_millionths": _doubts(
            connection, checked.account, check.first_us, check.last_us, check.until_us
        ).in_doubt,
        "difference_millionths": check.difference,
    }
    batch, lane = next(iter(providers.items()))
    alone = batch if len(providers) == 1 else None
    for event, happened in (("balance.grew", check.topped_up > 0), ("balance.differs", check.difference != 0)):
        if happened:
            write_event(connection, event, at_us=at_us, run=run, batch=alone, lane=lane, detail=detail)


def read_balances(connection: sa.Connection, batch: BatchId) -> tuple[Balance, ...]:
    """The checks of a batch's runs, the oldest first, with what was decided about their doubts since."""
    return tuple(_balance(connection, line) for line in connection.exec_driver_sql(_OF_BATCH, (batch,)).all())


def _balance(connection: sa.Connection, line: sa.Row[Any]) -> Balance:
    doubts = _doubts(connection, line.account, line.first_us, line.last_us, line.until_us)
    difference = line.opening + line.topped_up - line.closing - line.debited
    # Whoever said "charged" explained as much of it.
    admitted = min(max(difference, 0), doubts.admitted)
    return Balance(
        run=line.run,
        provider=line.provider,
        unit=line.unit,
        first_us=line.first_us,
        until_us=line.until_us,
        opening=Amount(line.opening),
        closing=Amount(line.closing),
        topped_up=Amount(line.topped_up),
        debited=Amount(line.debited + admitted),
        in_doubt=Amount(doubts.in_doubt),
        difference=difference - admitted,
        doubts=doubts.doubts,
        tells=bool(line.exact) and doubts.own == doubts.doubts,
        tells_innocence=not doubts.later,
    )


def _doubts(connection: sa.Connection, account: str, first_us: int, last_us: int, until_us: int) -> sa.Row[Any]:
    """The requests that may have been charged between two balances, and nobody knows."""
    window = {"account": account, "first": first_us, "last": last_us, "until": until_us}
    return connection.exec_driver_sql(_DOUBTS, window).one()
