"""A new database and a power cut."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random
from typing import cast

from runner.store import open_store
from tests.powercuts.connection import Connection
from tests.powercuts.disk import Disk, Fate
from tests.powercuts.filesystem import recording
from tests.powercuts.life import NAME
from tests.store.world import HandClock


def test_a_database_is_whole_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    """It is made under another name; when it gets its own, not a byte of it waits for a sync."""
    disk = Disk({})

    def connect(address: str, **_: object) -> sqlite3.Connection:
        opened = Connection(vfs, address, busy_seconds=1, rewrite=str, committing=lambda _: lambda: None)
        return cast(sqlite3.Connection, opened)

    with recording(disk) as vfs, open_store(tmp_path / NAME, clock=HandClock(), connect=connect) as store:
        assert store.is_new
        assert [path.name for path in tmp_path.iterdir()] == [NAME]
    drafts = {step.name for step in disk.steps if step.name.endswith(".new")}
    left = disk.left(len(disk.steps), Fate(chance=Random(1), kept=0.0))
    assert [left[draft] for draft in drafts] == [(tmp_path / NAME).read_bytes()]
