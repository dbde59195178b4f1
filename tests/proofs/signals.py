"""Ctrl-C and SIGTERM: once drains, twice leaves at once; neither loses what was paid for."""

from __future__ import annotations

import signal
import time
from functools import partial
from pathlib import Path

from tests.proofs.place import BATCH, NO_LIMITS, RUN, Place, Process, draw, holds, pause, people, received, same, until
from tests.sandbox.process import Sandbox, sandbox

ROWS, IN_FLIGHT = 36, 6
LATENCY_SECONDS = (0.1, 0.3)
STOP_SECONDS = 0.1
LEAVE_SECONDS = 1.0
HELD_SECONDS = 30.0


def drained(folder: Path, *, seed: int, numbers: tuple[signal.Signals, ...], rounds: int) -> str:
    """The first signal: no new request, those on the way are stored, rows written; the same command ends it."""
    chance, latest = draw(seed), 0.0
    for each in range(rounds):
        with sandbox(limits=NO_LIMITS, latency_seconds=LATENCY_SECONDS, seed=seed + each) as world:
            place = Place(folder / str(each), world.url, in_flight=IN_FLIGHT)
            place.write_list(people(ROWS))
            number = chance.choice(numbers)
            with place.process(*RUN, "--json", "-q") as process:
                until(lambda: received(world) > IN_FLIGHT, what="the lane to be at work")
                pause(chance.uniform(0.0, 0.3))
                at = time.monotonic()
                process.send(number)
                done = process.wait()
            same(f"exit code after {number.name}", done.code, 128 + number)
            same("state", (done.status["state"], done.status["reason"]), ("paused", "interrupted"))
            late = max(entry["received_at"] for entry in world.ledger()) - at
            holds(f"a request left {late:.3f} s after the signal", late <= STOP_SECONDS)
            latest = max(latest, late)
            _check_drained(place, world, done.status["outcomes"])
            same("exit code of the same command", place.runner(*RUN, "-q").code, 0)
            same("charged, twice", (world.summary()["charged"], world.summary()["charged_twice"]), (ROWS, 0))
    names = " or ".join(f"{number.name} (exit {128 + number})" for number in numbers)
    return f"{rounds} x {names}: nothing lost, last request {latest * 1000:.0f} ms after it at most"


def _check_drained(place: Place, world: Sandbox, outcomes: dict[str, int]) -> None:
    charged = len(world.charged())
    same("answers stored", outcomes["succeeded"], charged)
    same("outcomes", outcomes["in_doubt"] + outcomes["running"] + outcomes["failed"], 0)
    rows = place.rows()
    same("lines written", len(rows), ROWS + 1)
    state = rows[0].index("defastra_email_state")
    same("rows written as succeeded", sum(row[state] == "succeeded" for row in rows), charged)


def left(folder: Path, *, seed: int, rounds: int) -> str:
    """The second signal: out within a second; what was on the way is in doubt, and nothing else."""
    chance, slowest = draw(seed), 0.0
    for each in range(rounds):
        with sandbox(limits=NO_LIMITS, seed=seed + each) as world:
            place = Place(folder / str(each), world.url, in_flight=IN_FLIGHT)
            place.write_list(people(ROWS))
            well = chance.randrange(5, ROWS // 2)
            world.next([*([{}] * well), *([{"delay_seconds": HELD_SECONDS}] * IN_FLIGHT)])
            with place.process(*RUN, "--progress", "json") as process:
                until(partial(_seen, world, well + IN_FLIGHT), what="requests that hang")
                slowest = max(slowest, _interrupt_twice(process, chance.choice((signal.SIGINT, signal.SIGTERM))))
            done = place.runner(*RUN, "--json", "-q")
            same("exit code of the same command", done.code, 3)
            outcomes = done.status["outcomes"]
            same("in doubt, succeeded", (outcomes["in_doubt"], outcomes["succeeded"]), (IN_FLIGHT, ROWS - IN_FLIGHT))
            same("charged twice", world.summary()["charged_twice"], 0)
    return f"{rounds} x two signals: out within {slowest:.2f} s, {IN_FLIGHT} in doubt each; {BATCH} goes on"


def _seen(world: Sandbox, requests: int) -> bool:
    return received(world) == requests


def _interrupt_twice(process: Process, second: signal.Signals) -> float:
    process.send(signal.SIGINT)
    until(lambda: '"event":"stopping"' in process.said, what="the run to say that it stops")
    holds("it did not wait for what was on the way", not process.ended)
    at = time.monotonic()
    process.send(second)
    done = process.wait(LEAVE_SECONDS)
    same("exit code", done.code, 128 + second)
    return time.monotonic() - at
