"""The store as one object: what `open_store` returns."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Self

from runner.engine.ports import Clock, JobStore
from runner.store.database import CrashPoint
from runner.store.loading import Loading
from runner.store.reports import Reports
from runner.store.steering import Steering


class Store:
    """One open database. `loading`, `reports` and `steering` are plain calls; `jobs` works inside `writing()` only."""

    path: Path
    is_new: bool  # created by this call: nothing paid earlier is known here
    backup_path: Path | None  # where the copy of an older file is, if it was upgraded
    jobs: JobStore
    loading: Loading
    reports: Reports
    steering: Steering

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        inline: bool = False,
        create: bool = True,
        crash_point: CrashPoint | None = None,
    ) -> Self:
        """See `runner.store.open_store`."""
        raise NotImplementedError

    def writing(self) -> AbstractAsyncContextManager[None]:
        """Run the writer inside the current event loop; leaving waits until everything submitted is committed."""
        raise NotImplementedError

    def backup(self, target: Path) -> Path:
        """Copy the database, beside a run if need be, to a new file of mode 0600; StoreError if `target` exists."""
        raise NotImplementedError

    def close(self) -> None:
        """Close every connection; safe to call twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
