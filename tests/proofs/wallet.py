"""A wallet that ends in the middle: what is charged, what still leaves, what waits, and how it goes on."""

from __future__ import annotations

from pathlib import Path

from tests.proofs.place import NO_LIMITS, RUN, Place, draw, holds, people, received, same
from tests.sandbox.process import Sandbox, sandbox

ROWS, FUNDS, IN_FLIGHT = 200, 50, 8
REFUSED = "insufficient-funds"


def wallet(folder: Path, *, seed: int, rounds: int) -> str:
    """Exactly the funds are charged, nothing fails, one probe a resume, and after a top-up the same command ends it."""
    chance, late = draw(seed), 0
    for number in range(rounds):
        most = chance.uniform(0.0, 0.08)
        with sandbox(wallet=FUNDS, limits=NO_LIMITS, latency_seconds=(0.0, most), seed=seed + number) as world:
            place = Place(folder / str(number), world.url, in_flight=IN_FLIGHT)
            place.write_list(people(ROWS))
            late = max(late, _halted(place, world))
            _probed(place, world)
            world.top_up(ROWS)
            done = place.runner(*RUN, "--json", "-q")
            same("exit code after the top-up", (done.code, done.status["outcomes"]["succeeded"]), (0, ROWS))
            summary = world.summary()
            same("charged, twice", (summary["charged"], summary["charged_twice"]), (ROWS, 0))
    return f"{rounds} x {ROWS} rows, {FUNDS} funded: {late} sent after the first refusal at most, 1 a resume"


def _halted(place: Place, world: Sandbox) -> int:
    done = place.runner(*RUN, "--json")
    rules = [entry["rule"] for entry in world.ledger()]
    late = len(rules) - rules.index(REFUSED) - 1
    holds(f"{late} requests left after the first refusal", late < IN_FLIGHT)
    same("exit code", done.code, 4)
    same("charged", world.summary()["charged"], FUNDS)
    outcomes = done.status["outcomes"]
    expected = {"succeeded": FUNDS, "failed": 0, "in_doubt": 0, "queued": ROWS - FUNDS, "running": 0, "cancelled": 0}
    same("outcomes", outcomes, expected)
    same("attempts spent", place.number("SELECT sum(attempts_spent) FROM v_outcomes WHERE state = 'queued'"), 0)
    same("halt", (done.status["state"], done.status["halt"]["code"]), ("halted", "INSUFFICIENT_FUNDS"))
    for words in ("INSUFFICIENT_FUNDS", "Top it up", "runner run"):
        holds(f"stderr does not say {words!r}: {done.err}", words in done.err)
    return late


def _probed(place: Place, world: Sandbox) -> None:
    """Without a top-up each resume asks once, and is as well off as before."""
    for _ in range(2):
        before = received(world)
        done = place.runner(*RUN, "--json", "-q")
        same("exit code of a resume without funds", done.code, 4)
        same("requests of a resume without funds", received(world) - before, 1)
        same("rows waiting after it", done.status["outcomes"]["queued"], ROWS - FUNDS)
