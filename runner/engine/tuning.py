"""Other limits for a batch while it is at work: its own pace, its requests on the way at once, its caps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runner.domain.provider import Limit, Provider
from runner.engine.account import Account
from runner.engine.events import CapsTuned
from runner.engine.lane import Lane
from runner.engine.ports import RunOptions
from runner.engine.shared import Shared

Reread = Callable[[Mapping[str, Any]], RunOptions]
"""The options of a run, from the settings that are kept with its batch now."""


class Tuning:
    """Holds a batch at work to the settings that are kept with it."""

    def __init__(self, shared: Shared, lanes: Sequence[Lane], reread: Reread, hire: Callable[[Lane], object]) -> None:
        """`hire`: start one more worker of a lane."""
        self._shared = shared
        self._lanes = lanes
        self._reread = reread
        self._hire = hire
        self._settings: Mapping[str, Any] | None = None

    async def follow(self, settings: Mapping[str, Any]) -> None:
        """Where they changed: what may be tuned holds from now on, for whatever leaves next."""
        if settings == self._settings:
            return
        self._settings = settings
        before, asked = self._shared.options, self._reread(settings)
        options = replace(
            before,
            rate=asked.rate,
            in_flight=asked.in_flight,
            max_requests=asked.max_requests,
            max_spend=asked.max_spend,
        )
        if options == before:
            return
        self._shared.options = options
        self._shared.budget.cap(max_requests=options.max_requests, max_spend=options.max_spend)
        if (options.max_requests, options.max_spend) != (before.max_requests, before.max_spend):
            self._tell_caps(options)
        for lane in self._lanes:
            await self._tune(lane, options)

    def _tell_caps(self, options: RunOptions) -> None:
        shared = self._shared
        shared.observer(
            CapsTuned(
                batch=shared.batch,
                at_us=shared.clock.now_us(),
                max_requests=(options.max_requests or {}).get(None),
                max_spend=tuple((options.max_spend or {}).items()),
                requests_left=shared.budget.requests_left(),
            )
        )

    async def _tune(self, lane: Lane, options: RunOptions) -> None:
        workers, limits = most_in_flight(lane.provider, options), own_limits(lane.provider, lane.account, options)
        fewer = workers < lane.workers
        lane.staff(workers)
        if limits != lane.own.limits:
            await lane.account.repace(lane.own, limits, lane.shared.store)
        elif not fewer:
            self._hire_for(lane)
            return
        lane.interrupt()  # whoever queues with a permit, or is one too many, has to look again
        self._hire_for(lane)

    def _hire_for(self, lane: Lane) -> None:
        # One that is at work keeps the others' task group open: without any the lane has ended, or will not begin.
        if lane.working and not lane.stopped():
            for _ in range(lane.workers - lane.working):
                self._hire(lane)
        lane.report(None)


def most_in_flight(provider: Provider, options: RunOptions) -> int:
    """How many requests of a lane may be on the way at once."""
    return min(provider.in_flight, options.in_flight or provider.in_flight)


def own_limits(provider: Provider, account: Account, options: RunOptions) -> tuple[Limit, ...]:
    """What a batch has to keep to beside the account's limits: its own rate; and where `provider` is another profile of
    the account, that one's limits."""
    own = [] if options.rate is None else [Limit(at_most=options.rate[0], per_seconds=options.rate[1])]
    if account.provider is not provider:
        own += [limit for limit in provider.limits if limit not in account.provider.limits]
    return tuple(own)
