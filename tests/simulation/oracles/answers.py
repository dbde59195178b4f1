"""P6 and P7: what was answered is stored as received, what was not is in doubt, and only a decision moves it on."""

from __future__ import annotations

from collections import Counter
from typing import Any

from runner.domain.model import Fault
from tests.simulation.options import Verb
from tests.simulation.oracles.base import Oracle, Seen, hold
from tests.simulation.record import Command, End, Entry, Life

_STORED = """
SELECT a.client_request_id, a.http_status, a.fault, a.closed_us, n.body, n.truncated, a.debited, a.resolution, j.state,
    j.reason
FROM attempts AS a JOIN jobs AS j ON j.id = a.job LEFT JOIN answers AS n ON n.attempt = a.id
"""
_OPEN = "SELECT client_request_id FROM attempts WHERE closed_us IS NULL"
_PERSONS = frozenset({Verb.RESEND, Verb.NOT_CHARGED, Verb.RETRY})
SLACK_SECONDS = 0.5


class Answers(Oracle):
    """Looked at when a life is over and, once more, when the night is."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self._open: dict[str, End] = {}  # how the life ended that left it open

    def on_life(self, life: Life) -> None:
        """P6 for what this life was told; what it leaves open, the next one has to put in doubt."""
        stored = {line[0]: line for line in self.seen.query(_STORED)}
        entries = [entry for entry in self.seen.night.books if entry.told is not None]
        for entry in entries:
            if entry.life == life.number and entry.client_request_id in stored:
                self._kept(entry, stored[entry.client_request_id], life)
        begun = self.seen.query("SELECT max(id), max(died) FROM runs")
        if begun[0][0] is not None:
            self._was_recovered(stored)
        left = {name for (name,) in self.seen.query(_OPEN)}
        in_order = life.end is End.ENDED and life.command is Command.RUN  # a load, an export recover nothing
        hold(not left or not in_order, "P7", f"life {life.number} ended in order and left {left} open")
        self._open = {name: self._open.get(name, life.end) for name in left}
        self._no_doubt_where_it_is_safe()

    def _kept(self, entry: Entry, line: tuple[Any, ...], life: Life) -> None:
        told = entry.told
        assert told is not None
        assert entry.told_at is not None
        if line[3] is None:  # open: only a crash between the answer and its commit can do that
            gap = life.ended_at - entry.told_at
            night = self.seen.night
            held_up = any(since <= life.ended_at <= until + 1.0 for since, until, _ in night.disk)
            at_once = gap <= 2 * night.options.commit_seconds + SLACK_SECONDS + self.seen.stalled(life.number)
            beside = night.database.with_name(f"{night.database.name}.answers")
            kept = beside.exists() and entry.client_request_id in beside.read_text("utf-8", "replace")
            in_time = life.end is not End.REFUSED and (at_once or held_up)  # who is refused was not killed
            excused = life.end is not End.ENDED and (kept or in_time)
            hold(excused, "P6", f"the answer to {entry.client_request_id} is not stored {gap:.3f} s after it was read")
            return
        fault = None if told.fault is None else told.fault.value
        was, now = (told.status, fault, told.body, told.truncated), (line[1], line[2], line[4], bool(line[5]))
        hold(was == now, "P6", f"{entry.client_request_id} was told {was}, and stored is {now}")

    def _was_recovered(self, stored: dict[str, tuple[Any, ...]]) -> None:
        """P7: what was open when a life died is an answer kept elsewhere, or a doubt, and its job follows."""
        told = {entry.client_request_id: entry.told for entry in self.seen.night.books}
        for name, end in self._open.items():
            _, status, fault, closed_us, body, _, debited, resolution, state, reason = stored[name]
            if closed_us is None or fault in {Fault.WITHDRAWN.value, Fault.NOT_SENT.value}:
                continue  # not recovered yet; or known never to have left
            answer = told.get(name)
            if answer is not None and answer.status is not None and status is not None:
                hold((answer.status, answer.body) == (status, body), "P6", f"{name} was not kept as it was read")
                continue
            if answer is not None and answer.fault is not None and fault == answer.fault.value:
                continue
            lost = answer is not None and answer.status is not None and end is not End.CRASHED
            hold(not lost, "P6", f"the answer to {name} was in hand when its life was {end}, and is lost")
            hold(status is None and fault == "no-answer", "P7", f"{name} was open at a crash and is {status or fault}")
            if debited == "unknown" and resolution is None:
                doubtful = state == "in_doubt" or (state == "failed" and reason == "poison")
                hold(doubtful, "P7", f"{name} was open at a crash, nobody decided on it, and its job is {state}")

    def end(self) -> None:
        """P7, P8: a doubt is sent again by a person's word, or once by the policy; and a safe request is never one."""
        again: dict[int, Counter[str]] = {}
        sent = Counter(intent.job for intent in self.seen.intents.values())
        last = {intent.job: intent.number for intent in sorted(self.seen.intents.values(), key=lambda one: one.number)}
        for entry in self.seen.night.books:
            intent = self.seen.intents.get(entry.number)
            if intent is not None and intent.number < last[intent.job] and self.seen.in_doubt(entry):
                again.setdefault(intent.job, Counter())[entry.account] += 1
        names = dict(self.seen.query("SELECT j.id, b.name FROM jobs AS j JOIN batches AS b ON b.id = j.batch"))
        by_policy = int(self.seen.night.options.in_doubt == "resend-once")
        words = Counter(done.batch for done in self.seen.night.done if done.act.verb in _PERSONS and done.changed)
        for job, counts in again.items():
            most = by_policy + words[names[job]]
            hold(counts.total() <= most, "P8", f"job {job} was sent {sent[job]} times, {counts.total()} after a doubt")

    def _no_doubt_where_it_is_safe(self) -> None:
        safe = {
            operation.key
            for account in self.seen.night.accounts.values()
            for operation in account.provider.operations.values()
            if operation.safe
        }
        doubts = self.seen.query("SELECT id, operation FROM jobs WHERE state = 'in_doubt'")
        wrong = [job for job, operation in doubts if operation in safe]
        hold(not wrong, "P7", f"jobs {wrong} are in doubt though they are safe to repeat")
