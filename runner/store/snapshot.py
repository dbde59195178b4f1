"""Several questions to one moment of the database: their answers agree, whatever a run does meanwhile."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from runner.domain.model import BatchId
from runner.store.database import Database
from runner.store.forecast import Forecast
from runner.store.reader import Held
from runner.store.reporting import Figures, read_figures
from runner.store.reports import Reports


class Readable(Protocol):
    """What can be asked without writing: a store, or one moment of it."""

    @property
    def path(self) -> Path:
        """The database file."""

    @property
    def reports(self) -> Reports:
        """What people and exports read."""

    @property
    def forecast(self) -> Forecast:
        """What a look ahead needs."""


class Snapshot:
    """One moment of a database."""

    def __init__(self, path: Path, held: Held) -> None:
        self.path = path
        self.reports = Reports(held)
        self.forecast = Forecast(held)
        self._held = held

    def figures(self, batch: BatchId, *, until_us: int | None) -> Figures:
        """What the report of a batch draws. Its memory does not grow with the batch."""
        with self._held.reading() as connection:
            return read_figures(connection, batch, until_us=until_us)


@contextmanager
def snapshot(database: Database) -> Generator[Snapshot]:
    """As long as it is open, a run's write-ahead log grows."""
    with database.reading() as connection:
        yield Snapshot(database.path, Held(connection, attached=database.attached))
