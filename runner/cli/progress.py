"""What a run shows while it works: an observer of engine events that counts, and the counts as lines.

The observer is told after each commit and must neither block for long nor raise; `Screen` never raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from runner.cli.text import amount, count, duration, local_time, plural
from runner.domain.model import MILLION, UNSENT, Debited
from runner.domain.states import JobEvent
from runner.engine.events import (
    AttemptClosed,
    BalanceLow,
    CapsTuned,
    Event,
    LaneChanged,
    MachineSlept,
    PlaceTrouble,
    RowsAdded,
    RowsAwaited,
    RunEnded,
    RunStarted,
    RunStopping,
    StoreTrouble,
)
from runner.work.flag_words import spend_flags
from runner.work.money import Cost
from runner.work.state_words import ended_words

if TYPE_CHECKING:
    from runner.work.outlook import Preflight

WAITING = frozenset({"gated", "circuit", "parked"})
"""Lane states that a person reads as waiting. A lane at its pace is limited and open by turns: that is sending."""


class ProgressMode(StrEnum):
    """`--progress`."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


class Tally:
    """The counts of a run so far. `due`: how many values were to be asked about when it began. `plan`: what it was to
    do; `stops`: what ends it before that, as one types it; `limit`: its `--limit`, which nobody changes meanwhile."""

    def __init__(
        self,
        batch: str,
        due: int,
        *,
        plan: Preflight | None = None,
        stops: tuple[str, ...] = (),
        limit: int | None = None,
    ) -> None:
        self.batch = batch
        self.due = due
        self.plan = plan
        self.stops = stops
        self._limit = limit
        self._cap = None if plan is None or plan.at_most >= plan.requests else plan.at_most
        self.sent = self.charged = self.not_charged = self.in_doubt = self.ended = self.failed = 0
        self.over = ""  # how it ended, in words
        self._amounts: dict[tuple[str, str, Debited], int] = {}  # by provider and unit, in millionths

    def add(self, event: AttemptClosed) -> None:
        """Count one request. One that never left was not sent; if it was withdrawn, nothing ended either."""
        if event.action is None:
            return
        if event.fault not in UNSENT:
            self.sent += 1
            self.charged += event.debited is Debited.YES
            self.not_charged += event.debited is Debited.NO
            self.in_doubt += event.debited is Debited.UNKNOWN
            key = event.provider, event.unit, event.debited
            self._amounts[key] = self._amounts.get(key, 0) + event.amount
        self.ended += event.event in (JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT)
        self.failed += event.event is JobEvent.FAIL

    def take(self, event: Event) -> None:
        """Count what an event tells."""
        if isinstance(event, AttemptClosed):
            self.add(event)
        elif isinstance(event, RowsAdded):
            self.due += event.requests
        elif isinstance(event, CapsTuned):
            self.stops = (*caps_text(event), *(stop for stop in self.stops if not stop.startswith(TUNED)))
            self._cap = None if event.requests_left is None else self.sent + event.requests_left
        elif isinstance(event, RunEnded):
            self.over = ended_words(event.state, event.reason)

    @property
    def waiting(self) -> int:
        """Requests still to be made."""
        return max(0, self.due - self.ended)

    @property
    def total(self) -> int:
        """What the end will be counted to: more than was due if work came in meanwhile."""
        return max(1, self.due, self.ended)

    @property
    def left(self) -> int:
        """Requests that are made before a limit of the user's ends it."""
        ends = [most - self.sent for most in (self._cap, self._limit) if most is not None]
        return max(0, min(self.waiting, *ends)) if ends else self.waiting

    @property
    def not_before_us(self) -> int:
        """It cannot be through sooner: an account may spend only so much in a day."""
        days = self.plan is not None and any(lane.days for lane in self.plan.lanes)
        return self.plan.done_us if self.plan is not None and days else 0

    def costs(self, debited: Debited) -> Iterator[Cost]:
        """What was debited, or may have been, by provider and unit."""
        asked = () if self.plan is None else (one for lane in self.plan.lanes for one in lane.asked)
        prices = {(one.one.provider, one.one.unit): one.one for one in asked if one.one is not None}
        for (provider, unit, which), millionths in self._amounts.items():
            if which is debited:
                amount = Decimal(millionths) / MILLION
                price = prices.get((provider, unit)) or Cost(
                    unit=unit, amount=Decimal(1), money=None, currency="", told=False
                )
                money = None if price.money is None else price.money * amount
                yield replace(price, amount=amount, money=money, provider=provider)

    def fields(self) -> dict[str, object]:
        """The counts by their names on screen."""
        return {
            "sent": self.sent,
            "charged": self.charged,
            "not_charged": self.not_charged,
            "in_doubt": self.in_doubt,
            "waiting": self.waiting,
        }


_NAMES: dict[type[Event], str] = {
    RunStarted: "run.started",
    AttemptClosed: "attempt.closed",
    LaneChanged: "lane.changed",
    RunStopping: "run.stopping",
    StoreTrouble: "store.trouble",
    BalanceLow: "balance.low",
    MachineSlept: "machine.slept",
    RowsAwaited: "rows.awaited",
    RowsAdded: "rows.added",
    PlaceTrouble: "place.trouble",
    CapsTuned: "caps.tuned",
    RunEnded: "run.ended",
}


def event_name(event: Event) -> str:
    """Its fixed name in logs and JSON: `attempt.closed`."""
    return _NAMES[type(event)]


def event_fields(event: Event) -> dict[str, Any]:
    """Its values by name; what became of the job is `change`, so that `event` stays the name of the record."""
    fields = asdict(event)
    if "event" in fields:
        fields["change"] = fields.pop("event")
    return fields


def lane_word(state: str) -> str:
    """A lane's state in the words of the screen: sending, waiting, halted or done."""
    if state in WAITING:
        return "waiting"
    return "sending" if state in ("open", "limited") else state


def trouble_word(event: StoreTrouble) -> str:
    """What the run does about it: it waits for another program, sends again, or sends nothing more."""
    words = {"database-locked": "waiting", "database-free": "sending", "disk-full": "stopping"}
    return words.get(event.reason, "warning")


def dry_text(event: BalanceLow) -> str:
    """`defastra holds 120 checks, 1,856 requests wait: it will run dry`."""
    holds = f"{amount(event.balance)} {plural(event.unit, Decimal(event.balance) / MILLION)}"
    waiting = f"{count(event.requests, 'request')} {'waits' if event.requests == 1 else 'wait'}"
    return f"{event.provider} holds {holds}, {waiting}: it will run dry"


def slept_text(event: MachineSlept) -> str:
    """`the machine slept 7 h 58 min; going on`."""
    return f"the machine slept {duration(event.seconds)}; going on"


def awaited_text(event: RowsAwaited) -> str:
    """`waiting for new rows (next look 18:04:05)`; local time."""
    look = f" (next look {local_time(event.next_look_us)[11:]})" if event.next_look_us else ""
    return f"waiting for new rows{look}"


TUNED = ("--max-requests", "--max-spend")
"""The caps that another terminal may change."""


def caps_text(event: CapsTuned) -> list[str]:
    """As one types them: `--max-requests 500`."""
    spend = spend_flags({who: Decimal(most) / MILLION for who, most in event.max_spend})
    requests = [] if event.max_requests is None else [f"--max-requests {event.max_requests}"]
    return [*requests, *([spend] if spend else [])]


def is_news(event: Event) -> bool:
    """Whether a line is owed for it: that a list which was waited for brought nothing new is none."""
    return not (isinstance(event, RowsAwaited) and event.again)
