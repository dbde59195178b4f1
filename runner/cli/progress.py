"""What a run shows while it works: an observer of engine events that counts, and the counts as lines.

The observer is told after each commit and must neither block for long nor raise; `Screen` never raises.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, assert_never

from runner.cli.text import amount, clean, count, duration, local_time, plural, redact
from runner.domain.model import MILLION, UNSENT, Debited
from runner.domain.states import JobEvent
from runner.engine.events import (
    AttemptClosed,
    BalanceLow,
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

MINUTE_US = 60 * MILLION

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
    """The counts of a run so far. `due`: how many values were to be asked about when it began."""

    def __init__(self, batch: str, due: int) -> None:
        self.batch = batch
        self.due = due
        self.sent = self.charged = self.not_charged = self.in_doubt = self.ended = 0

    def add(self, event: AttemptClosed) -> None:
        """Count one request. One that never left was not sent; if it was withdrawn, nothing ended either."""
        if event.action is None:
            return
        if event.fault not in UNSENT:
            self.sent += 1
            self.charged += event.debited is Debited.YES
            self.not_charged += event.debited is Debited.NO
            self.in_doubt += event.debited is Debited.UNKNOWN
        self.ended += event.event in (JobEvent.SUCCEED, JobEvent.FAIL, JobEvent.DOUBT)

    def take(self, event: Event) -> None:
        """Count what an event tells."""
        if isinstance(event, AttemptClosed):
            self.add(event)
        elif isinstance(event, RowsAdded):
            self.due += event.requests

    @property
    def waiting(self) -> int:
        """Requests still to be made."""
        return max(0, self.due - self.ended)

    @property
    def total(self) -> int:
        """What the end will be counted to: more than was due if work came in meanwhile."""
        return max(1, self.due, self.ended)

    def fields(self) -> dict[str, object]:
        """The counts by their names on screen."""
        return {
            "sent": self.sent,
            "charged": self.charged,
            "not_charged": self.not_charged,
            "in_doubt": self.in_doubt,
            "waiting": self.waiting,
        }


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / MILLION, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def line(at_us: int, event: str, **fields: object) -> str:
    """`at=... event=... key=value`: one line; values with spaces are quoted, empty ones left out."""
    words = [f"at={_iso(at_us)}", f"event={event}"]
    for key, value in fields.items():
        if value not in (None, ""):
            text = clean(str(value))
            words.append(f"{key}={json.dumps(text, ensure_ascii=False) if ' ' in text or '=' in text else text}")
    return " ".join(words)


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


def is_news(event: Event) -> bool:
    """Whether a line is owed for it: that a list which was waited for brought nothing new is none."""
    return not (isinstance(event, RowsAwaited) and event.again)


class PlainProgress:
    """`key=value` lines: start, each change of state, one a minute, end."""

    def __init__(self, tally: Tally, write: Callable[[str], None]) -> None:
        self._tally = tally
        self._write = write
        self._last_us = 0
        self._shown: dict[str, tuple[str, str | None]] = {}  # by provider: what the last line said
        self._slowed: set[str] = set()  # providers that go slower than they may
        self._awaited_us = 0  # when it was said for the last time that rows are waited for

    def __call__(self, event: Event) -> None:
        """Show an event if it is worth a line."""
        self._tally.take(event)
        match event:
            case RunStarted():
                self._say(event.at_us, "start", providers=",".join(event.providers), due=self._tally.due)
            case AttemptClosed() | RowsAdded():
                self.beat(event.at_us)
            case LaneChanged():
                self._lane(event)
            case RunStopping():
                self._say(event.at_us, "stopping", why=event.reason, in_flight=event.in_flight)
            case StoreTrouble() | BalanceLow() | MachineSlept() | PlaceTrouble():
                self._trouble(event)
            case RowsAwaited():
                self._await(event)
            case RunEnded():
                self._say(event.at_us, "end", state=event.state, why=event.reason, **self._tally.fields())
            case _:
                assert_never(event)

    def beat(self, now_us: int) -> None:
        """A minute without a line is a line with the counts."""
        if now_us - self._last_us >= MINUTE_US:
            self._say(now_us, "progress", **self._tally.fields())

    def _await(self, event: RowsAwaited) -> None:
        """A list that grows by a row now and then is waited for again and again: once a minute is enough."""
        if is_news(event) and (not self._awaited_us or event.at_us - self._awaited_us >= MINUTE_US):
            self._awaited_us = event.at_us
            until = _iso(event.next_look_us) if event.next_look_us else None
            self._say(event.at_us, "waiting", until=until, why="new-rows", **self._tally.fields())

    def _trouble(self, event: StoreTrouble | BalanceLow | MachineSlept | PlaceTrouble) -> None:
        match event:
            case StoreTrouble():
                self._say(event.at_us, trouble_word(event), why=event.reason)
            case BalanceLow():
                self._say(event.at_us, "warning", provider=event.provider, why="balance-low", says=dry_text(event))
            case MachineSlept():
                self._say(event.at_us, "awake", why="machine-slept", says=slept_text(event))
            case PlaceTrouble():
                until = _iso(event.until_us) if event.until_us else None
                says = redact(event.message or "")
                self._say(event.at_us, "warning" if says else "mended", why=event.place, until=until, says=says)
            case _:
                assert_never(event)

    def _lane(self, event: LaneChanged) -> None:
        word = lane_word(event.state)
        pace = event.rate if word == "sending" and (event.slowed or event.provider in self._slowed) else None
        shown = (word, event.reason if word != "sending" else str(event.slowed))
        if self._shown.get(event.provider) == shown:
            return
        self._shown[event.provider] = shown
        (self._slowed.add if event.slowed else self._slowed.discard)(event.provider)
        until = _iso(event.until_us) if event.until_us else None
        says = redact(event.message or "")
        self._say(event.at_us, word, provider=event.provider, until=until, pace=pace, why=event.reason, says=says)

    def _say(self, at_us: int, event: str, **fields: object) -> None:
        self._last_us = at_us
        self._write(line(at_us, event, batch=self._tally.batch, **fields))


class JsonProgress:
    """One JSON object a line on stderr for every event: its name, its fields (`..._us`: microseconds since the epoch,
    `amount`: millionths), the batch's name and the counts so far."""

    def __init__(self, tally: Tally, write: Callable[[str], None]) -> None:
        self._tally = tally
        self._write = write

    def __call__(self, event: Event) -> None:
        """Show an event as it is."""
        if not is_news(event):
            return
        self._tally.take(event)
        fields = event_fields(event) | {"batch": self._tally.batch, **self._tally.fields()}
        self._write(json.dumps({"event": event_name(event), **fields}, ensure_ascii=False, separators=(",", ":")))
