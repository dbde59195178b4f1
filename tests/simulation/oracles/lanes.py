"""P12, P15, P16 and the rule that a shut lane lets one request through: who may send at all, judged from outside."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from math import inf

from runner.domain.model import Action, Answer, Fault
from tests.simulation.options import Verb
from tests.simulation.oracles.base import Intent, Oracle, Seen, hold
from tests.simulation.record import Entry, Life

WISH_SECONDS = 1.0
STOP_SECONDS = 0.1
EDGE_SECONDS = 0.001
WEEK_SECONDS = 7 * 86_400.0
_DIGITS = re.compile(r"[0-9]{1,10}")
_HALTED = (
    "SELECT b.name, l.provider, l.report FROM lanes AS l JOIN batches AS b ON b.id = l.batch WHERE l.state = 'halted'"
)
_WAITS = """
SELECT provider, report ->> 'asked_until_us', report ->> 'asked_at_us' FROM lanes WHERE report ->> 'asked_until_us' > ?
"""


@dataclass(slots=True)
class Door:
    """What one account has been told in this life. It begins shut."""

    shut_since: float | None = -inf  # None: open
    until: float = -inf
    success_only: bool = False  # an earlier run was halted: nothing else opens it
    halted_at: float | None = None
    by: str = ""
    waiting: dict[int, float] = field(default_factory=dict)  # requests without an answer yet, by when they left


class Lanes(Oracle):
    """One door for each account, opened and shut by what the runner was told."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self._life = 0
        self._doors: dict[str, Door] = {}
        self._halted: Mapping[
            tuple[str, str], bool
        ] = {}  # (batch, account) -> whether it is a matter of the batch alone
        self._waits: list[tuple[str, int, int]] = []  # (account, until when nothing may leave, when that was written)

    def on_send(self, entry: Entry, intent: Intent) -> None:
        """Nothing leaves after a halt, in a wait, after a stop; and one at a time while the door is shut."""
        door = self._door(entry)
        named = f"request {entry.number}"
        late = door.halted_at is not None and entry.sent_at > door.halted_at
        hold(not late, "P15", f"{named} left {entry.sent_at} after the halt {door.by} of {door.halted_at}")
        early = door.shut_since is not None and door.shut_since < entry.sent_at < door.until - EDGE_SECONDS
        hold(not early, "P12", f"{named} left at {entry.sent_at}, asked to wait until {door.until} by {door.by}")
        if door.shut_since is not None:
            others = [number for number, left_at in door.waiting.items() if left_at > door.shut_since]
            hold(not others, "P15", f"{named} left beside {others} while one goes first ({door.by or 'start'})")
        self._stopped(entry, intent)
        door.waiting[entry.number] = entry.sent_at

    def _stopped(self, entry: Entry, intent: Intent) -> None:
        life = self.seen.night.life
        stopped = life.stopped_at is not None and entry.sent_at > life.stopped_at + STOP_SECONDS
        hold(not stopped, "P16", f"request {entry.number} left at {entry.sent_at}, stopped at {life.stopped_at}")
        options = self.seen.night.options
        most = options.poll_seconds + WISH_SECONDS + 2 * options.commit_seconds + self.seen.stalled(life.number)
        beside = (done for done in self.seen.night.done if done.life == life.number and done.beside)
        wishes = [done for done in beside if done.changed is not None]
        for done in wishes:
            if done.act.verb not in {Verb.PAUSE, Verb.CANCEL} or entry.sent_at <= done.at + most:
                continue
            if any(later.act.verb is Verb.RESUME and later.at >= done.at for later in wishes):
                continue
            names = dict(self.seen.query("SELECT id, name FROM batches"))
            hold(names[intent.batch] != done.batch, "P16", f"request {entry.number} left after {done.act.verb}")

    def on_told(self, entry: Entry) -> None:
        """Shut or open the door by what the rules say."""
        door = self._door(entry)
        left_at = door.waiting.pop(entry.number, entry.sent_at)
        assert entry.told is not None
        assert entry.told_at is not None
        if entry.number not in self.seen.intents:
            return
        verdict, now = self.seen.verdict(entry), entry.told_at
        if verdict.action is Action.HALT:
            own = entry.told.fault is Fault.INVALID or (verdict.unproven_halt and verdict.halt_after is None)
            if not own and door.halted_at is None:
                door.halted_at, door.by = now, verdict.rule
        elif verdict.action is Action.PAUSE:
            self._pause(door, entry.told, verdict.rule, now=now, left_at=left_at)
        elif door.shut_since is not None and left_at >= door.shut_since and self._opens(door, entry):
            door.shut_since = None if now >= door.until else now
            door.success_only = door.success_only and door.shut_since is not None

    def _pause(self, door: Door, told: Answer, rule: str, *, now: float, left_at: float) -> None:
        asked = seconds_asked(told, now_us=self.seen.wall_us(now))
        if door.shut_since is None or left_at >= door.shut_since or asked is not None:
            first = door.shut_since is None or left_at >= door.shut_since
            door.shut_since, door.by = now if first else door.shut_since, rule
            if asked is not None:
                door.until = max(door.until, now + max(1.0, asked))

    def _opens(self, door: Door, entry: Entry) -> bool:
        verdict = self.seen.verdict(entry)
        told = entry.told
        if told is None or told.fault is not None or self.seen.in_doubt(entry):
            return False
        if verdict.action is Action.SUCCEED:
            return True
        return not door.success_only and (verdict.action is Action.FAIL or (told.status or 0) < 500)

    def _door(self, entry: Entry) -> Door:
        if entry.life != self._life:
            self._life, self._doors = entry.life, {}
        door = self._doors.get(entry.account)
        if door is None:
            door = self._doors[entry.account] = Door()
            batches = self.seen.night.life.batches
            door.success_only = any(
                who == entry.account and batch in batches and not own for (batch, who), own in self._halted.items()
            )
            began_at = self.seen.night.life.began_at
            now_us = self.seen.wall_us(began_at)
            for account, until_us, written_us in self._waits:
                if account == entry.account:
                    ahead = seconds_left(until_us, written_us, now_us=now_us)
                    door.until, door.by = max(door.until, began_at + ahead), "a wait of an earlier run"
        return door

    def on_life(self, life: Life) -> None:
        """What the next life has to know, and can, whatever ended this one: halts, and waits on record that were asked
        for. What a run itself chose to wait, between two requests that go first, ends with it.
        """
        self._halted = {
            (batch, account): bool(json.loads(report)["own"]) for batch, account, report in self.seen.query(_HALTED)
        }
        waits = self.seen.query(_WAITS, (self.seen.wall_us(life.ended_at),))
        self._waits = [(account, until_us, written_us) for account, until_us, written_us in waits]


def seconds_left(until_us: int, written_us: int, *, now_us: int) -> float:
    """Of a wait on record, for a run that begins now: no longer than it was when it was written down, whatever a clock
    that was set back since makes of its end. Not above 0: it is over, or was over by then."""
    return (until_us - max(written_us, now_us)) / 1e6


def seconds_asked(told: Answer, *, now_us: int) -> float | None:
    """What a `Retry-After` asks for, by RFC 9110 and nothing more; None: nothing that can be read."""
    raw = (told.header("retry-after") or "").strip()
    if _DIGITS.fullmatch(raw):
        seconds = float(raw)
    else:
        try:
            seconds = parsedate_to_datetime(raw).timestamp() - now_us / 1e6
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return seconds if 0 <= seconds <= WEEK_SECONDS else None
