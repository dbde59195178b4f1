"""The file itself: pages and indexes, references, and the schema as the migrations make it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import sqlalchemy as sa

from runner.store.migrate import pristine
from runner.store.verify.values import Check, Fix, Found, Violation

_OBJECTS: Final = """
SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name
"""
_GUARDS: Final = {
    "table": "what was kept in it is gone or kept in another form",
    "index": "what it kept unique may be there twice",
    "trigger": "what it guards may have been changed, and sums are no longer kept",
    "view": "who reads it is told something else, or nothing",
}


def check_schema(connection: sa.Connection) -> Check:
    """P22: tables, indexes, triggers and views are those of this version; triggers of others would write too."""
    there = _objects(connection)
    found = Found()
    found.take(_schema_violations(_wanted(), there))
    figures = {f"{kind}s".replace("indexs", "indexes"): sum(key[0] == kind for key in there) for kind in _GUARDS}
    return found.check("file", ("P22",), {"bytes": _bytes(connection), **figures})


def _schema_violations(wanted: dict[tuple[str, str], str], there: dict[tuple[str, str], str]) -> Iterator[Violation]:
    for kind, name in wanted:
        if (kind, name) not in there:
            yield Violation(f"the {kind} {name} is missing", _GUARDS[kind], Fix.REPORT)
        elif there[kind, name] != wanted[kind, name]:
            yield Violation(f"the {kind} {name} is not as it was made", _GUARDS[kind], Fix.REPORT)
    for kind, name in there:
        if kind == "trigger" and (kind, name) not in wanted:
            means = "another program had it made, and it may change what is written"
            yield Violation(f"there is a trigger {name} of another's", means, Fix.REPORT)


@cache
def _wanted() -> dict[tuple[str, str], str]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as memory:
        pristine(memory)
        wanted = _objects(memory)
    engine.dispose()
    return wanted


def _objects(connection: sa.Connection) -> dict[tuple[str, str], str]:
    return {(kind, name): " ".join(sql.split()) for kind, name, sql in connection.exec_driver_sql(_OBJECTS)}


def _bytes(connection: sa.Connection) -> int:
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def check_integrity(connection: sa.Connection) -> Check:
    """SQLite's own check: pages, order, indexes against tables, constraints."""
    found = Found()
    lines = (text for text in connection.exec_driver_sql("PRAGMA integrity_check").scalars() if text != "ok")
    found.take(
        Violation(f"SQLite says: {text}", "a part of the file was damaged from outside", Fix.RESTORE) for text in lines
    )
    pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    return found.check("integrity", (), {"pages": pages})


def check_references(connection: sa.Connection) -> Check:
    """No line refers to one that is missing."""
    found = Found()
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check")
    found.take(
        Violation(
            f"a line of {line[0]}{f' ({line[1]})' if line[1] is not None else ''} refers to one of {line[2]} that is"
            " missing",
            "what it belongs to was removed",
            Fix.REPORT,
            job=line[1] if line[0] == "jobs" else None,
            attempt=line[1] if line[0] in ("attempts", "answers") else None,
        )
        for line in broken
    )
    tables = int(connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE type = 'table'").scalar_one())
    return found.check("references", (), {"tables": tables})
