"""The one writer of a run: pieces are queued in order, and everything that waits is committed together.

A piece is a pure database function: it may be run twice (the group is done again, each piece in its savepoint, when one
of them fails) and touches nothing but its connection. Pieces of one kind are handed to their function together, so that
fifty attempts cost as many statements as one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import sqlalchemy as sa

from runner.engine.faultpoints import FaultPoint
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


RESCUE_SECONDS: Final = 10.0
"""To keep answers elsewhere when the database hangs: the disk of the other place may hang too."""


class _Run(NamedTuple):
    """What the thread of one run works with: one that was left behind never meets what belongs to the next."""

    queue: queue.SimpleQueue[Waiting | None]
    keeper: Keeper
    loop: asyncio.AbstractEventLoop
    stopped: asyncio.Future[None]
    taken: list[Waiting]  # the group it is at work on


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
        self._run: _Run | None = None  # of the thread
        self._ending = threading.Event()
        self._hurried = threading.Event()
        self._keeper = Keeper(path, fault_point=fault_point, tell=lambda _: None)
        self._locked = False  # the inline writer waits for another program

    def start(self, tell: Tell = lambda _: None) -> None:
        """Begin to write for the running event loop."""
        loop = self._loop = asyncio.get_running_loop()
        self._queue = queue.SimpleQueue()
        self._ending.clear()
        self._hurried.clear()
        self._keeper = Keeper(self._path, fault_point=self._fault_point, tell=partial(self._on_loop, loop, tell))
        self._keeper.start()
        if self._inline:
            self._connection = self._engine.connect()
            return
        self._run = _Run(self._queue, self._keeper, loop, loop.create_future(), [])
        # A daemon: a second signal must not wait for it, and dying inside a transaction is what it is built for.
        self._thread = threading.Thread(target=self._work, args=(self._run,), name="store-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Commit what was submitted, then end; a cancelled caller too leaves nothing uncommitted behind."""
        try:
            if self._thread is not None and self._run is not None:
                self._end()
                await asyncio.shield(self._run.stopped)
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
        """The thread does not come back from the database: it is left to the end of the process, and not waited for.

        The answers it took and those behind them are kept in a file. That it stores some after all does no harm.
        """
        run = self._run
        if self._thread is not None and run is not None:
            left = [*run.taken, *_rest(run.queue)]
            run.queue.put(None)  # should it ever come back
            rescue = threading.Thread(target=run.keeper.keep, args=(left, _hung()), name="store-rescue", daemon=True)
            rescue.start()
            rescue.join(RESCUE_SECONDS)
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

    def _work(self, run: _Run) -> None:
        """The thread: take all that waits, commit it, tell the loop once; until told to end, or dead."""
        busy = False
        try:
            with self._engine.connect() as connection:
                ending = False
                while not ending:
                    group, ending = self._take(run, gather=busy)
                    busy = len(group) > BUSY_PIECES
                    if group:
                        self._tell(run, group, self._write(run.keeper, connection, group))
                    run.taken.clear()
        except BaseException as error:  # whatever ends this thread must reach those who wait
            run.keeper.end(error)
            self._refuse(run)
        finally:
            self._on_loop(run.loop, _finish, run.stopped)

    def _write(self, keeper: Keeper, connection: sa.Connection, group: Sequence[Waiting]) -> list[Done]:
        while True:
            try:
                return keeper.write(connection, group)
            except LockedError:
                if not keeper.may_wait(hurried=self._hurried.is_set()):
                    return keeper.give_up(group)
                self._hurried.wait(PAUSE_SECONDS)

    def _take(self, run: _Run, *, gather: bool = False) -> tuple[list[Waiting], bool]:
        """All that waits, once there is something and, with `gather`, the window is over; and whether it is the end."""
        waiting = run.queue.get()
        if gather:
            self._ending.wait(WINDOW_SECONDS)
        while waiting is not None:
            run.taken.append(waiting)
            try:
                waiting = run.queue.get_nowait()
            except queue.Empty:
                return list(run.taken), False
        return list(run.taken), True

    def _tell(self, run: _Run, group: list[Waiting], results: list[Done]) -> None:
        self._on_loop(run.loop, _deliver, list(zip(group, results, strict=True)))

    def _refuse(self, run: _Run) -> None:
        """Answer what was taken and, until the end is asked for, whatever else is queued."""
        group, ending = list(run.taken), False
        while True:
            self._tell(run, group, run.keeper.keep(group))
            run.taken.clear()
            if ending:
                return
            group, ending = self._take(run)

    def _on_loop(self, loop: asyncio.AbstractEventLoop, callback: Callable[[Any], None], argument: Any) -> None:
        if loop is not self._loop:  # the run is over
            return
        try:
            loop.call_soon_threadsafe(callback, argument)
        except RuntimeError:
            # The loop is closed: the run was torn down, nobody waits any more, and what was committed stays committed.
            return


def _rest(waiting: queue.SimpleQueue[Waiting | None]) -> Iterator[Waiting]:
    """What is still queued."""
    with suppress(queue.Empty):
        while True:
            one = waiting.get_nowait()
            if one is not None:
                yield one


def _hung() -> StoreError:
    return StoreError(
        "the database does not answer",
        why="its writer did not come back from the disk",
        fix="run the same command again, once the disk answers: it recovers what was open",
    )


def _deliver(group: list[tuple[Waiting, Done]]) -> None:
    for waiting, done in group:
        if waiting.future.done():  # its waiter was cancelled
            continue
        if done.error is not None:
            waiting.future.set_exception(done.error)
            waiting.future.exception()  # told: whoever does not wait for it must not hear of it when it is thrown away
        else:
            waiting.future.set_result(done.value)


def _finish(stopped: asyncio.Future[None]) -> None:
    if not stopped.done():
        stopped.set_result(None)
