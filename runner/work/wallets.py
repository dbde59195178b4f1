"""Wallets at the end of a run: what providers state that is left, held against what their answers were charged."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import anyio.to_thread

from runner.domain.model import BatchId, RunId
from runner.work.accounts import Account
from runner.work.tools import Tools


class Wallets:
    """Looks at each account once in a run: when the last batch that used it has ended."""

    def __init__(self, tools: Tools, run: RunId, batches: Mapping[BatchId, tuple[Account, ...]]) -> None:
        """`batches`: all that are at work in the run, with the accounts that they use."""
        self._tools = tools
        self._run = run
        self._batches = batches
        self._at_work = set(batches)

    async def ended(self, batch: BatchId) -> None:
        """Nothing more of this batch is sent: check the accounts that nobody uses any more."""
        self._at_work.discard(batch)
        used = {account.fingerprint for other in self._at_work for account in self._batches[other]}
        for account in self._batches[batch]:
            if account.fingerprint not in used and account.provider.http.balance:
                await self._check(account)

    async def _check(self, account: Account) -> None:
        twins = {
            batch: [one for one in accounts if one.fingerprint == account.fingerprint]
            for batch, accounts in self._batches.items()
        }
        look = partial(self._tools.store.reports.check_account, account.fingerprint, run=self._run)
        # Virtual time knows no threads; a real loop has other batches to serve while a long night is added up.
        checked = look() if self._tools.seams.inline_writes else await anyio.to_thread.run_sync(look)
        if checked is not None:
            names = {batch: some[0].provider.name for batch, some in twins.items() if some}
            self._tools.store.steering.keep_check(checked, names, run=self._run)
