"""The disk runs full at any moment: every answer in hand is kept, and once there is room the same command goes on."""

from __future__ import annotations

import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from tests.proofs.books import Books
from tests.proofs.moments import wait_for_a_moment
from tests.proofs.place import Process, holds, pause, same
from tests.proofs.small_disk import fill, free, on_small_disk, way_to_mount
from tests.proofs.stories import OVER, Story, drawn, play, story

FULL = 4
FAILED = 1
LONGEST_SECONDS = 1.5
TOP_UP_SECONDS = 0.004


def full_disk(folder: Path, *, seed: int, fills: int, of_each: int = 12) -> str:
    """On a disk of a few megabytes, filled by another program; where none can be mounted, and for one in five points
    anyway, the process may write no file any further."""
    way = way_to_mount(folder / "disk")
    limited = fills if way is None else -(-fills // 5)
    books = play(folder / "limited", _limited, seed=seed, strikes=limited, of_each=of_each)
    if way is not None:
        figures = {"seed": seed, "strikes": fills - limited, "of_each": of_each, "beside": str(folder / "beside")}
        books += Books(**on_small_disk(way, folder / "disk", fill_again_and_again, **figures))
    books.check_seen(fills, "put_back")
    how = "of files that may not grow" if way is None else f"of a full disk, {limited} of files that may not grow"
    return f"{fills} points ({fills - limited} {how}), {books}"


def fill_again_and_again(disk: Path, *, seed: int, strikes: int, of_each: int, beside: str) -> dict[str, Any]:
    """The proof on the mounted disk: its books. One folder after the other, for they share the room."""
    act = partial(_filled, beside=Path(beside))
    return asdict(play(disk, act, seed=seed, strikes=strikes, of_each=of_each, side_by_side=1))


def _filled(folder: Path, seed: int, most: int, *, beside: Path) -> tuple[int, Books]:
    chance, done = Random(seed), 0
    disk = folder.parent
    with story(folder, drawn(chance, strikes=most), seed=seed, runtime=beside / folder.name) as told:
        for _ in range(most):
            with told.place.process(*told.command()) as process:
                wait_for_a_moment(told, process, chance)
                done += not process.ended
                hungry = chance.random() < 0.5
                with _full(disk, hungry=hungry):
                    if chance.random() < 0.5:
                        pause(chance.uniform(0.0, LONGEST_SECONDS))
                    else:
                        _check_end(process)
                _check_end(process)
                _check_record(process, told)  # on a full disk nobody could read it
        return done, _end(told)


@contextmanager
def _full(disk: Path, *, hungry: bool) -> Iterator[None]:
    """The disk is full inside. A hungry program takes at once what anybody frees."""
    over = threading.Event()
    fill(disk)

    def eat() -> None:
        while not over.wait(TOP_UP_SECONDS):
            fill(disk)

    eating = threading.Thread(target=eat) if hungry else None
    try:
        if eating is not None:
            eating.start()
        yield
    finally:
        over.set()
        if eating is not None:
            eating.join()
        free(disk)


def _limited(folder: Path, seed: int, most: int) -> tuple[int, Books]:
    """Writing beyond the present size of the database fails in this process, whatever the file: an error of the disk
    that is not "full"."""
    chance, done = Random(seed), 0
    with story(folder, drawn(chance, strikes=most), seed=seed) as told:
        for _ in range(most):
            with told.place.process(*told.command()) as process:
                wait_for_a_moment(told, process, chance)
                done += not process.ended
                _limit(process, _largest(told.place.folder) + chance.randrange(1 << 16))
                _check_end(process)
                _check_record(process, told)
        return done, _end(told)


def _largest(folder: Path) -> int:
    files = [folder / name for name in ("runner.db", "runner.db-wal")]
    return max((path.stat().st_size for path in files if path.exists()), default=0)


def _limit(process: Process, size: int) -> None:
    try:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    except ProcessLookupError:  # it was over first
        return


def _check_end(process: Process) -> None:
    ended = process.wait()
    what = f"exit {ended.code}: {ended.err}"
    holds(what, ended.code in OVER | {FULL, FAILED} and "unexpected error" not in ended.err)
    if ended.code == FULL:
        holds(f"a full disk is not named: {what}", "full" in ended.err)


def _check_record(process: Process, told: Story) -> None:
    ended = process.wait()
    if ended.code == FULL:
        what = f"exit {ended.code}: {ended.err}"
        holds(f"its end is not on record: {what}", not _unended(told, process) or "not be recorded" in ended.err)


def _unended(told: Story, process: Process) -> int:
    """How many runs of the process, which is over, have no end in its database."""
    with closing(sqlite3.connect(told.place.folder / "runner.db", timeout=30)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'v_runs'").fetchone() is None:
            return 0  # the disk was full before there was a run, or a database
        asked = connection.execute("SELECT count(*) FROM v_runs WHERE ended IS NULL AND pid = ?", (process.pid,))
        return int(asked.fetchone()[0])


def _end(told: Story) -> Books:
    books = told.end()
    same("requests in doubt", books.in_doubt, 0)
    return books
