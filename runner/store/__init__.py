"""Durable truth in one SQLite file: batches, rows, jobs, attempts, answers, and the public views over them.

Importing this package loads no database library; `open_store` does. `runner.store.values` holds what goes in and out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from runner.engine.faultpoints import FaultPoint, no_fault
from runner.engine.ports import Clock

if TYPE_CHECKING:
    from runner.store.store import Store


def open_store(
    path: Path,
    *,
    clock: Clock,
    inline: bool = False,
    create: bool = True,
    fault_point: FaultPoint = no_fault,
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
    gather_seconds: Callable[[], float] | None = None,
) -> Store:
    """Open the database at `path`; create it 0600 (its folder 0700) if it is missing and `create` is true.

    An older file is backed up beside itself and upgraded. `inline` writes on the event loop's thread, for virtual time;
    `fault_point` is called at named moments of each commit, `connect` opens the file, `gather_seconds` says how long an
    inline writer gathers before each commit (None: not at all), all for simulations.
    Raises SchemaError (newer, or not a runner database), StoreError, and UsageError when `create` is false and nothing
    is there. Call it before taking the database lock: an upgrade takes that lock itself.
    """
    from runner.store.store import Store

    return Store.open(
        path,
        clock=clock,
        inline=inline,
        create=create,
        fault_point=fault_point,
        connect=connect,
        gather_seconds=gather_seconds,
    )
