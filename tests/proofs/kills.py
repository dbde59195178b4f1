"""kill -9 at any moment, again and again: nothing is lost, nothing is paid twice unknowingly."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from random import Random

from tests.proofs.books import Books
from tests.proofs.moments import wait_for_a_moment
from tests.proofs.place import holds
from tests.proofs.stories import OVER, drawn, play, story


def kills(folder: Path, *, seed: int, kills: int, of_each: int = 30) -> str:
    """Paid and free operations, one list and several, both policies: at start, load, recovery, sending and export."""
    books = play(folder, _killed, seed=seed, strikes=kills, of_each=of_each)
    books.check_seen(kills, "in_doubt", "gap", "twice", "poisoned")
    return f"{kills} kills, {books}"


def _killed(folder: Path, seed: int, most: int) -> tuple[int, Books]:
    chance, done = Random(seed), 0
    setting = drawn(chance, strikes=most)
    with story(folder, setting, seed=seed) as told:
        for _ in range(most):
            with told.place.process(*told.command()) as process:
                wait_for_a_moment(told, process, chance)
                process.popen.kill()
                died = time.monotonic()
                code = process.popen.wait()
                holds(f"exit {code}: {process.said}", code in OVER | {-signal.SIGKILL})
                done += code < 0
            told.died(died)
        return done, told.end()
