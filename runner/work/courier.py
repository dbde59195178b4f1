"""Takes news to everybody who is told, and keeps who was: an event for each. Nothing of it is the run's matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from runner.domain.model import BatchId, RunId
from runner.domain.occasions import Occasion
from runner.errors import RunnerError
from runner.store.values import BatchInfo
from runner.work.means import PING, Told, tell_all
from runner.work.message import Message
from runner.work.news import News, kept_of, mark_of, told_as
from runner.work.standing import standing
from runner.work.tools import Tools

T = TypeVar("T")

AT_ONCE: Final = 4


class Courier:
    """Each call is a task beside the run. `notices`: for people, what nobody was told, and why."""

    def __init__(self, tools: Tools, told: Told, infos: Mapping[BatchId, BatchInfo]) -> None:
        self.notices = list(told.notices)
        self._tools = tools
        self._told = told
        self._infos = infos
        self._few = anyio.CapacityLimiter(AT_ONCE)
        self._in_turn = anyio.Lock()  # a start that overtook an end would be taken for a run that died
        self._switch_failed = False

    async def deliver(self, news: News) -> None:
        """Look whether it is news, tell everybody at once, and keep who was told."""
        async with self._few:
            news = await self._aside(partial(self._looked, news))
            if await self._aside(partial(self._was_told, news)):
                return
            whys = await tell_all(self._told.means, self._message(news))
            for name, why in whys.items():
                if why is not None:
                    await self.failed(name, why, news)
            if heard := sorted(name for name, why in whys.items() if why is None):
                keep = partial(self._tools.store.tellings.told, news.occasion, kept_of(news), means=", ".join(heard))
                await self._kept(partial(keep, run=news.run, batch=news.of_batch, lane=news.lane))

    async def ask(self, ending: str) -> None:
        """Ask the dead man's switch: "start", "fail", or "" while all is well and at a good end."""
        switch = self._told.switch
        async with self._in_turn:
            why = None if switch is None else await switch.ping(ending)
            if why is not None and not self._switch_failed:
                self._switch_failed = True  # an hour of it is no more news than a minute
                await self.failed(PING, why)

    async def late(self, news: News | None, seconds: float) -> None:
        """It is not waited for any longer. None: the switch."""
        means = PING if news is None else ", ".join(one.name for one in self._told.means)
        await self.failed(means, f"it took longer than {seconds:.0f} s", news)

    async def failed(self, name: str, why: str, news: News | None = None) -> None:
        """Nobody was told by this means: a line and an event."""
        self.notices.append(f"nobody was told by {name}: {why}")
        keep = partial(self._tools.store.tellings.failed, means=name, why=why)
        if news is None:
            await self._kept(partial(keep, None, run=None))
        else:
            await self._kept(partial(keep, news.occasion, run=news.run, batch=news.of_batch, lane=news.lane))

    async def over(self, reason: str, provider: str) -> None:
        """What was told of a provider's wallet holds no longer."""
        keep = partial(self._tools.store.tellings.over, Occasion.LOW_BALANCE, reason)
        await self._kept(partial(keep, run=None, lane=provider))

    def _was_told(self, news: News) -> bool:
        mark = mark_of(news)
        if mark is None:
            return False
        last = partial(self._tools.store.tellings.last, batch=news.batch, provider=news.provider)
        try:
            kept = [one for occasion in told_as(news) if (one := last(occasion)) is not None]
        except RunnerError:  # twice is better than never
            return False
        return any(all(one.get(key) == value for key, value in mark.items()) for one in kept)

    def _looked(self, news: News) -> News:
        """With how the batch stands, and the run at work on it, where the database can say so."""
        if news.status is not None:
            return news
        tools = self._tools
        try:
            status = standing(
                tools.store.reports.batch(news.batch),
                store=tools.store,
                profiles=tools.profiles,
                defaults=tools.settings.run,
                prices=tools.prices,
                now_us=tools.clock.now_us(),
                flags=tools.settings.typed,
            )
            run = tools.store.reports.status(news.batch).run
        except RunnerError:  # what ended the run is told all the same
            return news
        return replace(news, status=status, run=None if run is None else RunId(run))

    def _message(self, news: News) -> Message:
        return Message(
            id=self._tools.seams.randomness.attempt_id(),
            occasion=news.occasion,
            at_us=self._tools.clock.now_us(),
            batch=self._infos[news.batch].name,
            run=news.run,
            provider=news.provider,
            reason=news.reason,
            status=news.status,
            low=news.low,
            error=news.error,
        )

    async def _kept(self, keep: Callable[[], None]) -> None:
        """An event, where the database takes one: without it the same is told once more."""
        with suppress(RunnerError):
            await self._aside(keep)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Virtual time knows no threads; a real loop has the run to serve while the database is asked."""
        return work() if self._tools.seams.inline_writes else await anyio.to_thread.run_sync(work)
