"""Whether a request has arrived: what the kernel knows of the bytes that were written to its connection.

A byte that the other end's TCP has acknowledged is there, whatever was lost and sent again on the way. Linux tells
(`TCP_INFO`, 4.6 and later); on other systems nobody is ever told, and the pace stays strict.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from runner.engine.wire import Arrived, unheard
from runner.transport.faults import Progress

_SIZE: Final = 148
_UNACKED, _ROUND_TRIP, _NOT_SENT = 24, 68, 144  # where they lie in the kernel's struct tcp_info, each of 32 bits
SHORTEST_SECONDS: Final = 0.001
LONGEST_SECONDS: Final = 0.25


class Written(NamedTuple):
    """What became of all that was written to a connection so far."""

    acknowledged: bool
    round_trip_seconds: float  # the kernel's smoothed one


def look(connection: Any) -> Written | None:
    """Ask the kernel, in about 2 microseconds; None where it does not say, or the connection is closed."""
    if sys.platform != "linux":
        return None
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return None
    if len(told) < _SIZE:
        return None
    unacked, round_trip_us, not_sent = (
        struct.unpack_from("=I", told, place)[0] for place in (_UNACKED, _ROUND_TRIP, _NOT_SENT)
    )
    return Written(not unacked and not not_sent, round_trip_us / 1e6)


class Acknowledgement:
    """Looks again and again until all that was written is acknowledged, then says so, once.

    It first looks after one round trip, then each time an eighth later: what is learnt too late costs places, but no
    more than that. `end` it when the answer is there: that tells more.
    """

    def __init__(self, arrived: Arrived) -> None:
        self._arrived = arrived
        self._waited = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, connection: Any) -> None:
        """The last byte was written to it; None: nobody knows which it was."""
        self._timer = None
        written = None if connection is None else look(connection)
        if written is None:
            return
        if written.acknowledged:
            self._arrived()
            return
        seconds = self._waited / 8 if self._waited else written.round_trip_seconds
        seconds = min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
        self._waited += seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self.begin, connection)

    def end(self) -> None:
        """Nobody needs to know any more."""
        if self._timer is not None:
            self._timer.cancel()


class Arrivals:
    """Tells of the arrivals of one transport's requests, each over a slot: the connection that it keeps, or makes anew
    for the request."""

    def __init__(self) -> None:
        self._connections: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def watch(self, slot: Any, progress: Progress, arrived: Arrived) -> Acknowledgement:
        """Of the request that is about to be written; nothing at all for `unheard`."""
        watch = Acknowledgement(arrived)

        def written() -> None:
            if progress.socket is not None:
                self._connections[slot] = progress.socket
            watch.begin(self._connections.get(slot))

        if arrived is not unheard:
            progress.on_written = written
        return watch
