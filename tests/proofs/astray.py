"""The database is moved or replaced under a run, or its log or that one's index is deleted, while another program may
have the file open: the run ends, and no answer in hand is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

from tests.proofs.books import Books
from tests.proofs.place import Process, holds, pause, received, same
from tests.proofs.stories import OVER, Setting, Story, play, story

GONE = 1
BESIDE = {"log": "runner.db-wal", "index": "runner.db-shm"}
WORDS = {"log": "was deleted", "index": "was deleted", "moved": "was moved away", "replaced": "was replaced"}
LOOK_SECONDS = 0.005
LATENCY_SECONDS = (0.01, 0.06)
ROWS_A_STRIKE = 40


def astray(folder: Path, *, seed: int, strikes: int, of_each: int = 4, side_by_side: int = 4) -> str:
    """At any moment while requests are on the way; what was moved is put back before the same command runs again."""
    books = play(folder, _astray, seed=seed, strikes=strikes, of_each=of_each, side_by_side=side_by_side)
    books.check_seen(strikes, "put_back")
    return f"{strikes} times, {books}"


def _astray(folder: Path, seed: int, most: int) -> tuple[int, Books]:
    chance, done = Random(seed), 0
    setting = Setting(
        provider=chance.choice(("defastra", "defastra", "defendis")),
        rows=ROWS_A_STRIKE * most,
        in_flight=chance.choice((1, 4, 16)),
        latency_seconds=LATENCY_SECONDS,
    )
    with story(folder, setting, seed=seed) as told:
        for _ in range(most):
            how = chance.choice(tuple(WORDS))
            with told.place.process(*told.command()) as process:
                _wait_for_requests(told, process, chance)
                with _viewer(folder, chance):
                    struck = not process.ended and _strike(how, folder)
                    ended = process.wait()
            _put_back(folder)
            holds(f"exit {ended.code}: {ended.err}", ended.code in OVER | ({GONE} if struck else set()))
            if ended.code == GONE:
                holds(f"{how} is not named: {ended.err}", WORDS[how] in ended.err)
                done += 1
            elif ended.code in OVER:
                break
        books = told.end()
        same("requests in doubt", books.in_doubt, 0)
        return done, books


@contextmanager
def _viewer(folder: Path, chance: Random) -> Iterator[None]:
    """Half of the time another program has the file open, idle: then the run is not the last to close it."""
    if chance.random() < 0.5:
        yield
        return
    database = f"{(folder / 'runner.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(database, uri=True, isolation_level=None)) as viewer:
        viewer.execute("SELECT count(*) FROM batches").fetchone()
        yield


def _wait_for_requests(told: Story, process: Process, chance: Random) -> None:
    """Some more of them; or until the command is over."""
    goal = received(told.world) + chance.randint(1, ROWS_A_STRIKE // 2)
    while not process.ended and received(told.world) < goal:
        pause(LOOK_SECONDS)


def _strike(how: str, folder: Path) -> bool:
    """False: it had just ended, and its log with it."""
    database = folder / "runner.db"
    if how in BESIDE:
        try:
            database.with_name(BESIDE[how]).unlink()
        except FileNotFoundError:
            return False
        return True
    database.rename(folder / "away.db")
    if how == "replaced":
        shutil.copyfile(folder / "away.db", database)
    return True


def _put_back(folder: Path) -> None:
    away = folder / "away.db"
    if away.exists():
        away.replace(folder / "runner.db")
