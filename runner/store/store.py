"""The store as one object: what `open_store` returns."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from runner.domain.model import BatchId, RunId
from runner.domain.person import Person
from runner.engine.faultpoints import FaultPoint, no_fault
from runner.engine.ports import Clock, JobStore
from runner.engine.stop import StopSignal
from runner.errors import StalledError, StorageFullError, StoreError
from runner.store.aftermath import kept_notices
from runner.store.answered import Answered
from runner.store.cut_off import missing_bytes
from runner.store.database import Connect, Database
from runner.store.forecast import Forecast
from runner.store.halting import halt_run
from runner.store.jobs import SqlJobStore
from runner.store.journal import ensure_write_ahead_log
from runner.store.loading import Loading
from runner.store.migrate import Prepared, prepare
from runner.store.reports import Reports
from runner.store.snapshot import Snapshot, snapshot
from runner.store.steering import Steering
from runner.store.tellings import Tellings
from runner.store.values import Trouble
from runner.store.writer import GatherSeconds, Writer

if TYPE_CHECKING:
    from runner.store.erasing import Erased
    from runner.store.purging import Purged


class Store:
    """One open database. All its parts are plain calls but `jobs`, which works inside `writing()` only."""

    path: Path
    is_new: bool  # created by this call: nothing paid earlier is known here
    backup_path: Path | None  # where the copy of an older file is, if it was upgraded
    jobs: JobStore
    loading: Loading
    reports: Reports
    forecast: Forecast
    steering: Steering
    tellings: Tellings
    answered: Answered

    def __init__(
        self,
        path: Path,
        *,
        prepared: Prepared,
        clock: Clock,
        inline: bool,
        fault_point: FaultPoint,
        attached: Path | None,
        connect: Connect,
        gather_seconds: GatherSeconds | None,
    ) -> None:
        self.path = path
        self._clock = clock
        self.is_new = prepared.is_new
        self.backup_path = prepared.backup
        self._database = Database(path, attached=attached, fault_point=fault_point, connect=connect)
        self._writer = Writer(
            self._database.writer_engine, path, inline=inline, fault_point=fault_point, gather_seconds=gather_seconds
        )
        self.jobs = SqlJobStore(self._writer)
        self.loading = Loading(self._database, clock)
        self.reports = Reports(self._database)
        self.forecast = Forecast(self._database)
        self.steering = Steering(self._database, clock)
        self.tellings = Tellings(self._database, clock)
        self.answered = Answered(self._database, clock)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        clock: Clock,
        inline: bool = False,
        create: bool = True,
        fault_point: FaultPoint = no_fault,
        attached: Path | None = None,
        connect: Connect = sqlite3.connect,
        gather_seconds: GatherSeconds | None = None,
    ) -> Self:
        """See `runner.store.open_store`. `attached`: a second database, in which paid answers are looked for."""
        prepared = prepare(path, clock=clock, create=create, connect=connect)
        return cls(
            path,
            prepared=prepared,
            clock=clock,
            inline=inline,
            fault_point=fault_point,
            attached=attached,
            connect=connect,
            gather_seconds=gather_seconds,
        )

    @asynccontextmanager
    async def writing(
        self, *, stop: StopSignal | None = None, tell: Callable[[Trouble], None] = lambda _: None
    ) -> AsyncGenerator[None]:
        """Run the writer inside the current event loop; leaving waits until everything submitted is committed.

        Once `stop` is set, another program that holds the database is not waited for much longer. `tell` is told what
        keeps the database from being written. StoreError, also at the end: it could not be written, and where the
        answers are that came in spite of that.
        """
        failure: StoreError | None = None
        with ExitStack() as undo:
            self._writer.start(tell)
            if stop is not None:
                undo.callback(stop.listen(self._writer.hurry))
            try:
                yield
            except StoreError as error:
                failure = error
            except StalledError as error:
                if error.of_store:
                    self._writer.abandon()
                raise
            finally:
                await self._writer.stop()
        failure = failure or self._writer.failure
        if failure is not None:
            raise self._writer.account(failure) from failure

    def halt(self, run: RunId, error: StorageFullError) -> StorageFullError:
        """A full disk ended a run: end it on record, its batches halted for that. After `writing`, under the database
        lock.

        Returns the error to raise: it knows whether that could be recorded, and where the answers are now.
        """
        failure = self._writer.failure
        writable = failure is None or isinstance(failure, StorageFullError)  # not after an fsync that failed
        ended = partial(halt_run, self._database, run, reason=error.code, exit_code=error.exit_code)
        if writable and ended(now_us=self._clock.now_us()):
            cause = error.__cause__  # as `writing` raises it: without the answers that were kept outside until now
            return cause if isinstance(cause, StorageFullError) else error
        return StorageFullError(
            error.what, why=f"{error.why}; that the run ended so could not be recorded either", fix=error.fix
        )

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """One moment of the database, for questions whose answers have to agree."""
        return snapshot(self._database)

    def prepare_to_write(self) -> None:
        """A copy that was put in the place of a database is made one again, whose writer waits for no reader.

        Before anything else is written. StoreError: that cannot be done here, or now.
        """
        ensure_write_ahead_log(self._database)

    def notices(self) -> list[str]:
        """What people should know of the files beside the database: answers that wait, lines that are no use."""
        return kept_notices(self._database)

    def missing_bytes(self) -> int:
        """How much of the end of the file is gone; 0: nothing is, or nothing can be said."""
        return missing_bytes(self._database)

    def backup(self, target: Path) -> Path:
        """Copy the database, beside a run if need be, to a new file of mode 0600; StoreError if `target` exists."""
        self._database.backup(target)
        return target

    def erase(self, person: Person) -> Erased:
        """Erase one person, under the database lock. BatchError: a request about them is in doubt, or a list is being
        read. `compact` afterwards."""
        from runner.store.erasing import erase  # only who removes something pays for it

        return erase(self._database, person, now_us=self._clock.now_us())

    def purge(self, *, before_us: int, batch: BatchId | None = None) -> Purged:
        """Remove answers and events of batches that were over before a moment, under the database lock. `compact`
        afterwards."""
        from runner.store.purging import purge

        return purge(self._database, before_us=before_us, batch=batch, now_us=self._clock.now_us())

    def compact(self) -> None:
        """Write the file anew, without what was removed. StoreError: another program reads it; StorageFullError."""
        from runner.store.scrubbing import compact

        compact(self._database)

    def close(self) -> None:
        """End the writer, if it is still at work; safe to call twice."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
