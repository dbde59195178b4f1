"""What a user would otherwise write to load a list and to export it, each in a process of its own; see `rows.py`.

python benchmarks/loops.py raw|naive FILE DATABASE
python benchmarks/loops.py csv DATABASE FILE
python benchmarks/loops.py query|accepted DATABASE
python benchmarks/loops.py claim DATABASE
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

BATCH = 10_000
OPERATIONS = ("defastra.email", "defastra.phone")


def _open(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def raw(source: str, database: str) -> None:
    """The cells into a table, and nothing else."""
    connection = _open(database)
    connection.execute("CREATE TABLE cells (a, b, c, d, e, f, g, h)")
    with Path(source).open(newline="", encoding="utf-8") as stream:
        reader = csv.reader(stream)
        next(reader)
        piece: list[list[str]] = []
        for row in reader:
            piece.append(row)
            if len(piece) == BATCH:
                _insert(connection, {"INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?)": piece})
                piece = []
        _insert(connection, {"INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?)": piece})


def naive(source: str, database: str) -> None:
    """The row as JSON and a job for each distinct address and number, by the libraries, as their manuals show."""
    import email_validator
    import phonenumbers

    connection = _open(database)
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, cells TEXT NOT NULL)")
    connection.execute(
        "CREATE TABLE jobs (id INTEGER PRIMARY KEY, row INTEGER NOT NULL, operation TEXT NOT NULL, key TEXT NOT NULL,"
        " value TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'queued', UNIQUE (operation, key))"
    )
    connection.execute("CREATE INDEX queued ON jobs (state, id)")
    rows: list[tuple[Any, ...]] = []
    jobs: list[tuple[Any, ...]] = []
    statements = {
        "INSERT INTO rows VALUES (?, ?)": rows,
        "INSERT OR IGNORE INTO jobs (row, operation, key, value) VALUES (?, ?, ?, ?)": jobs,
    }
    with Path(source).open(newline="", encoding="utf-8") as stream:
        for number, row in enumerate(csv.DictReader(stream), 1):
            rows.append((number, json.dumps(row)))
            try:
                address = email_validator.validate_email(row["email"].strip(), check_deliverability=False)
                if address.ascii_email:
                    jobs.append((number, OPERATIONS[0], address.ascii_email.lower(), address.ascii_email))
            except email_validator.EmailNotValidError:
                pass
            try:
                phone = phonenumbers.parse(row["phone"])
                # As a whole number: `is_possible_number` lets through what can be dialled only in a place.
                if phonenumbers.is_possible_number_with_reason(phone) == phonenumbers.ValidationResult.IS_POSSIBLE:
                    key = phonenumbers.format_number(phone, phonenumbers.PhoneNumberFormat.E164)
                    jobs.append((number, OPERATIONS[1], key, key[1:]))
            except phonenumbers.NumberParseException:
                pass
            if len(rows) == BATCH:
                _insert(connection, statements)
                rows.clear()
                jobs.clear()
        _insert(connection, statements)


def _insert(connection: sqlite3.Connection, statements: dict[str, Any]) -> None:
    connection.execute("BEGIN")
    for statement, lines in statements.items():
        connection.executemany(statement, lines)
    connection.execute("COMMIT")


def export_query() -> str:
    """The columns of our export, each expanded by SQLite."""
    from runner.providers.loader import load_shipped

    profile = load_shipped("defastra")
    chosen = [f"r.cells ->> {place}" for place in range(8)]
    joins = ""
    for number, key in enumerate(OPERATIONS):
        columns = profile.operations[key.partition(".")[2]].columns
        chosen += [f"o{number}.result ->> '$.{name}'" for name in columns]
        chosen += [f"o{number}.{name}" for name in ("state", "reason", "debited", "attempts", "finished_at")]
        joins += (
            f" LEFT JOIN v_outcomes AS o{number} ON o{number}.batch = b.name AND o{number}.row = r.number"
            f" AND o{number}.operation = '{key}'"
        )
    return f"SELECT {', '.join(chosen)} FROM rows AS r JOIN batches AS b ON b.id = r.batch {joins} ORDER BY r.number"


def export_csv(database: str, target: str) -> None:
    """The csv module fed by that query."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    with Path(target).open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(connection.execute(export_query()))


def accepted(database: str) -> None:
    """By operation: how many values, and a hash over what they are told apart by and what would be sent."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found = {}
    for operation in OPERATIONS:
        digest, count = hashlib.sha256(), 0
        for line in connection.execute("SELECT key, value FROM jobs WHERE operation = ? ORDER BY key", (operation,)):
            digest.update("\0".join(line).encode() + b"\n")
            count += 1
        found[operation] = (count, digest.hexdigest()[:16])
    print(json.dumps(found))


def claim(database: str) -> None:
    """How long the first claim of a run takes, in milliseconds."""
    import anyio

    from runner.domain.model import MILLION
    from runner.domain.states import BatchEvent
    from runner.engine.ports import Claim
    from runner.store import open_store
    from runner.system import SystemClock

    clock = SystemClock()

    async def first() -> float:
        with open_store(Path(database), clock=clock) as store:
            batch = store.reports.batches()[0].id
            run = store.steering.start_run(pid=1, host="here", version="0", options={})
            store.steering.change(batch, BatchEvent.START, run=run)
            async with store.writing():
                began = time.perf_counter()
                now = clock.now_us()
                claimed = await store.jobs.claim(
                    Claim(
                        run=run, batch=batch, operations=OPERATIONS, limit=50, now_us=now, lease_until_us=now + MILLION
                    )
                )
                took = time.perf_counter() - began
                assert len(claimed) == 50
            store.steering.end_run(run, exit_code=0)
            return took

    print(f"{anyio.run(first) * 1000:.2f}")


def main() -> None:
    """One of them."""
    match sys.argv[1:]:
        case ["raw", source, database]:
            raw(source, database)
        case ["naive", source, database]:
            naive(source, database)
        case ["csv", database, target]:
            export_csv(database, target)
        case ["query", _]:
            print(export_query())
        case ["accepted", database]:
            accepted(database)
        case ["claim", database]:
            claim(database)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
