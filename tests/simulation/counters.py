"""What must happen sometimes: a batch of nights in which one of these situations never came up has proved less than it
says, and fails."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import pairwise
from typing import Final

from runner.domain.model import Fault
from runner.engine.arrival import MARGIN_SECONDS
from runner.engine.faultpoints import FAULT_POINTS
from tests.simulation.options import DiskTrouble, Mode, Verb
from tests.simulation.record import Command, End, Life, Night, Phase

HEALED: Final = "healed, and finished"

_SQL: Final[Mapping[str, str]] = {
    "a sleep is told": "SELECT count(*) FROM events WHERE event = 'machine.slept'",
    "asleep in a wait that was asked for": """
        SELECT count(*) FROM events AS s JOIN events AS g ON g.run = s.run AND g.batch = s.batch
        WHERE s.event = 'machine.slept' AND g.event = 'lane.gated'
        AND julianday(g.detail ->> 'until') <= julianday(s.at_us / 1e6, 'unixepoch')
        AND NOT EXISTS (SELECT 1 FROM events AS o WHERE o.run = g.run AND o.batch = g.batch AND o.lane = g.lane
        AND o.id > g.id AND o.id < s.id AND o.event <> 'lane.slowed')
    """,
    "a halt with stragglers": """
        SELECT count(DISTINCT h.id) FROM attempts AS h JOIN attempts AS s ON s.run = h.run AND s.account = h.account
        WHERE h.action = 'halt' AND s.id <> h.id AND s.sent AND s.opened_us < h.closed_us AND s.closed_us > h.closed_us
    """,
    "withdrawn between intent and send": "SELECT count(*) FROM attempts WHERE fault = 'withdrawn'",
    "withdrawn because of a halt": """
        SELECT count(*) FROM attempts AS w WHERE w.fault = 'withdrawn' AND EXISTS (SELECT 1 FROM attempts AS h
        WHERE h.run = w.run AND h.account = w.account AND h.action = 'halt' AND h.closed_us <= w.closed_us)
    """,
    "resend-once used in a run": """
        SELECT count(*) FROM attempts AS a WHERE resolution = 'resend' AND resolved_us = closed_us
        AND a.fault = 'no-answer'
    """,
    "resend-once used on doubts of earlier runs": """
        SELECT count(*) FROM events WHERE event = 'doubts.released' AND detail LIKE '%"policy"%'
    """,
    "a half-open circuit fails": """
        SELECT count(*) FROM events AS e JOIN events AS f ON f.run = e.run AND f.lane = e.lane AND f.id > e.id
        WHERE e.event = 'lane.circuit' AND f.event = 'lane.circuit'
        AND NOT EXISTS (SELECT 1 FROM events AS g WHERE g.run = e.run AND g.lane = e.lane
        AND g.id > e.id AND g.id < f.id AND g.event <> 'lane.circuit')
    """,
    "a circuit opens": "SELECT count(*) FROM events WHERE event = 'lane.circuit'",
    "a streak halts and takes its rows back": "SELECT count(*) FROM events WHERE event = 'streak.requeued'",
    "a poisoned job": "SELECT count(*) FROM jobs WHERE reason = 'poison'",
    "in doubt after a crash": """
        SELECT count(*) FROM attempts AS a JOIN runs AS r ON r.id = a.run
        WHERE a.debited = 'unknown' AND a.fault = 'no-answer' AND r.died AND a.detail LIKE 'the run died%'
    """,
    "more than one open attempt at a crash": """
        SELECT count(*) FROM
        (SELECT run FROM attempts WHERE detail LIKE 'the run died%' GROUP BY run HAVING count(*) > 1)
    """,
    "a safe request open at a crash": """
        SELECT count(*) FROM attempts WHERE detail LIKE 'the run died%' AND (resolution = 'resend' OR debited = 'no')
    """,
    "attempts used up": "SELECT count(*) FROM jobs WHERE state = 'failed' AND final = 0",
    "failed for good": "SELECT count(*) FROM jobs WHERE state = 'failed' AND final = 1",
    "a doubt that was charged once more": """
        SELECT count(*) FROM (SELECT job FROM attempts WHERE debited IN ('yes', 'unknown') AND sent GROUP BY job
        HAVING count(*) > 1)
    """,
    "a duplicate value": """
        SELECT count(*) FROM (SELECT job FROM row_jobs WHERE job IS NOT NULL GROUP BY job HAVING count(*) > 1)
    """,
    "a refused cell": "SELECT count(*) FROM row_jobs WHERE invalid IS NOT NULL",
    "rows added to a batch": "SELECT count(*) FROM events WHERE event = 'batch.loaded' AND detail LIKE '%rows_in_all%'",
    "a charge that was stated": """
        SELECT count(*) FROM attempts WHERE debited = 'yes' AND closed_us IS NOT NULL AND amount NOT IN (0, held)
    """,
    "a balance that was stated": "SELECT count(*) FROM attempts WHERE balance IS NOT NULL",
    "answers put back that a disk had not taken": "SELECT count(*) FROM events WHERE event = 'answers.recovered'",
    "retries wait for their budget": "SELECT count(*) FROM events WHERE event = 'pace.retries'",
    "failures tried again by the same command": "SELECT count(*) FROM events WHERE event = 'jobs.requeued'",
}


def _crashed_in_recovery(night: Night) -> int:
    """It died in the first decision of a run that found a dead one."""
    runs = [life for life in night.lives if life.command is Command.RUN]
    return sum(
        before.end is End.CRASHED
        and after.end is End.CRASHED
        and (after.crash or "").startswith("decision")
        and not any(entry.life == after.number for entry in night.books)
        for before, after in pairwise(runs)
    )


def _crashed_in_a_row(night: Night) -> int:
    return sum(one.end is End.CRASHED and other.end is End.CRASHED for one, other in pairwise(night.lives))


def _crashed_at(point: str) -> Callable[[Night], int]:
    return lambda night: sum(_point(life) == point for life in night.lives)


def _broken_in(phase: Phase) -> Callable[[Night], int]:
    return lambda night: sum(entry.broke is phase for entry in night.books)


def _disk_was(trouble: DiskTrouble) -> Callable[[Night], int]:
    return lambda night: night.met[f"disk:{trouble}"]


def _point(life: Life) -> str:
    return (life.crash or "-").split()[0]


def _stopped_with_requests(night: Night) -> int:
    stops = {life.number: life.stopped_at for life in night.lives if life.stopped_at is not None}
    return sum(
        entry.life in stops and entry.sent_at <= stops[entry.life] < (entry.told_at or -1.0) for entry in night.books
    )


def _done(verb: Verb, *, beside: bool | None = None) -> Callable[[Night], int]:
    return lambda night: sum(
        done.act.verb is verb
        and (bool(done.changed) or (done.changed == 0 and verb in _WISHES))
        and (beside is None or done.beside is beside)
        for done in night.done
    )


_WISHES: Final = frozenset({Verb.PAUSE, Verb.RESUME, Verb.CANCEL})
"""They change no request by themselves."""


def _left_as(state: str) -> Callable[[Night], int]:
    return lambda night: sum(said == state for life in night.lives for said in life.states.values())


def _went_on_after_a_halt(night: Night) -> int:
    halted = [life.number for life in night.lives if any(said.startswith("halted") for said in life.states.values())]
    return int(bool(halted) and any(entry.life > halted[0] and entry.charges for entry in night.books))


def _clock_back_before_a_due_time(night: Night) -> int:
    """It was set back while somebody waited for an instant."""
    return night.met["clock back across a due time"]


def _asleep_on_the_wire(night: Night) -> int:
    slept = [(done.at - done.act.seconds, done.at) for done in night.done if done.act.verb is Verb.SUSPEND]
    return sum(
        any(entry.sent_at <= begun and (entry.told_at or 0.0) >= woken for begun, woken in slept)
        for entry in night.books
    )


_BY_NIGHT: Final[Mapping[str, Callable[[Night], int]]] = {
    **{f"a crash at {point}": _crashed_at(point) for point in FAULT_POINTS},
    "a crash at any step": lambda night: sum(_point(life) == "step" for life in night.lives),
    "a crash in a load": lambda night: sum(
        life.end is End.CRASHED and life.command is Command.LOAD for life in night.lives
    ),
    "a crash in recovery": _crashed_in_recovery,
    "two crashes in a row": _crashed_in_a_row,
    "a doubt resolved as charged": _done(Verb.CHARGED),
    "a doubt resolved as not charged": _done(Verb.NOT_CHARGED),
    "a doubt resolved as resend": _done(Verb.RESEND),
    "a doubt resolved beside a run": lambda night: sum(
        _done(verb, beside=True)(night) for verb in (Verb.CHARGED, Verb.NOT_CHARGED, Verb.RESEND)
    ),
    "paused beside a run": _done(Verb.PAUSE, beside=True),
    "cancelled beside a run": _done(Verb.CANCEL, beside=True),
    "the clock set back": lambda night: sum(done.act.verb is Verb.JUMP and done.act.seconds < 0 for done in night.done),
    "the clock set on": lambda night: sum(done.act.verb is Verb.JUMP and done.act.seconds > 0 for done in night.done),
    "the clock back across a due time": _clock_back_before_a_due_time,
    "the machine sleeps": lambda night: sum(done.act.verb is Verb.SUSPEND for done in night.done),
    "asleep with requests on the wire": _asleep_on_the_wire,
    "a stop with requests on the wire": _stopped_with_requests,
    "ended by --max-requests": _left_as("paused:max-requests"),
    "ended by --max-spend": _left_as("paused:max-spend"),
    "ended by the cap of the day": _left_as("paused:max-spend-per-day"),
    "parked until the provider resets": _left_as("paused:reset"),
    "paused by a person": _left_as("paused:person"),
    "completed": _left_as("completed"),
    "went on after a halt": _went_on_after_a_halt,
    "two batches in one run": lambda night: sum(
        life.command is Command.RUN and len(life.batches) > 1 for life in night.lives
    ),
    "a place in a window freed by an arrival": lambda night: sum(
        entry.heard_at is not None
        and night.accounts[entry.account].plan.pace == "arrival"
        and (entry.told_at or entry.heard_at) > entry.heard_at + MARGIN_SECONDS
        for entry in night.books
    ),
    "two providers in one batch": lambda night: sum(len(batch.operations) > 1 for batch in night.options.batches),
    "a Retry-After that is a date": lambda night: sum("GMT" in _retry_after(entry.told) for entry in night.books),
    "a Retry-After that nobody can read": lambda night: sum(
        bool(raw := _retry_after(entry.told)) and not (raw.isascii() and raw.isdigit()) and "GMT" not in raw
        for entry in night.books
    ),
    "the provider charges twice": lambda night: sum(len(entry.charges) > 1 for entry in night.books),
    "charged and not answered": lambda night: sum(
        bool(entry.charges) and entry.told is not None and entry.told.fault is Fault.NO_ANSWER for entry in night.books
    ),
    "charged after the runner had died": lambda night: sum(
        any(charge.at > night.lives[entry.life - 1].ended_at for charge in entry.charges) for entry in night.books
    ),
    "a second signal": lambda night: night.met["a second signal"],
    **{f"a disk that is {trouble}": _disk_was(trouble) for trouble in DiskTrouble},
    **{f"broken in phase {phase}": _broken_in(phase) for phase in Phase},
    "over its deadline": lambda night: sum(
        entry.told_at is not None and entry.received_at is not None and entry.received_at > entry.told_at
        for entry in night.books
    ),
    HEALED: lambda night: int(night.options.mode is Mode.LIVENESS and night.healed_at is not None),
}


def _retry_after(told: object) -> str:
    header = getattr(told, "header", None)
    return "" if header is None else header("retry-after") or ""


SOMETIMES: Final = (*_BY_NIGHT, *_SQL)
"""Every situation, by its name."""


def count(night: Night) -> Counter[str]:
    """What came up in a night that is over."""
    found = Counter({name: int(of(night)) for name, of in _BY_NIGHT.items()})
    if night.database.exists():
        with closing(sqlite3.connect(f"{night.database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found.update({name: int(connection.execute(sql).fetchone()[0]) for name, sql in _SQL.items()})
    return found


def never(counts: Counter[str], mode: Mode) -> list[str]:
    """The situations that did not come up, of those that can in this mode."""
    return [name for name in SOMETIMES if not counts[name] and (name != HEALED or mode is Mode.LIVENESS)]
