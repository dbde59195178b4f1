"""One truth in two forms: a blocking method awaited, an async method driven. No twin is written by hand."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import anyio.to_thread

from runner.system import drive

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Around(Protocol[S_co]):
    """An object whose methods are those of `blocking`, awaited."""

    @property
    def blocking(self) -> S_co:
        """The object that does the work."""
        ...


def driven(method: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[S, P], T]:
    """The blocking form of an async method: its own event loop for the time of the call."""

    @functools.wraps(method)
    def blocking(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return drive(functools.partial(method, self, *args, **kwargs))

    return blocking


def awaited(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[Around[S], P], Awaitable[T]]:
    """The awaited form of a blocking method: in a thread, so that the loop goes on."""

    @functools.wraps(method)
    async def awaiting(self: Around[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await anyio.to_thread.run_sync(functools.partial(method, self.blocking, *args, **kwargs))

    return awaiting


def passed_on(method: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[Around[S], P], Awaitable[T]]:
    """An async method of `blocking`, as it is."""

    @functools.wraps(method)
    async def passing(self: Around[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await method(self.blocking, *args, **kwargs)

    return passing
