"""The receipt against the attempts: whatever happened in however many runs, every sum is that of the ledger."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.app import Runner
from runner.sandbox.replies import Behaviour, Manner
from runner.work.results import BatchStatus, Receipt
from runner.work.status import as_json
from tests.app.place import QUICK, Place

LOST, GONE = Behaviour(manner=Manner.DROP, charged=True), Behaviour(manner=Manner.DROP, charged=False)
TWICE, REFUSED, BUSY = Behaviour(times=2), Behaviour(rule="invalid-request-email"), Behaviour(rule="unknown-error")
HISTORIES = st.lists(
    st.tuples(
        st.lists(st.sampled_from([Behaviour(), Behaviour(), LOST, GONE, TWICE, REFUSED, BUSY]), max_size=6),
        st.integers(1, 8),
        st.sampled_from(["", "charged", "not-charged", "resend"]),
    ),
    min_size=1,
    max_size=3,
)
ROWS = st.lists(
    st.sampled_from([*(f"p{number}@example.com" for number in range(8)), "", "none"]), min_size=1, max_size=14
)
LEDGER = """
SELECT debited, count(*), sum(amount) FROM v_attempts
WHERE coalesce(fault, '') NOT IN ('not-sent', 'invalid', 'tls', 'withdrawn') {narrowed} GROUP BY debited
"""
SPEND = "SELECT sum(requests), sum(charged), sum(not_charged), sum(in_doubt), sum(amount) FROM v_spend"


@given(rows=ROWS, history=HISTORIES, at_once=st.integers(1, 4))
@settings(max_examples=12, deadline=None)
def test_every_sum_of_a_receipt_is_that_of_the_attempts(
    rows: list[str], history: list[tuple[list[Behaviour], int, str]], at_once: int
) -> None:
    """Runs with lost, refused, repeated and twice charged requests, and decisions in between: batch, run, `v_spend` and
    JSON agree, and the wallet misses no more than was charged without being said."""
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), toml=f'{QUICK}[prices]\n"defastra.check" = "0.02 EUR"\n', wallet=1_000)
        place.write_list(rows)
        with place.runner() as r:
            batch = r.load("leads.csv", ["defastra.email"], max_invalid="100%").batch
            sent, most = 0, 0
            for behaviours, more, word in history:
                place.world.next([replace(one) for one in behaviours])
                most += more
                result = place.run(r, batch, max_requests=most, in_flight=at_once)
                sent += result.receipt.sent
                if result.run is None:
                    assert result.receipt.sent == 0
                else:
                    _agrees(result.receipt, place, f"AND attempt > {_before(place, result.run)}")
                _decide(r, batch, word)
                status = r.status(batch)
                assert status.receipt.sent == sent
                _agrees(status.receipt, place)
                _adds_up(status, place)


def _decide(r: Runner, batch: str, word: str) -> None:
    if word and r.doubts(batch):
        r.resolve(batch, word)


def _before(place: Place, run: int) -> int:
    """The last attempt of the runs before."""
    return int(_query(place, f"SELECT coalesce(max(id), 0) FROM attempts WHERE run < {run}")[0][0])


def _agrees(receipt: Receipt, place: Place, narrowed: str = "") -> None:
    """Counts and amounts by what is known of the charge; nothing was sent twice or left out."""
    lines = {debited: (count, amount) for debited, count, amount in _query(place, LEDGER.format(narrowed=narrowed))}
    counts = {"yes": receipt.charged, "no": receipt.not_charged, "unknown": receipt.in_doubt}
    assert {debited: count for debited, count in counts.items() if count} == {
        debited: count for debited, (count, _) in lines.items()
    }
    assert receipt.sent == receipt.charged + receipt.not_charged + receipt.in_doubt
    for costs, debited in ((receipt.cost, "yes"), (receipt.doubtful, "unknown")):
        amount = sum((cost.amount for cost in costs), Decimal(0))
        assert amount == Decimal(str(lines.get(debited, (0, 0))[1]))
        assert sum((cost.money or 0 for cost in costs), Decimal(0)) == amount * Decimal("0.02")


def _adds_up(status: BatchStatus, place: Place) -> None:
    receipt, told = status.receipt, as_json(status)
    ((requests, charged, not_charged, in_doubt, amount),) = _query(place, SPEND)
    if requests is not None:
        assert (receipt.sent, receipt.charged, receipt.not_charged) == (requests, charged, not_charged)
        assert (receipt.in_doubt, told["spent"].get("check", 0)) == (in_doubt, amount)
        assert status.duplicates.requests == status.rows - status.not_sent - status.jobs
    assert told["receipt"]["amounts"]["charged"].get("check", 0) == told["spent"].get("check", 0)
    assert told["receipt"]["sent"] == told["attempts"]
    assert status.reused.requests == 0
    for wallet in status.wallets:
        assert wallet.opening + wallet.topped_up - wallet.debited - wallet.difference == wallet.closing
        assert wallet.topped_up == 0
    unsaid = 1_000 - Decimal(str(place.world.wallet)) - sum((cost.amount for cost in receipt.cost), Decimal(0))
    missed = sum((wallet.difference for wallet in status.wallets), Decimal(0))
    assert all(wallet.difference >= 0 for wallet in status.wallets)
    assert missed <= unsaid or _admitted(place)


def _admitted(place: Place) -> int:
    """Requests in doubt that somebody called charged: counted as said, not as it was."""
    return int(_query(place, "SELECT count(*) FROM attempts WHERE resolution = 'charged'")[0][0])


def _query(place: Place, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(place.folder / "runner.db")) as connection:
        return connection.execute(sql).fetchall()
