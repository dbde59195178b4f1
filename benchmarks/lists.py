"""A list as people have them, and a database with the outcomes of its requests: what `rows.py` measures with.

python benchmarks/lists.py list ROWS FILE
python benchmarks/lists.py answer DATABASE
"""

from __future__ import annotations

import csv
import json
import random
import sqlite3
import sys
from pathlib import Path

FIRST = [
    "ada",
    "ben",
    "cleo",
    "dario",
    "eva",
    "finn",
    "gita",
    "hugo",
    "iris",
    "jon",
    "kaya",
    "lars",
    "mia",
    "nils",
    "olga",
    "paul",
    "quinn",
    "rosa",
    "sven",
    "tara",
]
LAST = [
    "smith",
    "jones",
    "lopez",
    "khan",
    "meyer",
    "rossi",
    "dubois",
    "silva",
    "novak",
    "kim",
    "tanaka",
    "ivanova",
    "haddad",
    "okafor",
]
DOMAINS = ("example.com", "mail.example.org", "post.example.net", "acme-corp.com", "firma.de", "ltd.co.uk")
CITIES = ("Paris", "Berlin", "München", "London")
HEADER = ("id", "first", "last", "company", "email", "phone", "city", "note")


def write_list(rows: int, target: Path) -> None:
    """E-mail, phone and six other columns; a few values come twice.

    Of 200 e-mails four have capitals, two have spaces around them, two are none, two are blank and one has an
    international domain; of 100 phones three have spaces in them and one is none.
    """
    chance = random.Random(7)
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number in range(1, rows + 1):
            first, last = chance.choice(FIRST), chance.choice(LAST)
            company = f"{last.title()} & Co, Ltd" if chance.random() < 0.2 else f"{last.title()} GmbH"
            note = "met at the fair" if chance.random() < 0.5 else ""
            email, phone = _email(chance, first, last), _phone(chance)
            writer.writerow([number, first.title(), last.title(), company, email, phone, chance.choice(CITIES), note])


def _email(chance: random.Random, first: str, last: str) -> str:
    email = f"{first}.{last}{chance.randrange(10**7)}@{chance.choice(DOMAINS)}"
    kind = chance.random()
    if kind < 0.02:
        return email.title()
    if kind < 0.03:
        return f" {email} "
    if kind < 0.04:
        return email.replace("@", " at ")
    if kind < 0.05:
        return ""
    return f"{first}.{last}@société.example.org" if kind < 0.055 else email


def _phone(chance: random.Random) -> str:
    country, digits = chance.choice((("1212", 7), ("336", 8), ("49151", 8), ("447", 9)))
    phone = f"+{country}{chance.randrange(10**digits):0{digits}}"
    kind = chance.random()
    if kind < 0.03:
        return f"{phone[:3]} {phone[3:6]} {phone[6:]}"
    return phone[:6] if kind < 0.04 else phone


def answer(database: Path) -> None:
    """Give nine of ten jobs a result, one of a hundred a failure, as a run would have left them."""
    connection = sqlite3.connect(database, isolation_level=None)
    triggers = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall())
    for name in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    connection.create_function("result_of", 2, _result, deterministic=True)
    connection.execute("BEGIN")
    ended = (
        "attempts = 1, attempts_spent = 1, requests = 1, http_status = 200, finished_us = 1795000000123456 + id * 997"
    )
    connection.execute(
        f"UPDATE jobs SET state = 'succeeded', reason = 'success', final = 1, debits = 1, amount = 1000000, {ended},"
        " result = result_of(operation, id) WHERE id % 10 <> 0"
    )
    connection.execute(
        f"UPDATE jobs SET state = 'failed', reason = 'unknown-error', final = 1, {ended} WHERE id % 100 = 0"
    )
    connection.execute("COMMIT")
    for text in triggers.values():
        connection.execute(text)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _result(operation: str, job: int) -> str:
    common = {
        "risk_level": ("low", "medium", "high")[job % 3],
        "risk_score": job % 100,
        "signals": ["EMAIL_DISPOSABLE"] if job % 2 else [],
        "profiles_registered_count": job % 9,
        "profiles_registered": ["example_mail", "example_shop"][: job % 3],
        "profiles_error_count": 0,
        "request_id": f"req-{job:012}",
        "wallet": 10**8 - job,
    }
    if operation.endswith("email"):
        own = {"deliverability": "deliverable", "creation_date": "2019-04-02", "data_breaches_count": job % 5}
        return json.dumps(common | own | {"domain": "example.com"}, separators=(",", ":"))
    own = {"carrier": {"main_mobile_carrier_list": ["Example Mobile"]}, "location": {"country": "US"}, "os": "android"}
    return json.dumps(common | own, separators=(",", ":"))


def main() -> None:
    """One of the two."""
    match sys.argv[1:]:
        case ["list", rows, target]:
            write_list(int(rows), Path(target))
        case ["answer", database]:
            answer(Path(database))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
