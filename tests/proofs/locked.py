"""Another program holds the database's write lock: nothing is sent meanwhile, and no answer that came is lost."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.proofs.books import Books
from tests.proofs.moments import wait_for_a_moment
from tests.proofs.place import Place, Process, holds, pause, same
from tests.proofs.stories import OVER, Story, drawn, play, story
from tests.proofs.storms import interrupted_early

SHORTEST_SECONDS = 0.1
SAVED = frozenset({130, 143})
GIVEN_UP = 1  # the lock was held longer than a command waits that is not a run, or than a stopped run does
FREED_SECONDS = 60.0


class Span(NamedTuple):
    """One hold of the lock."""

    since: float  # monotonic
    until: float
    known: frozenset[str]  # client request ids of the attempts that were committed before it


def locked(
    folder: Path, *, seed: int, locks: int, longest_seconds: float, of_each: int = 5, side_by_side: int = 6
) -> str:
    """Held for 0.1 s to the longest, at any moment; now and then Ctrl-C comes meanwhile."""

    def act(own: Path, drawn_seed: int, most: int) -> tuple[int, Books]:
        return _locked(own, drawn_seed, most, longest_seconds)

    books = play(folder, act, seed=seed, strikes=locks, of_each=of_each, side_by_side=side_by_side)
    books.check_seen(locks, "put_back")
    return f"{locks} holds of {SHORTEST_SECONDS:g} to {longest_seconds:g} s, {books}; nothing sent meanwhile"


def _locked(folder: Path, seed: int, most: int, longest_seconds: float) -> tuple[int, Books]:
    chance, done = Random(seed), 0
    spans: list[Span] = []
    with story(folder, drawn(chance, strikes=most), seed=seed) as told:
        for _ in range(most):
            with told.place.process(*told.command()) as process:
                wait_for_a_moment(told, process, chance)
                seconds = SHORTEST_SECONDS * (longest_seconds / SHORTEST_SECONDS) ** chance.random()
                with _held(told.place, chance, spans) as it_is:
                    done += it_is and not process.ended
                    if chance.random() < 0.4:
                        process.send(signal.SIGINT)
                    pause(seconds)
                _check_end(process)
        books = told.end()
        same("requests in doubt", books.in_doubt, 0)
        _check_silence(told, spans)
        return done, books


@contextmanager
def _held(place: Place, chance: Random, spans: list[Span]) -> Iterator[bool]:
    """The lock, while inside; False where there is no database yet."""
    path = place.folder / "runner.db"
    if not path.exists():
        yield False
        return
    with closing(sqlite3.connect(path, isolation_level=None, timeout=FREED_SECONDS)) as connection:
        connection.execute(f"BEGIN {chance.choice(('IMMEDIATE', 'EXCLUSIVE'))}")
        since = time.monotonic()
        there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempts'").fetchone()
        known = connection.execute("SELECT client_request_id FROM attempts").fetchall() if there else []
        yield True
        spans.append(Span(since, time.monotonic(), frozenset(name for (name,) in known)))
        connection.execute("ROLLBACK")


def _check_end(process: Process) -> None:
    ended = process.wait(FREED_SECONDS)
    what = f"exit {ended.code}: {ended.err}"
    holds(what, ended.code in OVER | SAVED | {GIVEN_UP, -signal.SIGINT} and "unexpected error" not in ended.err)
    if ended.code == GIVEN_UP and not interrupted_early(ended):
        holds(f"the lock is not named: {what}", "locked by another program" in ended.err)


def _check_silence(told: Story, spans: list[Span]) -> None:
    """What arrived while the lock was held had its attempt committed before."""
    for entry in told.world.ledger():
        for span in spans:
            meanwhile = span.since < entry["received_at"] < span.until
            what = f"{entry['client_request_id']} left while the database was locked: {span.since} to {span.until}"
            holds(what, not meanwhile or entry["client_request_id"] in span.known)
