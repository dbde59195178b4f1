"""What a terminal shows while batches are worked on: at most six lines that stay below, and the news above them.

Events come from the run's own thread, which must never wait for a terminal: they are only noted. Another thread draws.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self, assert_never

from runner.cli.lane_view import LaneView
from runner.cli.progress import Tally, awaited_text, caps_text, dry_text, slept_text
from runner.cli.terminal import has_letters
from runner.cli.text import count, local_time, redact
from runner.domain.model import Amount, BatchId
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
from runner.work.state_words import why_paused

if TYPE_CHECKING:
    from rich.text import Text

A_SECOND = 5
"""So often it is drawn."""
MOST_NEWS = 1000
"""So much is kept for a terminal that takes nothing; the oldest goes first."""

_ROWS = "rows"
_DATABASE = "database"  # among what is noted, beside the providers
_PLACES = {"source": "its list", "table": "its table"}
_TROUBLE = {
    "database-locked": "waiting for the database: another program holds it",
    "disk-full": "the disk is full",
    "no-reserve": "no room could be set aside on the disk",
}


class LiveProgress(AbstractContextManager["LiveProgress"]):
    """How far, how fast and why not faster, how much money, when done. `now_us`: the wall clock."""

    def __init__(self, *tallies: Tally, now_us: Callable[[], int]) -> None:
        self._tallies = tallies
        self._now_us = now_us
        self._by_batch: dict[BatchId, Tally] = {}
        self._lanes: dict[str, LaneView] = {}
        self._notes: dict[tuple[Tally | None, str], str] = {}
        self._low: dict[str, BalanceLow] = {}  # by provider
        self._said: dict[str, tuple[str, str] | None] = {}  # of each provider, the last news
        self._news: deque[str] = deque(maxlen=MOST_NEWS)
        self._letters = True  # the terminal shows more than ASCII
        self._began = False
        self._ended = False
        self._lock = threading.Lock()  # around all of the above
        self._stack = ExitStack()
        for tally in tallies:
            for planned in () if tally.plan is None else tally.plan.lanes:
                self._lane(planned.provider, planned.windows).due += planned.requests

    def __enter__(self) -> Self:
        """Begin to draw."""
        from runner.cli.screen import Screenful

        self._letters = has_letters(sys.stderr)
        screen = Screenful(sys.stderr, self.picture, self.take_news, a_second=A_SECOND)
        self._stack.enter_context(screen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave a line for each batch; of a run that was refused before it began there is nothing to leave."""
        with self._lock:
            self._ended = True
        self._stack.close()

    def cursor_text(self) -> str:
        """What shows the cursor again, for whoever ends the process without leaving."""
        from runner.cli.screen import SHOW_CURSOR

        return SHOW_CURSOR

    def __call__(self, event: Event) -> None:
        """Note what happened."""
        with self._lock:
            self._began = True
            tally = self._of(event)
            tally.take(event)
            self._take(tally, event)

    def _of(self, event: Event) -> Tally:
        if isinstance(event, RunStarted):
            named = (tally for tally in self._tallies if tally.batch == event.name)
            self._by_batch[event.batch] = next(named, self._tallies[0])
        return self._by_batch.get(event.batch, self._tallies[0])

    def _lane(self, provider: str, windows: tuple[tuple[int, float], ...] = ()) -> LaneView:
        return self._lanes.setdefault(provider, LaneView(provider, windows))

    def _take(self, tally: Tally, event: Event) -> None:
        match event:
            case RunStarted():
                for provider in event.providers:
                    self._lane(provider)
            case AttemptClosed():
                self._notes.pop((tally, _ROWS), None)
                self._lane(event.provider).close(event)
                self._follow_wallet(event)
            case LaneChanged():
                self._change(event)
            case RowsAdded():
                self._add(event)
            case RowsAwaited():
                self._notes[tally, _ROWS] = awaited_text(event)
            case RunEnded():
                for key in [key for key in self._notes if key[0] is tally]:
                    del self._notes[key]
            case _:
                self._trouble(tally, event)

    def _change(self, event: LaneChanged) -> None:
        """Waits, halts, and that they are over, are news; that a provider is at its pace is none."""
        lane = self._lane(event.provider)
        lane.change(event)
        said, says = self._said.get(event.provider), lane.news()
        if says != said:
            self._said[event.provider] = says
            self._news.append(f"{local_time(event.at_us)[11:]} {event.provider} {lane.why(event.at_us, brief=True)}")

    def _add(self, event: RowsAdded) -> None:
        """Nobody knows which provider they are for, where a batch asks several."""
        for lane in self._lanes.values():
            lane.due += event.requests / len(self._lanes)

    def _trouble(
        self, tally: Tally, event: RunStopping | BalanceLow | MachineSlept | StoreTrouble | PlaceTrouble | CapsTuned
    ) -> None:
        match event:
            case RunStopping():
                self._note(event.at_us, tally, "stopping", _stopping_text(event))
            case CapsTuned():
                says = f"now stops at {', '.join(caps_text(event))}" if caps_text(event) else "caps taken back"
                self._news.append(f"{local_time(event.at_us)[11:]} {tally.batch} {says}")
            case BalanceLow():
                self._low[event.provider] = event
                self._note(event.at_us, None, f"{event.provider}'s wallet", dry_text(event))
            case MachineSlept():
                self._note(event.at_us, None, "machine", slept_text(event), stays=False)
            case StoreTrouble():
                self._note(event.at_us, None, _DATABASE, _TROUBLE.get(event.reason, ""))
            case PlaceTrouble():
                until = f", tried again at {local_time(event.until_us)[11:]}" if event.until_us else ""
                says = f"{_PLACES[event.place]}: {redact(event.message)}{until}" if event.message is not None else ""
                self._note(event.at_us, tally, event.place, says)
            case _:
                assert_never(event)

    def _follow_wallet(self, event: AttemptClosed) -> None:
        """One that will run dry: what it holds now, until it was filled."""
        low = self._low.get(event.provider)
        if low is None or event.balance is None or event.unit != low.unit:
            return
        requests = round(self._lane(event.provider).waiting)
        cost = Amount(low.cost * requests // low.requests)
        key = None, f"{event.provider}'s wallet"
        self._notes.pop(key, None)
        if requests and cost > event.balance:
            self._notes[key] = dry_text(replace(low, balance=event.balance, requests=requests, cost=cost))

    def _note(self, at_us: int, tally: Tally | None, key: str, says: str, *, stays: bool = True) -> None:
        """Say it above, once, and keep it in sight as long as it holds; nothing to say: it holds no more."""
        if says and self._notes.get((tally, key)) != says:
            self._news.append(f"{local_time(at_us)[11:]} {says}")
        self._notes.pop((tally, key), None)
        if says and stays:
            self._notes[tally, key] = says

    def picture(self, width: int, lines: int) -> list[Text]:
        """What is to be seen now, in so many columns and at most so many lines."""
        from runner.cli.picture import FINE, SAFE, Frame, draw, last

        frame = Frame(width=width, lines=lines, marks=FINE if self._letters else SAFE)
        with self._lock:
            if not self._began:
                return []
            if self._ended:
                return last(self._tallies, frame)
            notes = list(self._notes.values())
            return draw(self._tallies, list(self._lanes.values()), notes, now_us=self._now_us(), frame=frame)

    def take_news(self) -> list[str]:
        """What is to be said above, each once."""
        with self._lock:
            news = list(self._news)
            self._news.clear()
            return news


def _stopping_text(event: RunStopping) -> str:
    """`stopping, as another terminal asked: 3 requests on the way`."""
    asked, signalled = event.reason.startswith("requested:"), event.reason.startswith("signal:")
    why = "as another terminal asked" if asked else "interrupted" if signalled else why_paused(event.reason)
    return f"stopping, {why}" + (f": {count(event.in_flight, 'request')} on the way" if event.in_flight else "")
