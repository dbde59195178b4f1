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
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from runner.engine.ports import FaultPoint
from runner.errors import StoreError
from runner.store.group import Done, Many, Piece, Waiting
from runner.store.keeper import PAUSE_SECONDS, Keeper, LockedError
from runner.store.values import Trouble

T = TypeVar("T")
A = TypeVar("A")

WINDOW_SECONDS: Final = 0.002
GatherSeconds = Callable[[], float]
"""How long an inline writer gathers before its next commit."""

BUSY_PIECES: Final = 24
"""After a group of more pieces than this (a dozen jobs) the next one is given the window to gather: a group costs its
statements and its commit whatever is in it. With fewer, waiting costs more than it saves: at 10 in flight a third."""


Tell = Callable[[Trouble], None]
"""Told in the event loop's thread of what keeps the database from being written."""


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
        self._gathered: list[Waiting] = []
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sa.Connection | None = None
        self._thread: threading.Thread | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._ending = threading.Event()
        self._hurried = threading.Event()
        self._keeper = Keeper(path, fault_point=fault_point, tell=lambda _: None)
        self._locked = False  # the inline writer waits for another program

    def start(self, tell: Tell = lambda _: None) -> None:
        """Begin to write for the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._queue = queue.SimpleQueue()
        self._ending.clear()
        self._hurried.clear()
        self._keeper = Keeper(self._path, fault_point=self._fault_point, tell=partial(self._on_loop, tell))
        self._keeper.start()
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
            self.hurry()
            while self._gathered:
                self._commit_gathered()
            self._connection.close()
            self._connection = None
        if self._loop is not None:
            self._keeper.stop()
        self._loop = None

    def abandon(self) -> None:
        """The thread does not come back from the database: it is left to the end of the process, and not waited for."""
        self._thread = self._loop = None

    def account(self, failure: StoreError) -> StoreError:
        """The failure of this run, with what became of the answers on the way. After `stop`."""
        return self._keeper.account(failure)

    @property
    def failure(self) -> StoreError | None:
        """Why the database is written no more; None: it is."""
        return self._keeper.failure

    def _end(self) -> None:
        self._queue.put(None)
        self._ending.set()
        self.hurry()

    def hurry(self) -> None:
        """The run was asked to stop: wait no longer than a moment for another program that holds the database."""
        self._hurried.set()

    def submit(self, piece: Piece[T], *, sends: bool = False) -> asyncio.Future[T]:
        """Queue a piece; the future ends after its commit. Cancelling the future changes nothing.

        It ends with the piece's own error, alone, or StoreError / StorageFullError for the whole group. `sends`: a
        request follows it. The future of a settlement also ends well if the database fails and it is kept elsewhere.
        """
        future: asyncio.Future[T] = self._future()
        self._enqueue(Waiting(piece, future, sends=sends))
        return future

    def submit_to(self, many: Many[A, T], argument: A, *, sends: bool = False) -> asyncio.Future[T]:
        """Queue one argument for a function that does many at once. Within a group all of these come before the
        pieces of `submit`; otherwise as `submit`."""
        future: asyncio.Future[T] = self._future()
        self._enqueue(Waiting(lambda connection: many(connection, (argument,))[0], future, many, argument, sends))
        return future

    def _future(self) -> asyncio.Future[Any]:
        if self._loop is None:
            raise StoreError(
                "the store is not open for writing",
                why="its writer was not started, or has ended",
                fix="run the same command again: it goes on from what is stored",
            )
        return self._loop.create_future()

    def _enqueue(self, waiting: Waiting) -> None:
        if self._connection is None:
            self._queue.put(waiting)
            return
        self._gathered.append(waiting)
        if self._locked:
            return  # behind what waits for another program
        if self._gather_seconds is None:
            self._commit_gathered()
        elif len(self._gathered) == 1 and self._loop is not None:
            self._loop.call_later(self._gather_seconds(), self._commit_gathered)

    def _commit_gathered(self) -> None:
        """The inline writer's turn."""
        group, self._gathered = self._gathered, []
        if not group or self._connection is None:
            return
        try:
            done = self._keeper.write(self._connection, group)
        except LockedError:
            self._locked = self._keeper.may_wait(hurried=self._hurried.is_set())
            if self._locked and self._loop is not None:
                self._gathered = group
                self._loop.call_later(PAUSE_SECONDS, self._commit_gathered)
                return
            done = self._keeper.give_up(group)
        except Exception as error:  # as in the thread: it must reach those who wait
            self._keeper.end(error)
            done = self._keeper.keep(group)
        self._locked = False
        _deliver(list(zip(group, done, strict=True)))

    def _work(self) -> None:
        """The thread: take all that waits, commit it, tell the loop once; until told to end, or dead."""
        group: list[Waiting] = []
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
            self._keeper.end(error)
            self._refuse(group)
        finally:
            self._on_loop(_finish, self._stopped)

    def _write(self, connection: sa.Connection, group: Sequence[Waiting]) -> list[Done]:
        while True:
            try:
                return self._keeper.write(connection, group)
            except LockedError:
                if not self._keeper.may_wait(hurried=self._hurried.is_set()):
                    return self._keeper.give_up(group)
                self._hurried.wait(PAUSE_SECONDS)

    def _take(self, *, gather: bool = False) -> tuple[list[Waiting], bool]:
        """All that waits, once there is something and, with `gather`, the window is over; and whether it is the end."""
        group: list[Waiting] = []
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

    def _tell(self, group: list[Waiting], results: list[Done]) -> None:
        self._on_loop(_deliver, list(zip(group, results, strict=True)))

    def _refuse(self, group: list[Waiting]) -> None:
        """Answer what was taken and, until the end is asked for, whatever else is queued."""
        ending = False
        while True:
            self._tell(group, self._keeper.keep(group))
            if ending:
                return
            group, ending = self._take()

    def _on_loop(self, callback: Callable[[Any], None], argument: Any) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(callback, argument)
        except RuntimeError:
            # The loop is closed: the run was torn down, nobody waits any more, and what was committed stays committed.
            return


def _deliver(group: list[tuple[Waiting, Done]]) -> None:
    for waiting, done in group:
        if waiting.future.done():  # its waiter was cancelled
            continue
        if done.error is not None:
            waiting.future.set_exception(done.error)
            waiting.future.exception()  # told: whoever does not wait for it must not hear of it when it is thrown away
        else:
            waiting.future.set_result(done.value)


def _finish(stopped: asyncio.Future[None] | None) -> None:
    if stopped is not None and not stopped.done():
        stopped.set_result(None)
