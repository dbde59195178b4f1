"""Several batches in one run: they take turns on the account they share, halt together and drain together."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

from tests.proofs.place import NO_LIMITS, Done, Place, Process, draw, holds, people, received, same, until
from tests.sandbox.process import Sandbox, sandbox

RATE = 50
LATENCY_SECONDS = (0.005, 0.02)
ROWS, IN_FLIGHT = 40, 6


def turns(folder: Path, *, seed: int, small: int, large: int, slack: float = 1.0) -> str:
    """`run --all`: a short list beside a long one that was there first ends within twice the time it takes alone, and
    `slack` times that on a machine with other work; the long one meanwhile sends at most as much as it does.

    From the start of the command to the list's last answer, as who waits for it counts.
    """
    limits = ((RATE, 1.0),)
    took: dict[bool, float] = {}
    for beside in (False, True):
        with sandbox(limits=limits, latency_seconds=LATENCY_SECONDS, seed=seed) as world:
            place = Place(folder / str(beside), world.url, limits=limits)
            for name, rows in (("large", large), ("small", small))[0 if beside else 1 :]:
                place.write_list(_names(name, rows), f"{name}.csv")
                same(f"exit code of load {name}", place.runner("load", f"{name}.csv", "-p", "defastra.email").code, 0)
            began = time.monotonic()
            with place.process("run", "--all", "-q", "--json") as process:
                until(lambda: process.ended or _answered(world, "small") == small, what="the short list", seconds=120)
                took[beside] = time.monotonic() - began
                done = _stopped(process) if beside else process.wait()
            same("refused by the provider's window", set(world.summary()["rules"]), {"success"})
            if beside:
                same(f"exit code after Ctrl-C, with {done.err}", done.code, 130)
                states = {one["batch"]: one["state"] for one in _statuses(done)}
                same("states", states, {"small-defastra-email": "completed", "large-defastra-email": "paused"})
                sent = received(world) - small
    what = f"{small} rows in {took[True]:.1f} s beside {large} ({sent} of them sent), in {took[False]:.1f} s alone"
    holds(what, took[True] <= 2 * slack * took[False])
    holds(f"the long list took the turns of the short one: {what}", sent <= small + 2 * IN_FLIGHT)
    holds(f"the long list stood still: {what}", sent >= small // 4)
    return f"{what}, at {RATE}/s"


def _stopped(process: Process) -> Done:
    holds(f"it ended before it was interrupted: {process.said}", not process.ended)
    process.send(signal.SIGINT)
    return process.wait()


def several(folder: Path, *, seed: int, rounds: int) -> str:
    """Two lists on one command line: refused flags, a shared halt, Ctrl-C, and the end of both by the same command."""
    chance = draw(seed)
    for number in range(rounds):
        funds = chance.randrange(ROWS // 2, ROWS)  # less than the favoured list alone needs: neither is through
        with sandbox(wallet=funds, limits=NO_LIMITS, latency_seconds=(0.0, 0.05), seed=seed) as world:
            place = _place(folder / f"{number}-halted", world)
            _refused_output(place, world)
            _halted(place, world, funds)
            world.top_up(2 * ROWS)
            _finished(place, world)
        with sandbox(limits=NO_LIMITS, latency_seconds=(0.05, 0.15), seed=seed) as world:
            place = _place(folder / f"{number}-interrupted", world)
            _interrupted(place, world)
            _finished(place, world)
    return f"{rounds} x two lists of {ROWS} in one run: -o refused, halted together, drained together, 0 charged twice"


RUN = ("run", "first.csv", "second.csv", "-p", "defastra.email", "--json", "-q")


def _place(folder: Path, world: Sandbox) -> Place:
    place = Place(folder, world.url, in_flight=IN_FLIGHT)
    for name in ("first", "second"):
        place.write_list(_names(name, ROWS), f"{name}.csv")
    return place


def _refused_output(place: Place, world: Sandbox) -> None:
    done = place.runner(*RUN, "-o", "both.csv")
    same(f"exit code with -o, with {done.out}", done.code, 2)
    same("the error", sorted(json.loads(done.out)["error"]), ["code", "fix", "what", "why"])
    same("sent", received(world), 0)


def _halted(place: Place, world: Sandbox, funds: int) -> None:
    """One refusal speaks for both: neither sends on."""
    done = place.runner(*RUN)
    same(f"exit code, with {done.err}", done.code, 4)
    statuses = _statuses(done)
    same("states", [one["state"] for one in statuses], ["halted", "halted"])
    same("halts", [one["halt"]["code"] for one in statuses], ["INSUFFICIENT_FUNDS"] * 2)
    same("succeeded", sum(one["outcomes"]["succeeded"] for one in statuses), funds)
    same("queued", sum(one["outcomes"]["queued"] for one in statuses), 2 * ROWS - funds)
    late = received(world) - funds - 1
    holds(f"{late} requests left after the first refusal", late < IN_FLIGHT)
    before = received(world)
    same("exit code of a resume without funds", place.runner(*RUN).code, 4)
    same("requests of a resume without funds", received(world) - before, 1)


def _interrupted(place: Place, world: Sandbox) -> None:
    with place.process(*RUN) as process:
        until(lambda: received(world) > 2 * IN_FLIGHT, what="both to be at work")
        process.send(signal.SIGINT)
        done = process.wait()
    same(f"exit code, with {done.err}", done.code, 130)
    statuses = _statuses(done)
    same("states", [(one["state"], one["reason"]) for one in statuses], [("paused", "interrupted")] * 2)
    same("answers stored", sum(one["outcomes"]["succeeded"] for one in statuses), len(world.charged()))
    same("in doubt", sum(one["outcomes"]["in_doubt"] for one in statuses), 0)
    for one in statuses:
        holds(f"{one['batch']} had no turn", one["outcomes"]["succeeded"] > 0)


def _finished(place: Place, world: Sandbox) -> None:
    done = place.runner(*RUN)
    same(f"exit code at the end, with {done.err}", done.code, 0)
    same("states", [one["state"] for one in _statuses(done)], ["completed", "completed"])
    same("charged", sorted(world.charged()), sorted(_names("first", ROWS) + _names("second", ROWS)))
    for name in ("first", "second"):
        same(f"rows of {name}", [row[1] for row in place.rows(f"{name}-defastra-email.csv")[1:]], _names(name, ROWS))


def _statuses(done: Done) -> list[dict[str, Any]]:
    same("lines on stdout", done.out.count("\n"), 1)
    same("schema", done.status["schema"], 1)
    statuses: list[dict[str, Any]] = done.status["batches"]
    return statuses


def _names(who: str, count: int) -> list[str]:
    return [f"{who}.{address}" for address in people(count)]


def _answered(world: Sandbox, who: str) -> int:
    return sum(entry["answered_at"] is not None and entry["value"].startswith(who) for entry in world.ledger())
