"""What the library answers about batches: the methods of `Runner` that change nothing."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from runner.settings import parse_whole
from runner.store.values import BatchInfo
from runner.work import history
from runner.work.records import By, Log, Spend
from runner.work.results import BatchStatus, Doubt, JobStory, Loaded
from runner.work.session import Session
from runner.work.standing import standing, unfinished, unwritten

if TYPE_CHECKING:
    from runner.work.support import SupportRequest

BatchLike = str | Path | Loaded
"""A batch's name, a unique prefix of it, the input file it came from, or what `load` returned."""


class Watching:
    """The half of `Runner` that only reads. Every method may raise a RunnerError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, batch: str | None = None) -> str:
        """The full name of a batch by name, unique prefix or input file; None: the one last worked on. BatchError."""
        return self._session.find(batch).name

    def status(self, batch: BatchLike | None = None) -> BatchStatus:
        """One batch; None: the one last worked on."""
        return self._standing(self._info(batch))

    def batches(self) -> list[BatchStatus]:
        """All batches, the one last worked on first."""
        infos = self._session.store().reports.batches()
        names = [info.name for info in infos]
        return [self._standing(info, names) for info in infos]

    def unfinished(self) -> list[str]:
        """The names of the batches that a run could go on with, the oldest first: those that are not over, and
        completed ones with failures that could pass."""
        return unfinished(self._session.store())

    def unwritten(self) -> list[str]:
        """The names of the completed batches, the oldest first, whose file was not written since: a crash
        or a full disk came first."""
        return unwritten(self._session.store())

    def explain(self, batch: BatchLike, row: int | str) -> list[JobStory]:
        """Every request of a row (its number) or of a value (text), one entry for each row x operation."""
        from runner.work import explain  # only who asks pays for it

        info = self._info(batch)
        return explain.explain(info, row, tools=self._session.tools(), status=lambda: self._standing(info))

    def support(self, batch: BatchLike, row: int | str, *, attempt: int | None = None) -> list[SupportRequest]:
        """What a provider's support asks for about the last request of a row or value (or request `attempt`), for each
        operation: without keys, personal values shortened. BatchError: nothing was sent."""
        from runner.work import explain, support

        info, tools = self._info(batch), self._session.tools()
        found = explain.histories(info, row, tools)
        return [one for history in found for one in support.support(info, history, attempt=attempt, tools=tools)]

    def log(self, batch: BatchLike | None = None, *, since: str | None = None, limit: int = history.LINES) -> Log:
        """The last `limit` events of a batch, or (None) of all, the newest last. `since`: "2h", "7d", or a local date
        or time. UsageError: a `since` or `limit` that cannot be."""
        session, limit = self._session, parse_whole(limit, name="--limit")
        since_us = None if since is None else history.parse_since(since, now_us=session.clock.now_us())
        info = None if batch is None else self._info(batch)
        return history.log(info, since_us=since_us, limit=limit, store=session.store(), profiles=session.profiles)

    def spend(self, batch: BatchLike | None = None, *, since: str | None = None, by: By | str = By.DAY) -> Spend:
        """What a batch, or (None) all of them, sent and were charged, by day, batch or operation, in money where
        `[prices]` knows. Whole days, UTC; `since`: "7d" or a date. UsageError; ConfigError: `[prices]` is wrong."""
        session = self._session
        since_us = None if since is None else history.parse_since_day(since, now_us=session.clock.now_us())
        info = None if batch is None else self._info(batch)
        store = session.store()
        return history.spend(info, since_us=since_us, by=history.parse_by(by), store=store, prices=session.prices())

    def doubts(self, batch: BatchLike | None = None) -> list[Doubt]:
        """Requests in doubt, with the evidence to look for at the provider."""
        from runner.work import doubt

        return doubt.doubts(self._info(batch), tools=self._session.tools())

    def wallet_says(self, batch: BatchLike | None = None) -> list[str]:
        """Sentences for people: what the providers' wallets say of the requests in doubt; empty: they say nothing."""
        from runner.work import doubt

        info = self._info(batch)
        return doubt.wallet_says(doubt.doubts(info, tools=self._session.tools()), self._standing(info).wallets)

    def doubt_text(self, batch: BatchLike | None = None) -> str:
        """The sentences for people about requests in doubt; empty when there are none."""
        from runner.work import doubt

        session = self._session
        return doubt.doubt_text(
            self._info(batch),
            store=session.store(),
            profiles=session.profiles,
            prices=session.prices(),
            flags=session.settings.typed,
        )

    def _standing(self, info: BatchInfo, names: Collection[str] | None = None) -> BatchStatus:
        session = self._session
        return standing(
            info,
            store=session.store(),
            profiles=session.profiles,
            defaults=session.settings.run,
            now_us=session.clock.now_us(),
            prices=session.prices(),
            flags=session.settings.typed,
            names=names,
            daily=session.settings.daily_cap,
        )

    def _info(self, batch: BatchLike | None) -> BatchInfo:
        return self._session.find(batch.batch if isinstance(batch, Loaded) else batch)
