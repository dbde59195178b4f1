"""An event loop whose time is virtual and whose schedule is drawn from a seed.

Any ready callback may run next; waiting moves the clock, at most to the next thing that happens in the world outside;
waiting for nothing is a deadlock, and going on for ever a livelock. Sets of tasks and of cancel scopes are walked in an
order that does not depend on addresses, so that the same seed is the same night in every process.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import random
import sys
import threading
import warnings
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import Any, Final, NoReturn, Protocol, TypeVar

from anyio._backends._asyncio import CancelScope

from tests.simulation.limit import LIMIT

T = TypeVar("T")

RESOLUTION: Final = 1e-6
"""A timer fires so much late, never early: who then finds a float remainder left to wait would wait for ever."""


class DeadlockError(Exception):
    """Every task waits for something that will never come."""


class LivelockError(Exception):
    """The limit of time or of steps was passed: something goes on for ever."""


class NoThreadsError(Exception):
    """Somebody asked for a thread: its timing would be the machine's, not the seed's."""


class CrashError(SystemExit):
    """The process died here. A task lets a SystemExit out of the loop at once, and nobody catches one."""


class Outside(Protocol):
    """What happens whether or not the runner is there."""

    def next_at(self) -> float | None:
        """When something happens next, in seconds of the simulation; None: nothing is pending."""
        ...

    def advance(self, now: float) -> None:
        """Let everything happen that is due until `now`."""
        ...


class SimTask(asyncio.Task[Any]):
    """A task that is hashed in the order of creation."""

    number: int

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class _Ready(collections.deque[Any]):
    """The queue of callbacks; the next one is any of them."""

    def __init__(self, loop: SimLoop, seed: int) -> None:
        super().__init__()
        self._loop = loop
        self._draw = random.Random(seed).random

    def popleft(self) -> Any:
        self._loop.step()
        waiting = len(self)
        if waiting > 1:
            chosen = int(self._draw() * waiting)
            self[0], self[chosen] = self[chosen], self[0]
        return super().popleft()


class _Waiting:
    """In the place of a selector: to wait is to move the clock."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout != 0 or self._loop.is_idle():
            self._loop.pass_time(timeout)
        return []


class SimLoop(BaseEventLoop):
    """One life of the runner. `began_at` is where on the simulation's axis it starts; `time()` goes on from there."""

    def __init__(
        self,
        seed: int,
        *,
        began_at: float = 0.0,
        asleep: float = 0.0,
        outside: Outside | None = None,
        seconds: float = 10 * 86_400.0,
        steps: int = 2_000_000,
        dies_at_step: int | None = None,
        on_death: Callable[[], None] = lambda: None,
    ) -> None:
        """`asleep`: for so long of `began_at` the machine slept; whoever puts it to sleep adds to it, and to `now`.
        `seconds`, `steps`: what is more is a livelock. `dies_at_step`: the process dies before that callback;
        `on_death` cuts it off from the world, before any of its `finally` blocks can run.
        """
        super().__init__()
        self.now = began_at
        self.asleep = asleep
        self.steps = 0
        self.dead: CrashError | None = None
        self._limit = began_at + seconds
        self._most_steps = steps
        self._dies_at_step = dies_at_step
        self._on_death = on_death
        self._outside = outside
        self._numbers = itertools.count(1)
        self._tasks: list[SimTask] = []
        self._ready = _Ready(self, seed)
        self._stopping = False
        self._selector = _Waiting(self)
        self._clock_resolution = 0.0
        self.set_task_factory(self._new_task)  # type: ignore[arg-type]  # it takes more than the protocol says
        self.set_exception_handler(self._remember)
        self.trouble: list[dict[str, Any]] = []

    def time(self) -> float:
        """Seconds on the simulation's axis for which the machine was awake."""
        return self.now - self.asleep

    def is_idle(self) -> bool:
        """Whether nothing can run before time passes."""
        return not self._ready and not self._stopping

    def step(self) -> None:
        """Before each callback: raises what ends this life."""
        LIMIT.step()
        self.steps += 1
        if self.dead is not None:
            raise self.dead
        if self.steps == self._dies_at_step:
            self.die(CrashError(f"step {self.steps}"))
        if self.steps > self._most_steps:
            raise LivelockError(f"{self.steps} steps\n{self.dump()}")

    def die(self, crash: CrashError) -> NoReturn:
        """The process is dead from here on: nothing of it runs again."""
        self.dead = crash
        self._on_death()
        raise crash

    def pass_time(self, timeout: float | None) -> None:
        """Nothing is ready: go to the next timer, or to the next thing outside."""
        outside = self._outside.next_at() if self._outside is not None else None
        if timeout is None and outside is None:
            raise DeadlockError(self.dump())
        target = self.now + timeout + RESOLUTION if timeout is not None else None
        if outside is not None and (target is None or outside < target):
            target = max(outside, self.now)
        assert target is not None
        self.steps += 1
        if self.steps == self._dies_at_step:  # in the middle of a wait: with requests on the wire, mostly
            self._go_to((self.now + target) / 2)
            self.die(CrashError(f"step {self.steps}"))
        self._go_to(target)

    def _go_to(self, target: float) -> None:
        self.now = target
        if self.now > self._limit:
            raise LivelockError(f"at {self.now:.3f} s\n{self.dump()}")
        if self._outside is not None:
            self._outside.advance(self.now)

    def live(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end. Raises what `main` raises, CrashError, DeadlockError, LivelockError; always closes."""
        with _ordered_scopes():
            try:
                result = self.run_until_complete(main)
            except BaseException as error:
                if self.dead is None and not isinstance(error, Exception):
                    self._on_death()
                raise
            finally:
                self._abandon()
            return result

    def dump(self) -> str:
        """Every task that waits, and for what."""
        lines = []
        for task in self._tasks:
            if task.done():
                continue
            frames = [f"{frame.f_code.co_qualname}:{frame.f_lineno}" for frame in _stack(task)]
            lines.append(f"{task.get_name()}: {' > '.join(frames)}")
        return "\n".join(lines)

    def run_in_executor(self, *_: object) -> NoReturn:
        """Refused."""
        raise NoThreadsError

    def call_soon_threadsafe(  # type: ignore[override]  # what it takes cannot be said in this version's types
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """From the loop's own thread, which is the only one, as `call_soon`."""
        if threading.current_thread() is not threading.main_thread():
            raise NoThreadsError
        return self.call_soon(callback, *args, context=context)

    def _process_events(self, _: list[Any]) -> None:
        """There are no files to be told of."""

    def _new_task(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **more: Any) -> SimTask:
        number = next(self._numbers)
        task = _numbered(number, coro, loop=loop, name=f"task {number}", **more)
        self._tasks.append(task)
        if number % 256 == 0:
            self._tasks = [one for one in self._tasks if not one.done()]
        return task

    def _remember(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if self.dead is None:
            self.trouble.append(context)

    def _abandon(self) -> None:
        """What is left is never run again: coroutines are closed here, in order, and not by the garbage collector."""
        self.dead = self.dead or CrashError("over")
        self.close()
        with _untold():
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own name for it
                    _close(task)
            self._tasks.clear()


def _close(task: SimTask) -> None:
    with warnings.catch_warnings(), suppress(BaseException):  # a dead process has nobody to tell
        warnings.simplefilter("ignore", RuntimeWarning)  # one that had not begun yet "was never awaited"
        task.get_coro().close()


@contextmanager
def _untold() -> Iterator[None]:
    """A task group that is closed where it waits to be left asks for the running loop, and there is none."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        yield
    finally:
        sys.unraisablehook = hook


def _numbered(number: int, coro: Coroutine[Any, Any, Any], **more: Any) -> SimTask:
    task = SimTask.__new__(SimTask)
    task.number = number  # asyncio hashes the task while it is made
    task.__init__(coro, **more)  # type: ignore[misc]
    return task


def _stack(task: asyncio.Task[Any]) -> Iterator[Any]:
    waits: Any = task.get_coro()
    while waits is not None and hasattr(waits, "cr_frame"):
        if waits.cr_frame is not None:
            yield waits.cr_frame
        waits = waits.cr_await


def _same(_: object) -> int:
    return 0


@contextmanager
def _ordered_scopes() -> Generator[None]:
    """Cancel scopes are kept in sets, by anyio and by the engine: for this time by insertion, not by address."""
    CancelScope.__hash__ = _same  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        del CancelScope.__hash__
