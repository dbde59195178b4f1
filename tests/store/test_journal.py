"""A copy with a rollback journal: read as it is, and made ready before it is written to."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.errors import StoreError
from runner.store import open_store
from tests.store.world import HandClock, loaded, query


def _without_shared_memory(name: str, **options: Any) -> sqlite3.Connection:
    """SQLite on a file system that offers locks but no shared memory, as some networks do."""
    connection: sqlite3.Connection = sqlite3.connect(f"{name}&vfs=unix-dotfile", **options)
    return connection


@pytest.fixture
def copy(tmp_path: Path, clock: HandClock) -> Path:
    """What `runner db backup` writes."""
    with open_store(tmp_path / "a.db", clock=clock, inline=True) as store:
        loaded(store)
        return store.backup(tmp_path / "copy.db")


def test_a_copy_is_made_ready_once(copy: Path, clock: HandClock) -> None:
    """Opened, it stays as it is; the file remembers the log from then on."""
    with open_store(copy, clock=clock, create=False) as store:
        assert query(copy, "PRAGMA journal_mode") == [("delete",)]
        store.prepare_to_write()
        store.prepare_to_write()
    assert query(copy, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.skipif(sys.platform == "win32", reason="the file system is one of SQLite's for Unix")
def test_where_the_log_cannot_be_had_a_copy_is_only_read(copy: Path, clock: HandClock) -> None:
    """Nothing is written there: the writer would wait for every reader."""
    with open_store(copy, clock=clock, create=False, connect=_without_shared_memory) as store:
        assert len(store.reports.batches()) == 1
        with pytest.raises(StoreError) as refused:
            store.prepare_to_write()
    assert refused.value.what == "copy.db cannot be used here"
    assert refused.value.fix == "put the database on a local disk: --db PATH"
    assert query(copy, "PRAGMA journal_mode") == [("delete",)]
