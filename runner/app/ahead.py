"""What the library answers before anything is sent: the methods of `Runner` that look ahead."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Unpack

from runner.app.keywords import refuse_unknown
from runner.app.listing import ListKeywords, list_request
from runner.app.watching import BatchLike, Watching
from runner.domain.provider import Operation
from runner.settings import SpendCap
from runner.work.lists import Given

if TYPE_CHECKING:  # who only looks pays for none of it
    from runner.work.outlook import Asked, Checked, Known, Preflight

_CAPS = ("max_requests", "max_spend", "rate", "limit", "reuse", "until")
"""What `check` takes of `run`'s keywords."""


class Ahead(Watching):
    """The part of `Runner` that says what a run would send. It changes no database and asks no provider."""

    def price(self, operation: Operation) -> Asked:
        """What one request of an operation costs, in money too where `[prices]` knows."""
        from runner.work.pricing import asks

        return asks(operation, 1, self._session.prices())

    def preflight(
        self,
        batch: BatchLike,
        *,
        max_requests: int | None = None,
        max_spend: SpendCap | None = None,
        rate: str | None = None,
        limit: int | None = None,
        reuse: float | str | None = None,
    ) -> Preflight:
        """What `run` with these caps would send now: requests, price, time at the limits, keys, answers paid earlier.

        UsageError: a cap that cannot hold.
        """
        from runner.work.caps import Wanted
        from runner.work.preflight import preflight

        session = self._session
        wanted = Wanted.parse(max_requests=max_requests, max_spend=max_spend, rate=rate, limit=limit, reuse=reuse)
        return preflight(
            self._info(batch),
            wanted,
            store=session.store(),
            profiles=session.profiles,
            settings=session.settings,
            prices=session.prices(),
            now_us=session.clock.now_us(),
        )

    def known(self, batch: BatchLike) -> tuple[Known, ...]:
        """Values of a batch that were never sent, and have an answer in other batches."""
        from runner.work.known import known_answers

        session, info = self._session, self._info(batch)
        return known_answers(
            session.store().reports.status(info.id),
            session.profiles.of_batch(info.operations, info.source),
            store=session.store(),
            profiles=session.profiles,
            prices=session.prices(),
            now_us=session.clock.now_us(),
        )

    def check(
        self,
        source: str | Path | Given | BinaryIO | None,
        operations: str | Sequence[str] = (),
        *,
        max_requests: int | None = None,
        max_spend: SpendCap | None = None,
        rate: str | None = None,
        limit: int | None = None,
        reuse: float | str | None = None,
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

        refuse_unknown(listed, {*ListKeywords.__annotations__, *_CAPS})
        wanted = Wanted.parse(max_requests=max_requests, max_spend=max_spend, rate=rate, limit=limit, reuse=reuse)
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
        reuse: float | str | None = None,
        until: str | None = None,
    ) -> Checked:
        """The same of a batch that is there, without a look at its list; None: the one last worked on."""
        from runner.work.caps import Wanted
        from runner.work.check import Check

        wanted = Wanted.parse(max_requests=max_requests, max_spend=max_spend, rate=rate, limit=limit, reuse=reuse)
        look = Check(self._session, wanted, until=until)
        return look.batch(self._info(batch))
