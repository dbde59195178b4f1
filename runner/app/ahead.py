"""What the library answers before anything is sent: the methods of `Runner` that look ahead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Unpack

from runner.app.listing import ListKeywords, list_request
from runner.app.watching import BatchLike
from runner.domain.provider import Operation
from runner.settings import SpendCap
from runner.work.lists import Given
from runner.work.outlook import Asked, Checked
from runner.work.preflight import asks
from runner.work.results import Loaded
from runner.work.session import Session


class Ahead:
    """The part of `Runner` that says what a run would send. It changes no database and asks no provider."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def price(self, operation: Operation) -> Asked:
        """What one request of an operation costs, in money too where `[prices]` knows."""
        return asks(operation, 1, self._session.prices())

    def check(
        self,
        source: str | Path | Given | BinaryIO | None,
        operations: Sequence[str] = (),
        *,
        max_requests: int | None = None,
        max_spend: SpendCap | None = None,
        rate: str | None = None,
        limit: int | None = None,
        until: str | None = None,
        **listed: Unpack[ListKeywords],
    ) -> Checked:
        """What a list would be sent as, whether it is a batch already or not: `load` and `preflight` without a trace.

        Arguments as those of `load` and `run`; `until`: "07:00", local time, counts the nights. Why it cannot be sent
        as it is (a key is missing, the list changed) is in `problems`. Raises what `load` raises otherwise, and
        SchemaError for a database of another version.
        """
        from runner.work.caps import Wanted
        from runner.work.check import Check

        wanted = Wanted.parse(max_requests=max_requests, max_spend=max_spend, rate=rate, limit=limit)
        request = list_request(self._session.settings, source, operations, listed)
        return Check(self._session, wanted, until=until).list(request)

    def check_batch(
        self,
        batch: BatchLike | None = None,
        *,
        max_requests: int | None = None,
        max_spend: SpendCap | None = None,
        rate: str | None = None,
        limit: int | None = None,
        until: str | None = None,
    ) -> Checked:
        """The same of a batch that is there, without a look at its list; None: the one last worked on."""
        from runner.work.caps import Wanted
        from runner.work.check import Check

        wanted = Wanted.parse(max_requests=max_requests, max_spend=max_spend, rate=rate, limit=limit)
        look = Check(self._session, wanted, until=until)
        return look.batch(self._session.find(batch.batch if isinstance(batch, Loaded) else batch))
