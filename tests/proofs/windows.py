"""The true limits over real HTTP: two lists on one account, a kill and a restart in the middle, an exact log behind."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.proofs.place import Place, Windows, draw, holds, pause, people, received, same, until
from tests.sandbox.process import Sandbox, sandbox

RUN = ("run", "first.csv", "second.csv", "-p", "defastra.email", "-q")


def windows_real(
    folder: Path, *, seed: int, windows: Windows, latency: tuple[float, float], share: float, at: str = "strict"
) -> str:
    """Not one refusal in three of the longest windows and more, and in each whole one before the kill and from one
    after it on at least `share` of what the limit allows. The longest comes first."""
    at_most, seconds = windows[0]
    chance = draw(seed)
    with sandbox(limits=windows, latency_seconds=latency, seed=seed) as world:
        place = Place(folder, world.url, limits=windows, in_flight=5, more=f'pace = "{at}"\n')
        for name in ("first", "second"):
            rows = people(3 * at_most)
            place.write_list([f"{name}-{value}" for value in rows], f"{name}.csv")
        with place.process(*RUN):
            _pass(world, chance.uniform(1.05, 1.35) * seconds)
        killed_at = _times(world)[-1]
        with place.process(*RUN) as process:
            _pass(world, killed_at - _times(world)[0] + 2.05 * seconds)
            holds(f"the run ended by itself: {process.said}", not process.ended)
            process.send(signal.SIGINT)
            same(f"exit code, with {process.said}", process.wait(seconds=120).code, 130)
        refused = [(entry["number"], entry["rule"]) for entry in world.ledger() if entry["rule"] != "success"]
        same("refusals", refused, [])
        worst = [window["worst"] for window in world.summary()["windows"]]
        holds(f"worst {worst} of {windows}", all(most <= n for most, (n, _) in zip(worst, windows, strict=True)))
        times = _times(world)
        before = sum(killed_at - seconds < at <= killed_at for at in times)
        after = sum(killed_at + seconds < at <= killed_at + 2 * seconds for at in times)
    holds(f"{before} before the kill and {after} after it, of {at_most}", min(before, after) >= share * at_most)
    said = ", ".join(f"{most} of {n} in {w:g} s" for most, (n, w) in zip(worst, windows, strict=True))
    return (
        f"{at}: {len(times)} requests, 0 refused, at worst {said}; "
        f"{before} of {at_most} in the window before the kill, {after} in the second one after it"
    )


def _times(world: Sandbox) -> list[float]:
    """When each request came, in seconds on the server's clock."""
    return [float(entry["received_at"]) for entry in world.ledger()]


def _pass(world: Sandbox, seconds: float) -> None:
    """Until a request came so long after the first."""
    until(lambda: received(world) > 0, what="the first request")
    looks = 0
    while (missing := seconds - ((times := _times(world))[-1] - times[0])) > 0:
        looks += 1
        holds(f"no request for long, {missing:.1f} s before the end", looks < 200)
        pause(max(0.2, missing / 2))
