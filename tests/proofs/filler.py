"""Another program with a table: it inserts people, one transaction after the other, until its time is over.

`python -m tests.proofs.filler FILE SECONDS PER_SECOND SEED`
"""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

TABLE = "CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT NOT NULL, at REAL NOT NULL)"
BURST = 5


def fill(path: Path, *, seconds: float, per_second: float, seed: int) -> None:
    """Keys in no order, as a UUID's; `at` is the monotonic clock. A tenth of the people are there twice."""
    chance, number = Random(seed), 0
    until = time.monotonic() + seconds
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        while time.monotonic() < until:
            with connection:
                for _ in range(chance.randint(1, BURST)):
                    number += chance.random() > 0.1 or not number
                    key = f"{chance.randrange(16**12):012x}"
                    values = (key, f"person{number}@example.com", time.monotonic())
                    connection.execute("INSERT INTO people VALUES (?, ?, ?)", values)
            time.sleep(chance.uniform(0, 2) * (1 + BURST) / 2 / per_second)


def main() -> None:
    """As a process."""
    path, seconds, per_second, seed = sys.argv[1:]
    fill(Path(path), seconds=float(seconds), per_second=float(per_second), seed=int(seed))


if __name__ == "__main__":
    main()
