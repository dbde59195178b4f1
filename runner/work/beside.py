"""What goes on beside the requests of one batch at work: its list is looked at, its table is written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from runner.domain.model import RunId
from runner.engine.ports import Observer
from runner.store.values import BatchInfo
from runner.work.following import Follower, is_followed
from runner.work.tables import Goal
from runner.work.tools import Tools
from runner.work.upserts import Upserts


class Beside:
    """Made before the batch begins; `observer` is to be told in place of the one that was given."""

    def __init__(
        self,
        tools: Tools,
        info: BatchInfo,
        *,
        run: RunId,
        poll_seconds: float | None,
        table: Goal | None,
        observer: Observer,
    ) -> None:
        """`poll_seconds`: of `--follow`. UsageError, ConfigError: the list cannot be read again."""
        self._upserts = self._follower = None
        self.observer = observer
        if table is not None:
            self._upserts = self.observer = Upserts(tools, info, table, run=run, observer=observer)
        if poll_seconds is not None and is_followed(info):
            self._follower = self.observer = Follower(
                tools, info, run=run, poll_seconds=poll_seconds, observer=self.observer
            )

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """As long as the batch is."""
        async with anyio.create_task_group() as group:
            if self._follower is not None:
                group.start_soon(self._follower.watch)
            if self._upserts is not None:
                group.start_soon(self._upserts.keep_up)
            yield
            group.cancel_scope.cancel()

    async def finish(self, *, all_rows: bool) -> tuple[str, ...]:
        """The batch is at its end: what is to be told of its table."""
        return () if self._upserts is None else await self._upserts.finish(all_rows=all_rows)
