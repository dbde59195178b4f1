"""A cap that many requests run into at once, and runs that must not run beside each other."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.proofs.place import NO_LIMITS, RUN, Place, Process, draw, holds, people, received, same, until
from tests.sandbox.process import Sandbox, sandbox

CAP, ROWS, IN_FLIGHT = 100, 160, 32
SLOW_SECONDS = 1.0


def caps(folder: Path, *, seed: int, rounds: int) -> str:
    """`--max-requests 100`: never 101 at the server, whatever goes wrong on the way; the same command sends none."""
    chance, fewer = draw(seed), 0
    for number in range(rounds):
        faults = chance.choice((0.0, 0.0, 0.1))
        with sandbox(
            limits=NO_LIMITS, latency_seconds=(0.0, chance.uniform(0.0, 0.06)), faults=faults, seed=seed + number
        ) as world:
            place = Place(folder / str(number), world.url, in_flight=IN_FLIGHT, retry="{ base = 0.01, cap = 0.05 }")
            place.write_list(people(ROWS))
            done = place.runner(*RUN, "--max-requests", str(CAP), "--json", "-q")
            same(f"exit code, with {done.err}", done.code, 5)
            same("state", (done.status["state"], done.status["reason"]), ("paused", "max-requests"))
            same("requests at the server", received(world), CAP)
            holds("more in flight than allowed", world.summary()["most_in_flight"] <= IN_FLIGHT)
            again = place.runner(*RUN, "--json", "-q")
            same("the same command again: exit code, requests", (again.code, received(world)), (5, CAP))
            fewer += bool(faults)
    return f"{rounds} x {IN_FLIGHT} in flight, {fewer} of them with faults: {CAP} requests each, never {CAP + 1}"


def locks(folder: Path, *, seed: int, rounds: int) -> str:
    """A second run on a database or an account: exit 7 naming the first, before any request; `--wait` queues."""
    for number in range(rounds):
        with sandbox(limits=NO_LIMITS, seed=seed + number) as world:
            first = Place(folder / f"first{number}", world.url, in_flight=2)
            others = [
                Place(folder / f"{name}{number}", world.url, in_flight=2, runtime=first.runtime)
                for name in ("refused", "queued")
            ]
            first.write_list(people(4))
            for place in others:
                place.write_list(["other@example.com"])
            _beside_each_other(first, *others, world=world)
    return f"{rounds} x same database, same account: exit 7 with the first one's pid, 0 requests; --wait queued"


def _beside_each_other(first: Place, second: Place, third: Place, *, world: Sandbox) -> None:
    world.next([{"delay_seconds": SLOW_SECONDS}])
    with first.process(*RUN, "-q") as running:
        until(lambda: received(world) == 1, what="the first request")
        running.send(signal.SIGSTOP)  # it holds its locks for as long as the others need to look at them
        with third.process(*RUN, "--wait", "60s", "-q") as queued:
            _refused("database", first, running)
            _refused("account", second, running)
            same("requests while the first was at work", received(world), 1)
            holds("the one that waits did not", not queued.ended)
            running.send(signal.SIGCONT)
            same("exit code of the first", running.wait().code, 0)
            same("exit code of the one that waited", queued.wait().code, 0)
    values = sorted(entry["value"] for entry in world.ledger())
    same("requests in all", values, ["other@example.com", *people(4)])


def _refused(what: str, second: Place, running: Process) -> None:
    refused = second.runner(*RUN, "--json")
    same(f"exit code on the same {what}, with {refused.err}", refused.code, 7)
    same("error", refused.status["error"]["code"], "busy")
    pid = f"process {running.pid},"
    holds(f"{what}: {pid} is not in {refused.err}", pid in refused.err and pid in refused.out)
