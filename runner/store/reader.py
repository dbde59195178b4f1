"""Where questions are put: to the database, each in a snapshot of its own, or to one snapshot that is held for many."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa


class Reader(Protocol):
    """What a question needs of a database."""

    @property
    def attached(self) -> Path | None:
        """A second file that is only read."""

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection in one transaction."""


class Held:
    """One open snapshot, for as many questions as there are."""

    def __init__(self, connection: sa.Connection, *, attached: Path | None) -> None:
        self._connection = connection
        self.attached = attached

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """The same connection for each: nothing between two questions can change."""
        yield self._connection
