"""The example list, from a file and from a table: every row back in order, each distinct value sent once."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from tests.proofs.place import NO_LIMITS, ROOT, Done, Place, same
from tests.sandbox.process import sandbox

OPERATIONS = ("-p", "defastra.email", "-p", "defastra.phone")
OWN = ("id", "email", "phone", "country", "note")
SENT = {"defastra.email": 17, "defastra.phone": 15}  # counted by hand
STATES = {
    "defastra_email_state": {"succeeded": 18, "invalid": 2},
    "defastra_phone_state": {"succeeded": 17, "invalid": 3},
}
OF_ONE_REQUEST = ("_request_id", "_wallet", "_checked_at", "_attempts")  # differ from run to run, or may


def example(folder: Path, *, seed: int, rounds: int = 1) -> str:
    """The same rows from CSV and from SQL give the same results, counted as by hand."""
    for number in range(rounds):
        from_file = _from_file(folder / f"file{number}", seed + number)
        from_table = _from_table(folder / f"table{number}", seed + number)
        same("result columns from a table", _results(from_table), _results(from_file))
    return f"{rounds} x 2 runs of 20 rows, 32 requests each"


def _from_file(folder: Path, seed: int) -> list[dict[str, str]]:
    with sandbox(limits=NO_LIMITS, latency_seconds=(0.0, 0.02), seed=seed) as world:
        place = Place(folder, world.url)
        shutil.copyfile(ROOT / "jobs.example.csv", folder / "list.csv")
        done = place.runner("run", "list.csv", *OPERATIONS, "--json", "-q", "-o", "result.csv")
        _check_counts(done, Counter((entry["operation"], entry["value"]) for entry in world.ledger()))
    given = (ROOT / "jobs.example.csv").read_text(encoding="utf-8")
    rows = _read(folder / "result.csv")
    same("own columns", [[row[name] for name in OWN] for row in rows], list(csv.reader(given.splitlines()))[1:])
    for column, counts in STATES.items():
        same(column, Counter(row[column] for row in rows), counts)
    return rows


def _from_table(folder: Path, seed: int) -> list[dict[str, str]]:
    with sandbox(limits=NO_LIMITS, latency_seconds=(0.0, 0.02), seed=seed) as world:
        place = Place(folder, world.url)
        with closing(sqlite3.connect(folder / "crm.db")) as crm, crm:
            crm.execute(f"CREATE TABLE leads ({', '.join(f'{name} TEXT' for name in OWN)})")
            rows = [[row[name] for name in OWN] for row in _read(ROOT / "jobs.example.csv")]
            crm.executemany("INSERT INTO leads VALUES (?, ?, ?, ?, ?)", reversed(rows))
        where = ("--from", "leads", "--source", f"sqlite:///{folder / 'crm.db'}", "--key", "id", "--batch", "leads")
        done = place.runner("run", *where, *OPERATIONS, "--json", "-q", "-o", "result.csv")
        _check_counts(done, Counter((entry["operation"], entry["value"]) for entry in world.ledger()))
    return _read(folder / "result.csv")


def _check_counts(done: Done, sent: Counter[tuple[str, str]]) -> None:
    same(f"exit code, with {done.err}", done.code, 0)
    status = done.status
    same("rows", status["rows"], 20)
    same("not sent", status["not_sent"], 5)
    same("requests by operation", Counter(operation for operation, _ in sent), SENT)
    same("values sent more than once", [value for value, count in sent.items() if count > 1], [])
    same("outcomes", status["outcomes"]["succeeded"], sum(SENT.values()))


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _results(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if not name.endswith(OF_ONE_REQUEST)} for row in rows]
