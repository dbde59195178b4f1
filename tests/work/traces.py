"""A person who is to leave a database, as others spell her, and what is left of her in any file."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

ADA = "Ada.Lovelace@Example.com"
SPELLINGS = [
    ADA,
    ADA.lower(),
    quote(ADA, safe=""),
    quote(ADA.lower(), safe=""),
    ADA.replace("@", "\\u0040"),
    ADA.lower().replace("@", "&#64;"),
]
PHONE = "+33639980123"
NUMBERS = ["33639980123", "+33 6 39 98 01 23", "%2B33639980123", "06 39 98 01 23", "0639980123"]


def left(folder: Path, needles: list[str]) -> list[tuple[str, str]]:
    """Every file with one of these in its bytes, in any case, as UTF-8 or base64."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes().lower()
        for needle in needles:
            plain = needle.lower().encode()
            packed = base64.b64encode(needle.encode()).rstrip(b"=")[:-1].lower()
            found += [(path.name, needle) for one in (plain, packed) if one in content]
    return found


def held(folder: Path) -> bool:
    """Whether the database holds her; two others, whose addresses hold hers, are there."""
    texts = (folder / "runner.db").read_bytes().lower()
    for other in (f"x{ADA}", f"{ADA}.au"):
        assert other.lower().encode() in texts
        texts = texts.replace(other.lower().encode(), b"")
    return any(spelling.lower().encode() in texts for spelling in SPELLINGS)


def outcomes(folder: Path, sql: str = "SELECT * FROM v_outcomes") -> list[dict[str, Any]]:
    """From the public views."""
    with closing(sqlite3.connect(folder / "runner.db")) as file:
        file.row_factory = sqlite3.Row
        return [dict(line) for line in file.execute(sql)]


def ledger(folder: Path) -> list[dict[str, Any]]:
    """What was spent, by day."""
    return outcomes(folder, "SELECT * FROM v_spend ORDER BY day, operation")
