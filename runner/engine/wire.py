"""The port to the wire: one provider account, one request at a time. Part of `runner.engine.ports`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from runner.domain.model import Answer, Request
from runner.domain.provider import Operation

Arrived = Callable[[], None]
"""Told, at most once, that every byte of a request was acknowledged at the other end. Never, where nobody can know."""


def unheard() -> None:
    """Nobody asked."""


class Transport(Protocol):
    """One provider account on the wire. Slots, deadlines, redirects and decoding are its business.

    One of your own derives from it and brings `prepare` and `send`; the rest may stay as it is where there is nothing
    to keep open: what does nothing here answers None.
    """

    def prepare(self, operation: Operation, params: Mapping[str, str], *, attempt_id: str) -> Request:
        """Render the request, without credentials. Raises `UnsendableError` if the values cannot be sent."""
        ...

    async def send(self, request: Request, *, arrived: Arrived = unheard) -> Answer:
        """Send it exactly once, within one deadline. Never raises for network trouble: that is an Answer. `arrived` may
        be called meanwhile; a transport that never does is paced strictly."""
        ...

    def forget_idle(self) -> None:
        """Send nothing more over a connection that is idle now: the machine slept, and the other side may have gone
        without a word. What is on the wire is left alone. Does not wait."""
        return

    async def knock(self) -> str | None:
        """Ask for free whether the provider answers: its `health` where the profile names one, else a connection.

        Within one deadline, without the key, and no request that is paid for: it may be cancelled. None: it answers;
        else why not, in words without values. Never raises for network trouble.
        """
        return None

    async def aclose(self) -> None:
        """Close every connection."""
        return


class UnsendableError(Exception):
    """A request could not be built from the values; nothing was sent. The text says why, without the values.

    `reason`: only this row cannot be sent (its file is gone): its job fails under that reason and the lane goes on.
    None: nothing of the kind can be sent, and the lane halts.
    """

    def __init__(self, text: str, *, reason: str | None = None) -> None:
        super().__init__(text)
        self.reason = reason
