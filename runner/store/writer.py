"""The one writer of a run: pieces are queued in order, and everything that waits is committed together.

A piece is a pure database function: it may be run twice (the group is done again, each piece in its savepoint, when one
of them fails) and touches nothing but its connection. Pieces of one kind are handed to their function together, so that
fifty attempts cost as many statements as one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import sqlalchemy as sa

from runner.engine.ports import FaultPoint
from runner.errors import StorageFullError, StoreError
from runner.store.database import ends_transaction, store_error

T = TypeVar("T")
A = TypeVar("A")
Piece = Callable[[sa.Connection], T]
Many = Callable[[sa.Connection, Sequence[A]], Sequence[T]]
"""Does the same for each argument and answers one by one; raises if any of them cannot be done."""

WINDOW_SECONDS: Final = 0.002
GatherSeconds = Callable[[], float]
"""How long an inline writer gathers before its next commit."""

BUSY_PIECES: Final = 24
"""After a group of more pieces than this (a dozen jobs) the next one is given the window to gather: a group costs its
statements and its commit whatever is in it. With fewer, waiting costs more than it saves: at 10 in flight a third."""


class _Waiting(NamedTuple):
    piece: Piece[Any]  # does it alone
    future: asyncio.Future[Any]
    many: Many[Any, Any] | None = None  # does it together with others of its kind
    argument: Any = None


class _Done(NamedTuple):
    value: Any = None
    error: BaseException | None = None


class Writer:
    """Group commit in one thread, or `inline`: on the event loop's thread, for virtual time; each piece at once, or
    with `gather_seconds` all that came within the time it says."""

    def __init__(
        self,
        engine: sa.Engine,
        path: Path,
        *,
        inline: bool,
        fault_point: FaultPoint,
        gather_seconds: GatherSeconds | None = None,
    ) -> None:
        self._engine = engine
        self._path = path
        self._inline = inline
        self._fault_point = fault_point
        self._gather_seconds = gather_seconds
        self._gathered: list[_Waiting] = []
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sa.Connection | None = None
        self._thread: threading.Thread | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._ending = threading.Event()
        self._dead: StoreError | None = None

    def start(self) -> None:
        """Begin to write for the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._queue = queue.SimpleQueue()
        self._ending.clear()
        self._dead = None
        if self._inline:
            self._connection = self._engine.connect()
            return
        self._stopped = self._loop.create_future()
        # A daemon: a second signal must not wait for it, and dying inside a transaction is what it is built for.
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what was submitted, then end; a cancelled caller too leaves nothing uncommitted behind."""
        try:
            if self._thread is not None and self._stopped is not None:
                self._end()
                await asyncio.shield(self._stopped)
        finally:
            self.close()

    def close(self) -> None:
        """End without waiting for the event loop; what was queued is committed first. Safe to call twice."""
        if self._thread is not None:
            self._end()
            self._thread.join()
            self._thread = None
        if self._connection is not None:
            self._commit_gathered()
            self._connection.close()
            self._connection = None
        self._loop = None

    def _end(self) -> None:
        self._queue.put(None)
        self._ending.set()

    def submit(self, piece: Piece[T]) -> asyncio.Future[T]:
        """Queue a piece; the future ends after its commit. Cancelling the future changes nothing.

        It ends with the piece's own error, alone, or StoreError / StorageFullError for the whole group.
        """
        future: asyncio.Future[T] = self._future()
        self._enqueue(_Waiting(piece, future))
        return future

    def submit_to(self, many: Many[A, T], argument: A) -> asyncio.Future[T]:
        """Queue one argument for a function that does many at once. Within a group all of these come before the
        pieces of `submit`; otherwise as `submit`."""
        future: asyncio.Future[T] = self._future()
        self._enqueue(_Waiting(lambda connection: many(connection, (argument,))[0], future, many, argument))
        return future

    def _future(self) -> asyncio.Future[Any]:
        if self._loop is None:
            raise StoreError(
                "the store is not open for writing",
                why="its writer was not started, or has ended",
                fix="run the same command again: it goes on from what is stored",
            )
        return self._loop.create_future()

    def _enqueue(self, waiting: _Waiting) -> None:
        if self._dead is not None:
            waiting.future.set_exception(self._dead)
        elif self._connection is not None:
            self._gathered.append(waiting)
            if self._gather_seconds is None:
                self._commit_gathered()
            elif len(self._gathered) == 1 and self._loop is not None:
                self._loop.call_later(self._gather_seconds(), self._commit_gathered)
        else:
            self._queue.put(waiting)

    def _commit_gathered(self) -> None:
        """The inline writer's turn."""
        group, self._gathered = self._gathered, []
        if group and self._connection is not None:
            _deliver(list(zip(group, self._write(self._connection, group), strict=True)))

    def _work(self) -> None:
        """The thread: take all that waits, commit it, tell the loop once; until told to end, or dead."""
        group: list[_Waiting] = []
        busy = False
        try:
            with self._engine.connect() as connection:
                ending = False
                while not ending:
                    group, ending = self._take(gather=busy)
                    busy = len(group) > BUSY_PIECES
                    if group:
                        self._tell(group, self._write(connection, group))
                    group = []
        except BaseException as error:  # whatever ends this thread must reach those who wait
            self._dead = self._dead or _died(error)
            self._refuse(group)
        finally:
            self._on_loop(_finish, self._stopped)

    def _take(self, *, gather: bool = False) -> tuple[list[_Waiting], bool]:
        """All that waits, once there is something and, with `gather`, the window is over; and whether it is the end."""
        group: list[_Waiting] = []
        waiting = self._queue.get()
        if gather:
            self._ending.wait(WINDOW_SECONDS)
        while waiting is not None:
            group.append(waiting)
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, connection: sa.Connection, group: Sequence[_Waiting]) -> list[_Done]:
        """One transaction for all. After a failed COMMIT nothing is known of the disk: the writer is dead."""
        if self._dead is not None:
            return [_Done(error=self._dead)] * len(group)
        committing = False
        try:
            self._fault_point("before-begin")
            results = self._run(connection, group)
            self._fault_point("before-commit")
            committing = True
            connection.commit()
            self._fault_point("after-commit")
        except sa.exc.DBAPIError as error:
            connection.rollback()
            connection.connection.rollback()  # a COMMIT that failed is over for SQLAlchemy, but not for SQLite
            failure = store_error(error, self._path)
            if committing:
                self._dead = failure
            return [_Done(error=failure)] * len(group)
        except BaseException as error:
            self._dead = _died(error)
            connection.rollback()
            raise
        return results

    def _run(self, connection: sa.Connection, group: Sequence[_Waiting]) -> list[_Done]:
        connection.begin()
        try:
            return _run_together(connection, group)
        except Exception as error:  # a failing piece, whatever its error, fails alone
            connection.rollback()
            if len(group) == 1:
                return [_Done(error=self._of_piece(error))]
        # Savepoints cost every piece two statements, so they are taken only when a group has a bad one.
        connection.begin()
        return [self._run_alone(connection, waiting.piece) for waiting in group]

    def _run_alone(self, connection: sa.Connection, piece: Piece[Any]) -> _Done:
        savepoint = connection.begin_nested()
        try:
            value = piece(connection)
        except Exception as error:  # as above
            if ends_transaction(error):
                raise
            savepoint.rollback()
            return _Done(error=self._of_piece(error))
        savepoint.commit()
        return _Done(value)

    def _of_piece(self, error: Exception) -> Exception:
        return store_error(error, self._path) if isinstance(error, sa.exc.DBAPIError) else error

    def _tell(self, group: list[_Waiting], results: list[_Done]) -> None:
        self._on_loop(_deliver, list(zip(group, results, strict=True)))

    def _refuse(self, group: list[_Waiting]) -> None:
        """Answer what was taken and, until the end is asked for, whatever else is queued."""
        while True:
            self._tell(group, [_Done(error=self._dead)] * len(group))
            group, ending = self._take()
            if ending:
                self._tell(group, [_Done(error=self._dead)] * len(group))
                return

    def _on_loop(self, callback: Callable[[Any], None], argument: Any) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(callback, argument)
        except RuntimeError:
            # The loop is closed: the run was torn down, nobody waits any more, and what was committed stays committed.
            return


def _run_together(connection: sa.Connection, group: Sequence[_Waiting]) -> list[_Done]:
    kinds: dict[Many[Any, Any], list[int]] = {}
    for position, waiting in enumerate(group):
        if waiting.many is not None:
            kinds.setdefault(waiting.many, []).append(position)
    done: dict[int, _Done] = {}
    for many, positions in kinds.items():
        results = many(connection, [group[position].argument for position in positions])
        done.update((position, _Done(result)) for position, result in zip(positions, results, strict=True))
    for position, waiting in enumerate(group):
        if waiting.many is None:
            done[position] = _Done(waiting.piece(connection))
    return [done[position] for position in range(len(group))]


def _deliver(group: list[tuple[_Waiting, _Done]]) -> None:
    for waiting, done in group:
        if waiting.future.done():  # its waiter was cancelled
            continue
        if done.error is not None:
            waiting.future.set_exception(done.error)
        else:
            waiting.future.set_result(done.value)


def _finish(stopped: asyncio.Future[None] | None) -> None:
    if stopped is not None and not stopped.done():
        stopped.set_result(None)


def _died(error: BaseException) -> StoreError:
    if isinstance(error, StorageFullError):
        return error
    return StoreError(
        "the database can no longer be written",
        why=f"its writer stopped: {type(error).__name__}",
        fix="run the same command again: it recovers what was open",
    )
