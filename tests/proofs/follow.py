"""A table that another process keeps filling, and a run that follows it, killed on the way: each key sent once, every
outcome in the other table."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.proofs.books import OPEN, Books, compare
from tests.proofs.filler import TABLE
from tests.proofs.place import NO_LIMITS, ROOT, Place, Process, holds, pause, received, same, until
from tests.sandbox.process import Sandbox, sandbox

BATCH = "people"
LIST = ("--from", "people", "--source", "sqlite:///crm.db", "--key", "id", "--batch", BATCH)
FOLLOW = ("run", *LIST, "-p", "defastra.email", "--follow", "--poll", "1s", "--to-table", "scored")
KEPT = ("-o", f"{BATCH}.csv", "-q")
SETTLED = ("succeeded", "in_doubt")
SCORED = "SELECT id, defastra_email_state FROM scored"


def follow(folder: Path, *, seed: int, seconds: float, kills: int, per_second: float = 20.0) -> str:
    """For so long rows come in bursts, their keys in no order, a tenth of the people twice."""
    chance = Random(seed)
    with sandbox(limits=NO_LIMITS, latency_seconds=(0.02, 0.3), seed=seed) as world:
        place = Place(folder / "place", world.url)
        query(place, TABLE)
        deaths: dict[str, float] = {}
        with filling(place, seconds=seconds, per_second=per_second, seed=seed) as filler:
            for number in range(kills):
                with place.process(*FOLLOW, *KEPT) as process:
                    _strike(world, process, filler, within=chance.uniform(0.0, seconds / (kills + 1)))
                    for (name,) in place.query(OPEN):
                        deaths.setdefault(name, time.monotonic())
                    killed = process.popen.returncode == -signal.SIGKILL
                    holds(f"kill {number} found the run over: {process.said}", killed)
            with place.process(*FOLLOW, *KEPT) as process:
                until(lambda: filler.poll() is not None, what="the last row", seconds=seconds + 60)
                until(lambda: process.ended or _is_scored(place), what="every outcome in the table", seconds=60)
                process.send(signal.SIGTERM)
                done = process.wait()
                same(f"exit code: {done.err}", done.code, 143)
        books = _check(place, world, deaths)
        return f"{kills} kills in {seconds:g} s, {books}; {_lag(place, world)}"


@contextmanager
def filling(place: Place, *, seconds: float, per_second: float, seed: int) -> Iterator[subprocess.Popen[bytes]]:
    """The other process."""
    command = [sys.executable, "-m", "tests.proofs.filler", str(place.folder / "crm.db")]
    command += [str(seconds), str(per_second), str(seed)]
    filler = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        yield filler
    finally:
        filler.kill()
        filler.wait()


def query(place: Place, sql: str) -> list[tuple[Any, ...]]:
    """Of the user's database; nothing where a table is not there yet."""
    with closing(sqlite3.connect(place.folder / "crm.db", timeout=30)) as connection, connection:
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError as error:
            holds(str(error), "no such table" in str(error))
            return []


def _strike(world: Sandbox, process: Process, filler: subprocess.Popen[bytes], *, within: float) -> None:
    """Once it sends, and a drawn moment later; in any case when nothing more will come."""
    before = received(world)
    until(lambda: received(world) > before or filler.poll() is not None, what="a request")
    pause(within)
    process.popen.kill()
    process.popen.wait()


def _is_scored(place: Place) -> bool:
    states = Counter(state for _, state in query(place, SCORED))
    people: int = query(place, "SELECT count(*) FROM people")[0][0]
    return sum(states[state] for state in SETTLED) == people


def _check(place: Place, world: Sandbox, deaths: dict[str, float]) -> Books:
    people = dict(query(place, "SELECT id, email FROM people"))
    stored = place.query("SELECT key, cells ->> '$[1]' FROM rows ORDER BY number")
    same("rows of the batch", dict(stored), people)
    same("keys of the batch, each once", len(stored), len(people))
    books = compare(place, world, {BATCH: [email for _, email in stored]}, deaths=deaths)
    books.check()
    states = """
    SELECT r.key, v.state FROM rows AS r JOIN v_outcomes AS v ON v.batch = 'people' AND v."row" = r.number
    """
    same("states in the table", dict(query(place, SCORED)), dict(place.query(states)))
    sent = Counter(entry["value"] for entry in world.ledger())
    holds(f"sent twice: {[value for value, count in sent.items() if count > 1]}", max(sent.values()) == 1)
    return books


def _lag(place: Place, world: Sandbox) -> str:
    """How long a row waits for its request, kills and all."""
    came: dict[str, float] = {}
    for email, at in query(place, "SELECT email, min(at) FROM people GROUP BY email"):
        came[email] = at
    waits = sorted(entry["received_at"] - came[entry["value"]] for entry in world.ledger())
    middle, late = (waits[int(len(waits) * share)] for share in (0.5, 0.95))
    return f"sent {middle:.1f} s after a row came (median), 95 % within {late:.1f} s"
