"""Limits as narrow as Defastra's, a server that keeps an exact log, jitter, and a kill in the middle: no refusal."""

from __future__ import annotations

from pathlib import Path

from tests.proofs.place import RUN, Place, Windows, draw, holds, people, received, same, until
from tests.sandbox.process import Sandbox, sandbox

LATENCY_SECONDS = (0.02, 0.12)


def pace(folder: Path, *, seed: int, rounds: int, rows: int, windows: Windows) -> str:
    """Not one request too many in any window, although the second run knows the first one's only from the database.

    The longest window comes first; it must outlast a restart, or there is nothing to remember.
    """
    chance, worst = draw(seed), [0] * len(windows)
    for number in range(rounds):
        with sandbox(limits=windows, latency_seconds=LATENCY_SECONDS, seed=seed + number) as world:
            place = Place(folder / str(number), world.url, limits=windows, in_flight=5)
            place.write_list(people(rows))
            _kill_after(place, world, chance.randrange(windows[0][0] // 2, rows * 3 // 4))
            done = place.runner(*RUN, "--in-doubt", "resend-once", "-q", seconds=300)
            same(f"exit code, with {done.err}", done.code, 0)
            refused = [(entry["number"], entry["rule"]) for entry in world.ledger() if entry["rule"] != "success"]
            same("refusals", refused, [])
            found = [window["worst"] for window in world.summary()["windows"]]
            holds(f"worst windows {found} of {windows}", all(f <= w for f, (w, _) in zip(found, windows, strict=True)))
            worst = [max(pair) for pair in zip(worst, found, strict=True)]
    limits = ", ".join(f"{most} of {n} in {w:g} s" for most, (n, w) in zip(worst, windows, strict=True))
    return f"{rounds} x {rows} rows with a kill -9: 0 refusals; at worst {limits}"


def _kill_after(place: Place, world: Sandbox, requests: int) -> None:
    with place.process(*RUN, "-q") as process:
        until(lambda: received(world) >= requests or process.ended, what=f"{requests} requests")
        holds(f"the run ended before {requests} requests: {process.said}", not process.ended)
