"""How long the report of a batch takes, how large it is, and in how much memory it is made.

    python benchmarks/report.py [--jobs 1000 100000 1000000]

Each size in a process of its own. One provider at 60 a minute, answers after 0.2 to 1.4 s; one in a hundred fails by
one of twelve rules, one in a thousand is in doubt, one cell in two hundred is refused; a wait every twenty minutes.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

import runner

START_US = 1_795_000_000_000_000
SECOND = 1_000_000
CHOSEN = random.Random(7)


def attempts(jobs: list[int]) -> Iterator[tuple[object, ...]]:
    """One attempt for each job, a second after the one before."""
    for place, job in enumerate(jobs):
        at = START_US + place * SECOND
        action = "fail" if place % 100 == 7 else "retry" if place % 1_000 == 3 else "succeed"
        debited = {"fail": "no", "retry": "unknown", "succeed": "yes"}[action]
        took = round(CHOSEN.uniform(0.2, 1.4) * SECOND)
        status = None if action == "retry" else 200
        fault = "no-answer" if action == "retry" else None
        amount = 0 if debited == "no" else SECOND
        yield (job, at, f"id-{job}", at + took, status, fault, f"rule-{place % 12}", action, debited, amount)


def fill(path: Path, jobs: int) -> None:
    """The batch as a night would have left it, written behind the runner's back: a million requests take days."""
    listed = path.with_suffix(".csv")
    values = (f"person{number}@example.com" if number % 200 else '""' for number in range(jobs))
    listed.write_text("\n".join(["email", *values, ""]))
    with runner.open(path) as r:
        r.load(listed, ["defastra.email"], batch="leads")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute(
            "INSERT INTO runs (id, started_us, ended_us, exit_code, pid, host, version, options)"
            " VALUES (1, ?, ?, 3, 1, '', '', '{}')",
            (START_US, START_US + jobs * SECOND),
        )
        known = [job for (job,) in database.execute("SELECT id FROM jobs ORDER BY id")]
        database.executemany(
            "INSERT INTO attempts (job, batch, run, operation, provider, account, number, opened_us, within_us,"
            " client_request_id, method, path, unit, held, closed_us, http_status, fault, rule, action, debited,"
            " amount) VALUES (?1, 1, 1, 'defastra.email', 'defastra', 'a', 1, ?2, 1, ?3, '', '', 'check', 1000000,"
            " ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            attempts(known),
        )
        database.execute("UPDATE jobs SET state = 'running', run = 1")
        database.execute(
            "UPDATE jobs SET run = NULL, final = 1, http_status = 200, attempts = 1, requests = 1, error_message = ?,"
            " (state, reason) = (SELECT CASE action WHEN 'fail' THEN 'failed' WHEN 'retry' THEN 'in_doubt'"
            " ELSE 'succeeded' END, rule FROM attempts WHERE job = jobs.id)",
            ("The specified email is not valid. " * 3,),
        )
        minutes = range(0, jobs // 60, 20)
        told = [("batch.running", None, 0), *(("lane.gated", "defastra", minute) for minute in minutes)]
        told += [("lane.limited", "defastra", minute + 1) for minute in minutes]
        database.executemany(
            "INSERT INTO events (at_us, run, batch, lane, event, detail) VALUES (?, 1, 1, ?, ?, ?)",
            [
                (START_US + minute * 60 * SECOND, lane, event, json.dumps({"reason": "slow"} if lane else {}))
                for event, lane, minute in sorted(told, key=lambda one: one[2])
            ],
        )


def most_kilobytes() -> int:
    """The most memory of this process so far. What `getrusage` says is of the parent too."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def measure(path: Path) -> None:
    """One report: size, time, memory of this process at its most."""
    with runner.open(path) as r:
        r.status("leads")
        before = most_kilobytes()
        page, began = io.StringIO(), time.perf_counter()
        r.report("leads", page)
        seconds = time.perf_counter() - began
    most = most_kilobytes()
    size = len(page.getvalue().encode())
    print(f"{size / 1000:8.1f} kB {seconds:8.2f} s {(most - before) / 1024:8.1f} MB more, {most / 1024:.1f} MB in all")


def main() -> None:
    """Each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure is not None:
        measure(given.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        for jobs in given.jobs:
            path = Path(folder) / f"{jobs}.db"
            fill(path, jobs)
            print(f"{jobs:9,} rows ", end="", flush=True)
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    main()
