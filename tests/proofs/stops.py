"""SIGSTOP and SIGCONT: a run that is frozen and wakes, also long after its requests were due, exceeds no window."""

from __future__ import annotations

import signal
from pathlib import Path
from random import Random

from tests.proofs.books import Books
from tests.proofs.place import Process, holds, pause, same
from tests.proofs.stories import OVER, Setting, Story, play, story

LEAST_SECONDS, MOST_SECONDS = 0.05, 3.0
BETWEEN_SECONDS = 0.6
LIMITS = ((2, 0.1), (30, 3.0))
TIMEOUT_SECONDS = 1.0  # below the longest sleep
LATENCY_SECONDS = (0.02, 0.3)
ROWS_A_STOP = 6


def stops(folder: Path, *, seed: int, stops: int, of_each: int = 25, side_by_side: int = 6) -> str:
    """Frozen for 0.05 to 3 s at any moment; the windows are judged by the provider's own log."""
    books = play(folder, _stopped, seed=seed, strikes=stops, of_each=of_each, side_by_side=side_by_side)
    return f"{stops} stops, {books}; no window exceeded"


def _stopped(folder: Path, seed: int, most: int) -> tuple[int, Books]:
    chance = Random(seed)
    setting = Setting(
        provider=chance.choice(("defastra", "defastra", "defendis")),
        rows=ROWS_A_STOP * most,
        in_flight=chance.choice((2, 8)),
        latency_seconds=LATENCY_SECONDS,
        limits=LIMITS,
        timeout=chance.choice((TIMEOUT_SECONDS, 30.0)),
    )
    with story(folder, setting, seed=seed) as told:
        with told.place.process(*told.command()) as process:
            done = _freeze_again_and_again(process, chance, most)
            ended = process.wait(120)
        holds(f"exit {ended.code}: {ended.err}", ended.code in OVER)
        books = told.end()
        _check_windows(told)
        return done, books


def _freeze_again_and_again(process: Process, chance: Random, most: int) -> int:
    done = 0
    while done < most:
        pause(chance.uniform(0.0, BETWEEN_SECONDS))
        if process.ended:
            break
        process.send(signal.SIGSTOP)
        pause(LEAST_SECONDS * (MOST_SECONDS / LEAST_SECONDS) ** chance.random())
        process.send(signal.SIGCONT)
        done += 1
    return done


def _check_windows(told: Story) -> None:
    summary = told.world.summary()
    for window in summary["windows"]:
        holds(f"a window was exceeded: {window}", window["worst"] <= window["at_most"])
    same("requests refused as too fast", [rule for rule in summary["rules"] if "rate" in rule or "too" in rule], [])
