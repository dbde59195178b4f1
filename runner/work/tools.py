"""What the composition root puts together once and every piece of work is given."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner.domain.model import Answer
from runner.domain.provider import Provider
from runner.engine.faultpoints import FaultPoint, no_fault
from runner.engine.ports import Clock, Randomness, Transport
from runner.settings import Secret, Settings
from runner.store.store import Store
from runner.system import SystemClock, SystemRandomness
from runner.work.money import Prices
from runner.work.profiles import Profiles

MakeTransport = Callable[[Provider, Secret | None], Transport]
"""The wire to one provider account."""

Post = Callable[[Secret, bytes | None], Awaitable[Answer]]
"""One message to an address of `[notify]`: POST of a JSON text, or GET where there is none. Trouble is an Answer."""

POST_SECONDS = 10.0


def http_transport(provider: Provider, secret: Secret | None, *, backend: str = "httpx") -> Transport:
    """Real HTTP. On a slow lane every paid request has a fresh connection: no idle close can put it in doubt."""
    from runner.transport.client import HttpTransport, slow

    return HttpTransport(
        provider.http,
        secret=None if secret is None else secret.reveal,
        slots=provider.in_flight,
        fresh_connections=slow(provider.limits),
        backend=backend,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """Where the world comes in. The defaults are the real one; simulations and tests bring their own."""

    clock: Clock = field(default_factory=SystemClock)
    randomness: Randomness = field(default_factory=SystemRandomness)
    make_transport: MakeTransport | None = None  # None: real HTTP, by the library that the settings name
    post: Post | None = None  # tells those of `[notify]`; None: real HTTP
    inline_writes: bool = False  # write on the event loop's thread: for virtual time
    gather_seconds: Callable[[], float] | None = None  # inline: how long until what was written is committed
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect  # opens the database file
    fault_point: FaultPoint = no_fault
    lock_folder: Path | None = None  # of account locks; None: the user's runtime directory

    def transport(self, provider: Provider, secret: Secret | None, *, backend: str) -> Transport:
        """The wire to one provider account, by the HTTP library called `backend`."""
        if self.make_transport is not None:
            return self.make_transport(provider, secret)
        return http_transport(provider, secret, backend=backend)

    def posting(self, backend: str) -> Post:
        """How those of `[notify]` are told."""
        if self.post is not None:
            return self.post

        async def over_http(url: Secret, body: bytes | None) -> Answer:
            from runner.transport.post import post

            return await post(url.reveal(), body, seconds=POST_SECONDS, backend=backend)

        return over_http


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """Everything from outside that a piece of work may touch."""

    store: Store
    settings: Settings
    profiles: Profiles
    prices: Prices
    seams: Seams

    def transport(self, provider: Provider, secret: Secret | None) -> Transport:
        """The wire to one provider account."""
        return self.seams.transport(provider, secret, backend=self.settings.run.http)

    @property
    def clock(self) -> Clock:
        """Time, as everything here knows it."""
        return self.seams.clock
