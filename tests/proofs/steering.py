"""Pause, resume, cancel and tune from another process while a run is at work."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.proofs.place import (
    BATCH,
    NO_LIMITS,
    RUN,
    Done,
    Place,
    Process,
    draw,
    holds,
    pause,
    people,
    received,
    same,
    until,
)
from tests.sandbox.process import Sandbox, sandbox

ROWS, IN_FLIGHT = 900, 2
LATENCY_SECONDS = (0.05, 0.1)
EFFECT_SECONDS = 1.0
TAKEN_BACK_ROWS = 30
SLOW_PER_SECOND = 2


def steered(folder: Path, *, seed: int, rounds: int) -> str:
    """Each wish holds within a second of the command: a slower pace, a pause until `resume`, a cancel for good."""
    chance, slowest = draw(seed), 0.0
    for number in range(rounds):
        with sandbox(limits=NO_LIMITS, latency_seconds=LATENCY_SECONDS, seed=seed + number) as world:
            place = Place(folder / str(number), world.url, in_flight=IN_FLIGHT)
            place.write_list(people(ROWS))
            _taken_back(place, world)
            slowest = max(slowest, _tuned(place, world, chance.uniform(0.0, 0.4)))
            done, seconds = _wish(place, world, "pause", chance.uniform(0.0, 0.4))
            slowest = max(slowest, seconds)
            same("paused: exit, state, reason", _standing(done), (5, "paused", "person"))
            _stays_paused(place, world)
            same("exit code of resume", place.runner("resume", BATCH).code, 0)
            done, seconds = _wish(place, world, "cancel", chance.uniform(0.0, 0.4))
            slowest = max(slowest, seconds)
            same("cancelled: exit, state", _standing(done)[:2], (5, "cancelled"))
            _nothing_lost(place, world, done)
    return (
        f"{rounds} x tune, pause, resume, cancel beside a run: last request {slowest:.2f} s after the command at most"
    )


def _wish(place: Place, world: Sandbox, command: str, moment: float) -> tuple[Done, float]:
    """A run that another process's command ends; how long after that command a request still left."""
    before = received(world)
    with place.process(*RUN, "--json", "-q") as process:
        until(lambda: received(world) > before + IN_FLIGHT, what="the run to be at work")
        pause(moment)
        asked = place.runner(command, BATCH, "--yes")
        at = time.monotonic()
        same(f"exit code of {command}, with {asked.err}", asked.code, 0)
        holds(f"the run was over before {command}", not _over(process, world))
        done = process.wait(EFFECT_SECONDS + LATENCY_SECONDS[1] + EFFECT_SECONDS)  # and a second to write the rows
    seconds = max(0.0, max(entry["received_at"] for entry in world.ledger()) - at)
    holds(f"{command} took {seconds:.2f} s", seconds <= EFFECT_SECONDS)
    return done, seconds


def _taken_back(place: Place, world: Sandbox) -> None:
    """A pause that is taken back before the run has looked changes nothing."""
    with place.process(*RUN, "--limit", str(TAKEN_BACK_ROWS), "--json", "-q") as process:
        until(lambda: received(world) > IN_FLIGHT, what="the run to be at work")
        process.send(signal.SIGSTOP)
        for command in ("pause", "resume"):
            asked = place.runner(command, BATCH)
            same(f"exit code of {command}, with {asked.err}", asked.code, 0)
        process.send(signal.SIGCONT)
        same("a pause taken back", _standing(process.wait()), (5, "paused", "limit"))
    same("requests", received(world), TAKEN_BACK_ROWS)


def _tuned(place: Place, world: Sandbox, moment: float) -> float:
    """A slower pace, and one request at a time: how long after the command the provider still saw more than that. Then
    it is taken back, and the run is as fast as before."""
    with place.process(*RUN, "--json", "-q") as process:
        before = received(world)
        until(lambda: received(world) > before + IN_FLIGHT, what="the run to be at work")
        pause(moment)
        asked = place.runner("tune", BATCH, "--rate", f"{SLOW_PER_SECOND}/s", "--in-flight", "1")
        at = time.monotonic()
        same(f"exit code of tune, with {asked.err}", asked.code, 0)
        pause(3 * EFFECT_SECONDS)
        back = time.monotonic()
        asked = place.runner("tune", BATCH, "--rate", "none", "--in-flight", str(IN_FLIGHT))
        same(f"exit code of tune, with {asked.err}", asked.code, 0)
        pause(EFFECT_SECONDS)
        so_far = received(world)
        pause(EFFECT_SECONDS)
        holds("a pace that is taken back is as fast as before", received(world) - so_far > 2 * SLOW_PER_SECOND)
        process.send(signal.SIGTERM)
        same("exit code of the run", process.wait().code, 143)
    moments = sorted(entry["received_at"] for entry in world.ledger())
    slow = [one for one in moments if at + EFFECT_SECONDS <= one < back]
    holds(f"{len(slow)} requests in {back - at:.1f} s at {SLOW_PER_SECOND}/s: it goes on", len(slow) >= SLOW_PER_SECOND)
    most = max((sum(one <= other < one + 1.0 for other in slow) for one in slow), default=0)
    holds(f"{most} requests in a second after tune", most <= SLOW_PER_SECOND)
    fast = [one for one in moments if at <= one < at + EFFECT_SECONDS]
    crowded = [other for one, other in zip(fast, fast[SLOW_PER_SECOND:], strict=False) if other - one < 1.0]
    return max((other - at for other in crowded), default=0.0)


def _over(process: Process, world: Sandbox) -> bool:
    return process.ended and received(world) == ROWS


def _standing(done: Done) -> tuple[int, str, str]:
    return done.code, done.status["state"], done.status["reason"]


def _stays_paused(place: Place, world: Sandbox) -> None:
    before = received(world)
    done = place.runner(*RUN, "--json", "-q")
    same("run of a paused batch", _standing(done), (5, "paused", "person"))
    same("requests of a paused batch", received(world) - before, 0)


def _nothing_lost(place: Place, world: Sandbox, done: Done) -> None:
    outcomes, summary = done.status["outcomes"], world.summary()
    same("answers stored, in doubt", (outcomes["succeeded"], outcomes["in_doubt"]), (summary["charged"], 0))
    same("waiting", (outcomes["queued"], outcomes["cancelled"]), (0, ROWS - summary["charged"]))
    again = place.runner(*RUN, "--json", "-q")
    same("run of a cancelled batch", again.code, 5)
    same("requests after it, twice charged", (received(world), summary["charged_twice"]), (summary["requests"], 0))
