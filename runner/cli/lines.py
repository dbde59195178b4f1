"""A run that nobody watches, in lines: `key=value` for people who read a log, JSON for programs that do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from runner.cli.progress import Tally, caps_text, dry_text, is_news, lane_word, slept_text, trouble_word
from runner.cli.terminal import json_text
from runner.cli.text import clean, redact
from runner.domain.model import MILLION
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

MINUTE_US = 60 * MILLION


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / MILLION, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a run that nobody watches."""

    at_us: int
    event: str
    fields: Mapping[str, object]  # the batch first
    counts: Mapping[str, object]  # so far
    counted: bool = False  # the counts are what it is about


Form = Callable[[Line], str]
"""How a line is written."""


def plain_line(one: Line) -> str:
    """`at=... event=... key=value`: values with spaces are quoted, empty ones left out."""
    words = [f"at={_iso(one.at_us)}", f"event={one.event}"]
    for key, value in {**one.fields, **(one.counts if one.counted else {})}.items():
        if value not in (None, ""):
            text = clean(",".join(value) if isinstance(value, tuple) else str(value))
            words.append(f"{key}={json.dumps(text, ensure_ascii=False) if ' ' in text or '=' in text else text}")
    return " ".join(words)


def json_line(one: Line) -> str:
    """One JSON object: an event has the same keys every time, null where there is nothing to say, and the counts."""
    fields = {key: (clean(value) or None) if isinstance(value, str) else value for key, value in one.fields.items()}
    shown = {"at": _iso(one.at_us), "event": one.event, **fields, **one.counts}
    return json_text(shown, sys.stderr)


class LineProgress:
    """Lines: start, each change of state, one a minute, end. Requests are counted, not shown."""

    def __init__(self, tally: Tally, write: Callable[[str], None], form: Form = plain_line) -> None:
        self._tally = tally
        self._write = write
        self._form = form
        self._last_us = 0
        self._shown: dict[str, tuple[str, str | None]] = {}  # by provider: what the last line said
        self._slowed: set[str] = set()  # providers that go slower than they may
        self._awaited_us = 0  # when it was said for the last time that rows are waited for

    def __call__(self, event: Event) -> None:
        """Show an event if it is worth a line."""
        self._tally.take(event)
        match event:
            case RunStarted():
                self._say(event.at_us, "start", {"providers": event.providers, "due": self._tally.due})
            case AttemptClosed() | RowsAdded():
                self.beat(event.at_us)
            case LaneChanged():
                self._lane(event)
            case RunStopping():
                self._say(event.at_us, "stopping", {"why": event.reason, "in_flight": event.in_flight})
            case StoreTrouble() | BalanceLow() | MachineSlept() | PlaceTrouble():
                self._trouble(event)
            case RowsAwaited():
                self._await(event)
            case CapsTuned():
                self._say(event.at_us, "tuned", {"stops": tuple(caps_text(event))})
            case RunEnded():
                self._say(event.at_us, "end", {"state": event.state, "why": event.reason}, counted=True)
            case _:
                assert_never(event)

    def beat(self, now_us: int) -> None:
        """A minute without a line is a line with the counts."""
        if now_us - self._last_us >= MINUTE_US:
            self._say(now_us, "progress", {}, counted=True)

    def _await(self, event: RowsAwaited) -> None:
        """A list that grows by a row now and then is waited for again and again: once a minute is enough."""
        if is_news(event) and (not self._awaited_us or event.at_us - self._awaited_us >= MINUTE_US):
            self._awaited_us = event.at_us
            self._state(event.at_us, "waiting", until_us=event.next_look_us, why="new-rows", counted=True)

    def _trouble(self, event: StoreTrouble | BalanceLow | MachineSlept | PlaceTrouble) -> None:
        match event:
            case StoreTrouble():
                self._store(event)
            case BalanceLow():
                self._state(event.at_us, "warning", provider=event.provider, why="balance-low", says=dry_text(event))
            case MachineSlept():
                self._state(event.at_us, "awake", why="machine-slept", says=slept_text(event))
            case PlaceTrouble():
                says = redact(event.message or "")
                word = "warning" if says else "mended"
                self._state(event.at_us, word, why=event.place, until_us=event.until_us, says=says)
            case _:
                assert_never(event)

    def _store(self, event: StoreTrouble) -> None:
        word = trouble_word(event)
        if word == "stopping":
            self._say(event.at_us, word, {"why": event.reason, "in_flight": None})
        else:
            self._state(event.at_us, word, why=event.reason)

    def _lane(self, event: LaneChanged) -> None:
        word = lane_word(event.state)
        pace = event.rate if word == "sending" and (event.slowed or event.provider in self._slowed) else None
        shown = (word, event.reason if word != "sending" else str(event.slowed))
        if self._shown.get(event.provider) == shown:
            return
        self._shown[event.provider] = shown
        (self._slowed.add if event.slowed else self._slowed.discard)(event.provider)
        self._state(
            event.at_us,
            word,
            provider=event.provider,
            until_us=event.until_us,
            pace=pace,
            why=event.reason,
            says=redact(event.message or ""),
        )

    def _state(
        self,
        at_us: int,
        event: str,
        *,
        why: str | None,
        provider: str | None = None,
        until_us: int | None = None,
        pace: str | None = None,
        says: str = "",
        counted: bool = False,
    ) -> None:
        """How a provider stands, or what the run stands on: every word for it has the same keys."""
        until = _iso(until_us) if until_us else None
        fields = {"provider": provider, "until": until, "pace": pace, "why": why, "says": says}
        self._say(at_us, event, fields, counted=counted)

    def _say(self, at_us: int, event: str, fields: Mapping[str, object], *, counted: bool = False) -> None:
        self._last_us = at_us
        shown = {"batch": self._tally.batch, **fields}
        one = Line(at_us=at_us, event=event, fields=shown, counts=self._tally.fields(), counted=counted)
        self._write(self._form(one))
