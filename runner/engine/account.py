"""One provider account at work: the gate, the throttle and the slots that all batches asking it share.

Limits and wallet belong to the account. Each batch has a lane of its own onto it, with its own jobs, caps and reports;
what one of them is told by the provider holds for all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

import anyio

from runner.domain.hints import LONGEST_WINDOW_SECONDS, read_hints
from runner.domain.model import Amount
from runner.domain.provider import Limit, Pace, Provider
from runner.engine.adaptation import Adaptation
from runner.engine.arrival import Margin
from runner.engine.gate import Gate, Pass
from runner.engine.permit import OwnPace
from runner.engine.ports import JobStore, LaneReport
from runner.engine.realtime import JUMP_SECONDS, RealTime
from runner.engine.retries import Retries
from runner.engine.throttle import Throttle, longest_seconds
from runner.engine.turns import Turns
from runner.engine.waiting import Pending
from runner.engine.window import REMEMBERED

MOST_LEARNED = 1_000_000
STATED_SHARE = 0.9
"""Of the limits that a provider states in its answers, where its profile names none."""

_DIGITS = 12


class SharedLane(Protocol):
    """A batch's lane, as the account knows it."""

    active: int  # attempts under way
    wire: Pending  # requests that left

    def comes_back(self) -> bool:
        """Whether a request is on the wire within its deadline."""
        ...

    def abandon(self) -> None:
        """Leave what does not come to an end."""
        ...

    def wake(self) -> None:
        """Something changed: whoever sleeps looks again."""
        ...

    def offer_turn(self) -> None:
        """The turn to go first is free: whoever waits for it may try."""
        ...

    def follow(self, reason: str, *, shut: bool) -> None:
        """The account changed: report it, and stop or wake those who wait."""
        ...


class Funds:
    """What the provider last said is left on the account."""

    def __init__(self) -> None:
        self.told = False  # that it is too little
        self._stated: tuple[Amount, str] | None = None  # not looked at yet

    def state(self, balance: Amount, unit: str) -> None:
        """An answer says so."""
        self._stated = balance, unit

    @property
    def is_news(self) -> bool:
        """Whether it is worth a look."""
        return self._stated is not None and not self.told

    def read(self) -> tuple[Amount, str]:
        """The balance and its unit; no news from now on."""
        stated, self._stated = self._stated, None
        return stated or (Amount(0), "")


class Account:
    """What is shared. `lanes` are those at work, in the order in which they were prepared: whoever prepares them begins
    with the shortest list, which is favoured when they take turns."""

    def __init__(self, provider: Provider, fingerprint: str, *, clock: RealTime) -> None:
        self.provider = provider
        self.fingerprint = fingerprint
        self.gate = Gate()
        self.throttle = Throttle(provider.limits, clock=clock, pace=provider.pace)
        self.adaptation = Adaptation(self.throttle)
        self.lanes: list[SharedLane] = []
        self.slots = Turns(provider.in_flight, lambda: next(iter(self.lanes), None))
        # Of batches that go slower. One that nobody keeps to any more would not know what was sent since.
        self._slower: WeakValueDictionary[tuple[Limit, ...], Throttle] = WeakValueDictionary()
        self._repacing = anyio.Lock()
        self._clock = clock
        self._asleep = clock.asleep
        clock.listen(self._woke)
        self._remembers = False  # the throttle knows what earlier runs sent
        self.halt: LaneReport | None = None  # of the batch whose request was answered so
        self.parked_until_us: int | None = None
        self.pause_reason: str | None = None
        self.pause_code: str | None = None  # in the provider's words
        self.retries = Retries(
            clock=clock, limits=lambda: self.throttle.limits, shut=lambda: self.gate.shut is not None
        )
        self.unreachable: str | None = None  # why nobody answered the last knock
        self.funds = Funds()
        self.margin = Margin() if provider.pace is Pace.ARRIVAL else None

    async def pace(self, limits: Sequence[Limit], store: JobStore) -> tuple[Throttle, Throttle | None]:
        """What a lane with `limits` of its own has to pass: the account's throttle, and that of its batch (one for all
        batches that ask for the same). Windows start with what earlier runs sent."""
        if not self._remembers:
            self._remembers = True
            await self._restore(self.throttle, store)
        own = tuple(limits)
        if not own:
            return self.throttle, None
        slower = self._slower.get(own)
        if slower is None:
            slower = self._slower[own] = self._slower_pace(own)
            await self._restore(slower, store)
        return self.throttle, slower

    async def repace(self, own: OwnPace, limits: tuple[Limit, ...], store: JobStore) -> None:
        """A batch at work keeps to other limits of its own: with those who keep to the same already, else to windows
        that begin with what was sent on the account before. The account's windows are not touched."""
        async with self._repacing:  # two batches that ask for the same at once share it
            throttle = self._slower.get(limits)
            if throttle is not None or not limits:
                own.expect(throttle)
            else:
                throttle = self._slower_pace(limits)
                own.expect(throttle)
                await self._restore(throttle, store)
                self._slower[limits] = throttle
            own.change()

    def _slower_pace(self, limits: tuple[Limit, ...]) -> Throttle:
        # Its permits are kept while a lane waits: counted from when they were taken, they would all leave at once.
        pace = Pace.STRICT if self.provider.pace is Pace.SENDER else self.provider.pace
        return Throttle(limits, clock=self._clock, pace=pace)

    def _woke(self) -> None:
        """The machine slept, or may have."""
        slept, self._asleep = self._clock.asleep - self._asleep, self._clock.asleep
        self.gate.slept(slept)
        for throttle in (self.throttle, *self._slower.values()):
            throttle.smooth_anew()

    async def _restore(self, throttle: Throttle, store: JobStore) -> None:
        # Where no limit is known yet, an answer may tell of one: it then holds for what was sent before, too.
        seconds = longest_seconds(throttle.limits) if throttle.limits else LONGEST_WINDOW_SECONDS
        most = max((limit.at_most for limit in throttle.limits), default=0)
        since_us = self._clock.now_us() - round(seconds * 1e6)
        throttle.restore(await store.recent(self.fingerprint, since_us, max(REMEMBERED, most)))

    def parked_until(self) -> int | None:
        """The instant until which it is parked, by the wall clock as it is set now: a wait is as long as it was."""
        told_us = self.parked_until_us
        if told_us is None:
            return None
        ahead_us = self._clock.now_us() + round((self.gate.until - self._clock.monotonic()) * 1e6)
        return told_us if abs(told_us - ahead_us) <= JUMP_SECONDS * 1e6 else ahead_us

    def asked_until(self) -> int | None:
        """When the wait ends that the provider asked for, by the wall clock, whatever else holds its lanes: the next
        run keeps to it."""
        ahead = self.gate.asked_until - self._clock.monotonic()
        if (parked := self.parked_until()) is not None or ahead <= 0:
            return parked
        return self._clock.now_us() + round(ahead * 1e6)

    def leave(self, leave: Pass, lane: SharedLane) -> None:
        """Nothing was sent after all: a probe of this lane gives its turn to another batch."""
        self.gate.leave(leave)
        if leave.probe:
            for other in self.lanes:
                if other is not lane:
                    other.offer_turn()

    def hear(self, headers: Collection[tuple[str, str]], *, seconds: float) -> None:
        """Take from an answer's headers (names lower-case) what they say of the pace: the sizes of windows, where the
        profile says so or names none; how many requests are left, which only ever holds back. The answer took so many
        `seconds`."""
        if any(limit.learn for limit in self.throttle.limits):
            told = dict(headers)
            limits = tuple(learned(limit, told) for limit in self.throttle.limits)
            if limits != self.throttle.limits:
                self.throttle.resize(limits)
        hints = read_hints(headers, now_us=self._clock.now_us())
        if hints is None:
            return
        if hints.policies and not self.provider.limits:
            self.adaptation.state_limits(tuple(map(_stated, hints.policies)))
        if hints.rooms:
            self.throttle.told(hints.rooms, seconds=seconds)


def _stated(policy: tuple[int, float]) -> Limit:
    at_most, seconds = policy
    return Limit(at_most=max(1, int(at_most * STATED_SHARE)), per_seconds=seconds)


def learned(limit: Limit, headers: Mapping[str, str]) -> Limit:
    """The limit as an answer tells it, its share taken; as it was where the header is missing or no count."""
    told = None if limit.learn is None else headers.get(limit.learn.header.lower())
    text = (told or "").strip()
    # Its length first: thousands of digits are no number to Python, and the answer that came with them must be kept.
    if limit.learn is None or len(text) > _DIGITS or not (text.isascii() and text.isdigit()):
        return limit
    if not 0 < int(text) <= MOST_LEARNED:
        return limit
    at_most = max(1, int(int(text) * limit.learn.share))
    return Limit(at_most=at_most, per_seconds=limit.per_seconds, learn=limit.learn)
