"""One provider of a run as it is seen while it works: what it does, how fast, and why not faster."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runner.cli.progress import WAITING, lane_word
from runner.cli.speed import Speed
from runner.cli.text import clean, count, duration, local_time, moment, redact
from runner.domain.model import MILLION, UNSENT, BatchId, JobId
from runner.domain.states import JobEvent
from runner.engine.events import AttemptClosed, LaneChanged
from runner.engine.halts import UNREACHABLE
from runner.work.state_words import meaning, why_paused

_HOURS_TO_DATE = 12
_FULL = 0.85
"""A window of which so much is used is what holds the requests back; the rest is the way to the provider and back."""
_HIGHER = 2.0
_LEAST_SPAN, _MOST_SPAN = 10.0, 300.0
_ENDS = (JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT)
_CLOSED = ("done", "halted", "parked")

Windows = Sequence[tuple[int, float]]


class LaneView:
    """All batches at work on one provider together. `windows`: its limits, until it says itself which hold."""

    def __init__(self, provider: str, windows: Windows = ()) -> None:
        self.provider = provider
        self.due: float = 0.0  # requests to be made
        self.ended = 0
        self._windows = windows
        self._told: dict[BatchId, LaneChanged] = {}  # the latest last
        self._retries: dict[JobId, int] = {}  # by what is tried again: when
        self._speed = Speed()
        self._answered = False

    # --- what happens ----------------------------------------------------------------------------------------------

    def change(self, event: LaneChanged) -> None:
        """Another state, or another pace."""
        self._told.pop(event.batch, None)
        self._told[event.batch] = event
        if event.windows or event.rate is None:
            if self._is_outdated(event):
                self._speed.begin_anew(event.at_us)
            self._windows = event.windows
        self._speed.work(event.at_us, on=lane_word(self.state) == "sending")

    def _is_outdated(self, event: LaneChanged) -> bool:
        """Whether the speed so far says nothing of that to come: it has to be slower, or it was held back by a limit
        and that is gone. Where a limit is only a little higher it says more than no speed at all."""
        before, after = _slope(self._windows), _slope(event.windows)
        return after < before or (after >= _HIGHER * before and self._at_limit(event.at_us))

    def close(self, event: AttemptClosed) -> None:
        """A request is over."""
        ended = event.event in _ENDS
        self.ended += ended
        self._answered = True
        self._speed.take(event.at_us, sent=event.fault not in UNSENT, ended=ended, seconds=event.seconds)
        if event.due_us is not None:
            self._retries[event.job] = event.due_us
        else:
            self._retries.pop(event.job, None)

    # --- how it stands ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """As `status` has it. One batch may be through with a provider that another is at work on."""
        return "open" if self._last is None else self._last.state

    @property
    def word(self) -> str:
        """sending, waiting, halted or done."""
        return lane_word(self.state)

    @property
    def _last(self) -> LaneChanged | None:
        at_work = [event for event in self._told.values() if event.state not in _CLOSED]
        if at_work:
            return at_work[-1]
        by_rank = sorted(self._told.values(), key=lambda event: _CLOSED.index(event.state))
        return by_rank[-1] if by_rank and by_rank[-1].state != "done" else next(iter(by_rank), None)

    @property
    def waiting(self) -> float:
        """Requests still to be made."""
        return max(0.0, self.due - self.ended)

    def seconds_left(self, now_us: int, most: float | None = None) -> float | None:
        """Until everything is asked (at most so many requests): by the latest requests, never sooner than the limits
        allow, after the wait that is on. None: nobody knows, or a person has to act first."""
        left = self.waiting if most is None else min(self.waiting, most)
        if self.word in ("halted", "done"):
            return None
        pace = self._speed.ends_per_second(now_us)
        if pace is None and not self._windows:
            return None
        at_best = max((max(0.0, left - most) * per / most for most, per in self._windows), default=0.0)
        return self._wait_left(now_us) + max(at_best, left / pace if pace else 0.0)

    def _wait_left(self, now_us: int) -> float:
        until = self._last.until_us if self._last is not None and self.state in WAITING else None
        if until is None and self._only_retries(now_us):
            until = max(self._retries.values())
        return max(0.0, ((until or now_us) - now_us) / MILLION)

    # --- in words --------------------------------------------------------------------------------------------------

    def speed_text(self, now_us: int) -> str:
        """`58/min`, `12.4/s`; empty while nothing is sent."""
        per_second = self._speed.per_second(now_us)
        if self.word != "sending" or not per_second or not self.waiting:
            return ""
        return f"{per_second:.1f}/s" if per_second >= 5 else f"{60 * per_second:.0f}/min"

    def news(self) -> tuple[str, str] | None:
        """What a person should hear of, as long as it is the same; None: it is at work, or has nothing more to do."""
        reason = "" if self._last is None else self._last.reason or ""
        return (self.word, reason) if self.word in ("waiting", "halted") or (self.word == "done" and reason) else None

    def why(self, now_us: int, *, brief: bool = False) -> str:
        """What it does and why not faster. `brief`: as it is said once, without a countdown."""
        last = self._last
        if last is None:
            return "begins"
        until = "" if last.until_us is None else _until(last.until_us, now_us, brief=brief)
        match last.state:
            case "halted":
                says = f' "{redact(last.message)}"' if last.message else ""
                return f"halted: {meaning(last.reason or '')}{says}"
            case "parked":
                return f"waiting{until}: {meaning(last.reason or 'it resets later')}"
            case "gated":
                return self._gated(last, until, now_us)
            case "circuit":
                return self._failing(last, "" if brief else until, now_us)
            case "done":
                return f"stopped: {why_paused(last.reason)}" if last.reason else "done"
            case _:
                return self._sending(last, now_us, brief=brief)

    def _gated(self, last: LaneChanged, until: str, now_us: int) -> str:
        if last.until_us is not None and last.until_us <= now_us:
            return "it asked to wait: one request goes first"
        reason = f" ({meaning(last.reason)})" if last.reason else ""
        return f"waiting{until}: it asked to{reason}"

    def _failing(self, last: LaneChanged, until: str, now_us: int) -> str:
        what = "cannot be reached" if last.reason == UNREACHABLE else f"fails ({meaning(last.reason or 'no answer')})"
        if until and last.until_us is not None and last.until_us > now_us:
            return f"waiting{until}: it {what}"
        return f"{what}: one request is tried at a time"

    def _sending(self, last: LaneChanged, now_us: int, *, brief: bool) -> str:
        rate = f" ({last.rate})" if last.rate else ""
        if brief:
            return f"sending{rate}"
        if not self.waiting:
            return "nothing to send"
        if not self._answered:
            return "one request goes first"
        if self._only_retries(now_us):
            first = min(self._retries.values())
            many = len(self._retries)
            verb = "is" if many == 1 else "are"
            return f"waiting{_until(first, now_us)}: {count(many, 'request')} {verb} tried again"
        if last.slowed:
            return f"slower, as it refused{rate}"
        if self._at_limit(now_us):
            return f"as fast as its limits allow{rate}"
        return self._hands(last) or f"sending{rate}"

    def _at_limit(self, now_us: int) -> bool:
        if self._speed.per_second(now_us) is None:
            return False
        for most, per in self._windows:
            span = max(_LEAST_SPAN, per)
            if span <= _MOST_SPAN and self._speed.sent(span, now_us) >= _FULL * most * span / per:
                return True
        return False

    def _hands(self, last: LaneChanged) -> str:
        """Where it is the answers that take so long."""
        seconds = self._speed.answer_seconds()
        if seconds is None or last.in_flight is None:
            return ""
        shown = f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
        return f"an answer takes {shown}, {last.in_flight} at once"

    def _only_retries(self, now_us: int) -> bool:
        """Nothing is left but what has to wait before it is tried again."""
        return bool(self._retries) and self.waiting <= len(self._retries) and min(self._retries.values()) > now_us


def _slope(windows: Windows) -> float:
    """Requests a second, in the long run."""
    return min((most / per for most, per in windows), default=math.inf)


def _until(at_us: int, now_us: int, *, brief: bool = False) -> str:
    """` until 21:40:05 (12 s)`; further off with the day."""
    seconds = (at_us - now_us) / MILLION
    shown = local_time(at_us)[11:] if abs(seconds) < _HOURS_TO_DATE * 3600 else moment(at_us)
    return f" until {clean(shown)}" + ("" if brief else f" ({duration(seconds)})")
