"""What is kept of wallets, and the accounts of requests, put to the attempts they come from. Streams; keeps sums."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from runner.domain.model import RunId
from runner.store.balances import checked_between
from runner.store.verify.values import Fix, Violation, batch_name

_ACCOUNTS: Final = "SELECT batch, provider, run, account FROM attempts NOT INDEXED"
_KEPT: Final = """
SELECT batch, provider, run, account, upto, first_us, clear_us, last_us, until_us, opening, closing, topped_up,
    debited, overlap, (SELECT coalesce(max(b.upto), 0) FROM balances AS b
        WHERE b.account = balances.account AND b.upto < balances.upto) AS since
FROM balances ORDER BY account, upto, batch, provider
"""
_FIGURES: Final = (
    "first_us",
    "clear_us",
    "last_us",
    "until_us",
    "opening",
    "closing",
    "topped_up",
    "debited",
    "overlap",
)


def wallet_violations(connection: sa.Connection, names: Mapping[int, str]) -> Iterator[Violation]:
    """In one run a batch reaches a provider with one key; and what was kept of a wallet follows from its answers."""
    accounts: defaultdict[tuple[int, str, int], Counter[str]] = defaultdict(Counter)
    for batch, provider, run, account in connection.exec_driver_sql(_ACCOUNTS):
        accounts[batch, provider, run][account] += 1
    for (batch, provider, run), several in accounts.items():
        if len(several) > 1:
            odd = several.total() - max(several.values())
            yield Violation(
                f"{odd} of the {several.total()} requests of run {run} for {batch_name(names, batch)} at {provider} are"
                " kept as those of another account",
                "caps by day count them to the wrong account, and let others pass",
                Fix.COMPARE,
                batch=names.get(batch),
                run=run,
            )
    last: tuple[str, int] | None = None
    follows: dict[str, Any] | None = None
    for line in connection.exec_driver_sql(_KEPT).mappings().all():
        if last != (line["account"], line["upto"]):
            last, follows = (line["account"], line["upto"]), _follows(connection, line)
        if follows != {name: line[name] for name in _FIGURES}:
            yield Violation(
                f"what run {line['run']} found of the wallet at {line['provider']} for"
                f" {batch_name(names, line['batch'])} does not follow from its answers",
                "what the wallet says of charges and of requests in doubt is wrong",
                Fix.COMPARE,
                batch=names.get(line["batch"]),
                run=line["run"],
            )


def _follows(connection: sa.Connection, line: sa.RowMapping) -> dict[str, Any] | None:
    """The figures that the answers give for what is kept in a line; None where they give none."""
    run = RunId(line["run"])
    found = checked_between(connection, line["account"], since=line["since"], upto=line["upto"], run=run)
    return None if found is None else {name: getattr(found.check, name) for name in _FIGURES}
