"""Storms of signals: Ctrl-C, SIGTERM and a closed terminal, several in a moment, at any time of a command's life."""

from __future__ import annotations

import os
import select
import signal
import time
from pathlib import Path
from random import Random

from tests.proofs.books import OPEN, Books
from tests.proofs.moments import wait_for_a_moment
from tests.proofs.place import Done, Process, holds, pause, same
from tests.proofs.stories import OVER, drawn, play, story

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAVED = frozenset({130, 143})
CUT_OFF = frozenset(-number for number in NUMBERS)  # the machine's own way: before Python, or after the command, is up
END_SECONDS = 35.0  # the deadline of a request, and five more


def storms(folder: Path, *, seed: int, storms: int, of_each: int = 20) -> str:
    """Bursts of 1 to 5: one alone leaves nothing in doubt, and whatever they leave the same command ends."""
    books = play(folder, _stormed, seed=seed, strikes=storms, of_each=of_each)
    books.check_seen(storms, "in_doubt", "twice")
    return f"{storms} storms, {books}"


def _stormed(folder: Path, seed: int, most: int) -> tuple[int, Books]:
    chance, done = Random(seed), 0
    with story(folder, drawn(chance, strikes=most), seed=seed) as told:
        for _ in range(most):
            with told.place.process(*told.command()) as process:
                wait_for_a_moment(told, process, chance)
                sent = _burst(process, chance)
                died = _end(process, f"{[number.name for number in sent]} to {told.command()}")
                ended = process.wait()
            what = f"the end after {[number.name for number in sent]}: exit {ended.code}, {ended.err}"
            holds(what, ended.code in SAVED | CUT_OFF | OVER or interrupted_early(ended))
            holds(what, "unexpected error" not in ended.err)
            if len(sent) == 1 and ended.code > 0:
                same(f"open after one signal, {what}", told.place.query(OPEN), [])
            done += bool(sent)
            told.died(died)
        return done, told.end()


def interrupted_early(ended: Done) -> bool:
    """Whether Ctrl-C came while Python itself was starting: it says so in its own words, and nothing was begun."""
    return ended.code == 1 and ended.err.rstrip().endswith("KeyboardInterrupt")


def _end(process: Process, what: str) -> float:
    """When it was over, to the millisecond: what was answered until then was answered to it."""
    if process.ended:
        return time.monotonic()
    descriptor = os.pidfd_open(process.pid)
    try:
        over = select.select([descriptor], [], [], END_SECONDS)[0]
    finally:
        os.close(descriptor)
    holds(f"still at work {END_SECONDS:g} s after {what}: {process.said}", bool(over))
    return time.monotonic()


def _burst(process: Process, chance: Random) -> list[signal.Signals]:
    """What was sent to it before it was over."""
    sent = []
    for _ in range(chance.randint(1, 5)):
        if process.ended:
            break
        number = chance.choice(NUMBERS)
        process.send(number)
        sent.append(number)
        pause(chance.choice((0.0, chance.uniform(0.0, 0.05))))
    return sent
