"""What a batch's lanes did over time, from its events: a running sum, however many events there are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from runner.store.pace import Axis


class Doing(StrEnum):
    """What a lane does at one time, as a picture shows it."""

    SENDING = "sending"
    WAITING = "waiting"  # the provider asked for it
    FAILING = "failing"  # one request at a time
    PARKED = "parked"  # until the provider resets; no run has to be at work
    HALTED = "halted"  # until a person acts, likewise


_DOING: Final = {
    "lane.open": Doing.SENDING,
    "lane.limited": Doing.SENDING,
    "lane.gated": Doing.WAITING,
    "lane.circuit": Doing.FAILING,
    "lane.parked": Doing.PARKED,
    "lane.halted": Doing.HALTED,
    "lane.done": None,
}
LANE_EVENTS: Final = tuple(_DOING)
BEGIN: Final = "batch.running"
ENDS: Final = ("batch.paused", "batch.halted", "batch.completed", "batch.cancelled")
_STANDING: Final = (Doing.PARKED, Doing.HALTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """All times in which a lane did the same for the same reason."""

    provider: str
    doing: Doing
    reason: str
    times: int
    seconds: float  # in all
    longest_seconds: float
    last_us: int  # when the last one began


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Shares of each step of the axis, from 0 to 1, and the sums over all of it."""

    at_work: tuple[float, ...]  # a run was at work on the batch
    shares: Mapping[str, Mapping[Doing, tuple[float, ...]]]  # by provider; only what it did
    spells: tuple[Spell, ...]  # by provider; sending is none


@dataclass(slots=True)
class _Lane:
    doing: Doing | None = None
    reason: str = ""
    current_us: int = 0  # how long it has done so, while that was to be seen
    is_new: bool = False


@dataclass(slots=True)
class _Sum:
    times: int = 0
    total_us: int = 0
    longest_us: int = 0
    last_us: int = 0


class Story:
    """Takes events in their order, and says at the end what came of them."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._now_us = axis.start_us
        self._running = False
        self._lanes: dict[str, _Lane] = {}
        self._at_work = [0] * axis.steps  # microseconds
        self._shares: dict[tuple[str, Doing], list[int]] = {}
        self._sums: dict[tuple[str, Doing, str], _Sum] = {}

    def begin(self, at_us: int) -> None:
        """A run begins: its lanes go on as they were until they say otherwise."""
        self._pass(at_us)
        self._running = True

    def end(self, at_us: int) -> None:
        """It ends, or was cut off then."""
        self._pass(at_us)
        self._running = False

    def lane(self, at_us: int, provider: str, event: str, reason: str) -> None:
        """A lane says what it does from now on."""
        self._pass(at_us)
        lane = self._lanes.setdefault(provider, _Lane())
        doing = _DOING[event]
        if (doing, reason) != (lane.doing, lane.reason):
            self._lanes[provider] = _Lane(doing=doing, reason=reason, is_new=True)

    def told(self, at_us: int) -> Spans:
        """What came of it until then."""
        self._pass(at_us)
        whole = self._axis.step_us
        shares: dict[str, dict[Doing, tuple[float, ...]]] = {}
        for (provider, doing), parts in sorted(self._shares.items()):
            shares.setdefault(provider, {})[doing] = tuple(part / whole for part in parts)
        return Spans(
            at_work=tuple(part / whole for part in self._at_work),
            shares=shares,
            spells=tuple(
                Spell(
                    provider=provider,
                    doing=doing,
                    reason=reason,
                    times=one.times,
                    seconds=one.total_us / 1e6,
                    longest_seconds=one.longest_us / 1e6,
                    last_us=one.last_us,
                )
                for (provider, doing, reason), one in sorted(self._sums.items())
            ),
        )

    def _pass(self, at_us: int) -> None:
        """Everything went on as it was from the last event to this one; a clock that was set back gives nothing."""
        since, self._now_us = self._now_us, max(self._now_us, at_us)
        if self._running:
            self._add(self._at_work, since, self._now_us)
        for provider, lane in self._lanes.items():
            if lane.doing is not None and (self._running or lane.doing in _STANDING):
                none = [0] * self._axis.steps
                self._add(self._shares.setdefault((provider, lane.doing), none), since, self._now_us)
                self._sum(provider, lane, since, self._now_us)

    def _sum(self, provider: str, lane: _Lane, since_us: int, until_us: int) -> None:
        if lane.doing is None or lane.doing is Doing.SENDING:
            return
        one = self._sums.setdefault((provider, lane.doing, lane.reason), _Sum())
        if lane.is_new:
            one.times += 1
            one.last_us = since_us
            lane.is_new = False
        lane.current_us += until_us - since_us
        one.total_us += until_us - since_us
        one.longest_us = max(one.longest_us, lane.current_us)

    def _add(self, parts: list[int], since_us: int, until_us: int) -> None:
        axis = self._axis
        since, until = max(since_us, axis.start_us), min(until_us, axis.end_us)
        while since < until:
            place = axis.place(since)
            ends = min(until, axis.start_us + (place + 1) * axis.step_us)
            parts[place] += ends - since
            since = ends
