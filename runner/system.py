"""The real world: clock, randomness, ids, signals, other programs, the event loop. The only module that touches the
first four (a lint rule says so)."""

from __future__ import annotations

import asyncio
import base64
import errno
import os
import random
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import FrameType
from typing import Final, ParamSpec, TypeVar

import anyio

from runner.engine.stop import StopSignal
from runner.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")

_WITH_SLEEP_AND_WITHOUT: Final = next(
    (
        (getattr(time, both), getattr(time, awake))
        for both, awake in (("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"), ("CLOCK_MONOTONIC_RAW", "CLOCK_UPTIME_RAW"))
        if hasattr(time, both) and hasattr(time, awake)
    ),
    None,
)
"""Linux, then macOS: of each the clock that counts a suspend, and the one that does not, as `time.monotonic` does not
there. Windows has neither, and needs none: its `time.monotonic` counts the suspend itself."""

_NAP_SECONDS: Final = 0.1
"""A shorter suspend is not counted: two clocks are never read at the same instant. What is not counted is only waited
for once more."""


_GONE_SECONDS: Final = 1.0
"""How long a program that was ended may take to be gone. One of another user's (`sudo`) may not be ended at all."""


class SystemClock:
    """The machine's clocks. `monotonic` is the one the event loop runs on."""

    def __init__(self) -> None:
        self._asleep = 0.0
        self._asleep_before = 0.0
        if _WITH_SLEEP_AND_WITHOUT is not None:
            # Of two clocks that are read one after the other the second is late: here this makes what was slept before
            # too much, below what was slept in all too little. Too little is safe.
            both, awake = _WITH_SLEEP_AND_WITHOUT
            before = time.clock_gettime(awake)
            self._asleep_before = time.clock_gettime(both) - before

    def asleep_seconds(self) -> float:
        """For how long the machine was suspended since this clock was made."""
        if _WITH_SLEEP_AND_WITHOUT is not None:
            both, awake = _WITH_SLEEP_AND_WITHOUT
            in_all = time.clock_gettime(both)
            asleep = in_all - time.clock_gettime(awake) - self._asleep_before
            if asleep - self._asleep >= _NAP_SECONDS:
                self._asleep = asleep
        return self._asleep

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def now_us(self) -> int:
        """UTC, integer microseconds since the epoch."""
        return time.time_ns() // 1000

    async def sleep_until(self, deadline: float) -> None:
        """Return when `monotonic()` has reached `deadline`."""
        await anyio.sleep_until(deadline)


class SystemRandomness:
    """Jitter from a generator seeded by the operating system, ids from its random bytes."""

    def __init__(self) -> None:
        self._random = random.Random(os.urandom(32))  # noqa: S311 - jitter is no secret
        self._bytes = b""

    def uniform(self) -> float:
        """A float in [0, 1)."""
        return self._random.random()

    def attempt_id(self) -> str:
        """16 characters of [a-z2-7]: 80 random bits."""
        if not self._bytes:
            # Many at once: each call to the operating system gives the interpreter lock away.
            self._bytes = os.urandom(10 * 256)
        bits, self._bytes = self._bytes[:10], self._bytes[10:]
        return base64.b32encode(bits).decode("ascii").lower()


EXIT_BY_SIGNAL = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
"""A closed terminal ends a run as a termination does."""


# `timeout` signals the program and then its group, a shell its job beside the terminal's own signal. Nobody has been
# told of the first by then: who means the second has seen what became of it.
_TOGETHER_SECONDS: Final = 0.03


@asynccontextmanager
async def signals(stop: StopSignal, *, last_words: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    """While inside: the first SIGINT, SIGTERM or SIGHUP sets `stop` (reason `signal:<exit code>`), the second ends the
    process at once, after `last_words`, which must not wait; what was on the wire then is found in doubt by the next
    run. One wish is often sent twice: what comes together is one, and a terminal closes once, whoever tells of it.
    """
    async with anyio.create_task_group() as group:
        await group.start(_watch, stop, last_words)
        try:
            yield
        finally:
            group.cancel_scope.cancel()


async def _watch(stop: StopSignal, last_words: Callable[[], None], *, task_status: anyio.abc.TaskStatus[None]) -> None:
    first: float | None = None
    with anyio.open_signal_receiver(*EXIT_BY_SIGNAL) as received:
        came = _arrivals()
        task_status.started()
        async for number in received:
            at = came[number].popleft() if came[number] else first
            if first is None:
                first = time.monotonic() if at is None else at
                await anyio.sleep_until(first + _TOGETHER_SECONDS)
                stop.set(f"signal:{EXIT_BY_SIGNAL[number]}")
            elif number != signal.SIGHUP and at is not None and at - first > _TOGETHER_SECONDS:
                last_words()
                os._exit(EXIT_BY_SIGNAL[number])


def _arrivals() -> Mapping[int, deque[float]]:
    """When signals came, by their numbers: noted at once, however busy the loop is. It is told of them by a descriptor
    of its own, in their order, which that of handlers is not; those that make way here do nothing. Two of a number that
    come within one call of the system may be noted as one."""
    came: dict[int, deque[float]] = {number: deque() for number in EXIT_BY_SIGNAL}

    def note(number: int, _: FrameType | None) -> None:
        came[number].append(time.monotonic())

    for number in EXIT_BY_SIGNAL:
        signal.signal(number, note)
        signal.siginterrupt(number, False)  # as it was
    return came


async def run_program(
    words: Sequence[str], *, stdin: bytes, environment: Mapping[str, str], seconds: float
) -> int | None:
    """Run a program of the user's own, without a shell; its exit code, or None once `seconds` are over: then it is
    ended with all it started, or left behind where it may not be. What it prints goes nowhere. OSError: it cannot be
    started."""
    process = await anyio.open_process(
        list(words),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # a Ctrl-C at the terminal is meant for the run
    )
    try:
        with anyio.move_on_after(seconds):
            await _feed(process, stdin)
            return await process.wait()
        return None
    finally:
        with anyio.move_on_after(_GONE_SECONDS, shield=True), suppress(PermissionError):
            if process.returncode is None:
                _end(process.pid)
            await process.aclose()  # which tries to kill it, once it has waited long enough


async def _feed(process: anyio.abc.Process, data: bytes) -> None:
    if process.stdin is not None:
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):  # it need not read
            await process.stdin.send(data)
        await process.stdin.aclose()


def _end(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(leader, signal.SIGKILL)
        else:
            os.kill(leader, signal.SIGTERM)


def drive(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` in an event loop of its own, which ends with it: a name that is still looked up is left behind.

    UsageError: this thread has a loop at work already, which would stand still.
    """
    if _is_in_loop():
        raise UsageError(
            "a blocking call cannot be made where an event loop is at work",
            why="The loop of this thread, a notebook's for one, would stand still.",
            fix="async with runner.aopen() as r: result = await r.run(batch)",
        )

    async def driven() -> T:
        asyncio.get_running_loop().set_default_executor(_Unawaited())
        return await work()

    return anyio.run(driven)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Unawaited(ThreadPoolExecutor):
    """A thread for each call, which holds up neither the end of the loop nor that of the process. The loop looks names
    up in it, with the system's resolver: that knows no deadline, and a few dead names would hold up all others. There
    are as many at once as connections are opened."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin at once."""
        future: Future[T] = Future()
        try:
            threading.Thread(target=_carry_out, args=(future, partial(fn, *args, **kwargs)), daemon=True).start()
        except RuntimeError as error:  # for who connects it is like any trouble of the network: nothing was sent
            future.set_exception(OSError(errno.EAGAIN, str(error)))
        return future


def _carry_out(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
