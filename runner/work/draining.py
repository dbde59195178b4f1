"""Cancelled work is asked to stop, and comes to its end all the same: what it sent is paid for and must be told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from runner.engine.stop import StopSignal
from runner.work.status import INTERRUPTED

T = TypeVar("T")


async def drained(work: Callable[[], Awaitable[T]], stop: StopSignal) -> T:
    """What `work` comes to. Cancelled meanwhile, `stop` is set and `work` awaited; the cancellation goes on after that,
    unless `work` fails: its error outranks it. Cancelled once more, nothing changes."""
    over = anyio.Event()
    outcome: list[T] = []
    failure: BaseException | None = None

    async def shielded() -> None:
        nonlocal failure
        try:
            with anyio.CancelScope(shield=True):
                outcome.append(await work())
        except BaseException as error:  # raised below, whatever it is: a group of tasks would wrap it
            failure = error
        over.set()

    try:
        # A task of its own: `Task.cancel` of asyncio heeds no shield around what the task itself awaits.
        async with anyio.create_task_group() as group:
            group.start_soon(shielded)
            try:
                await over.wait()
            except anyio.get_cancelled_exc_class():
                stop.set(INTERRUPTED)
                raise
    finally:
        if failure is not None:
            raise failure
    return outcome[0]


async def finished(work: Callable[[], Awaitable[T]]) -> T:
    """The same of work that ends by itself."""
    return await drained(work, StopSignal())
