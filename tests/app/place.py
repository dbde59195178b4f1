"""A folder with a database, a provider world behind an in-process wire, and virtual time: runs in milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio

import runner
from runner.app import Runner, Seams
from runner.domain.model import Answer, Fault, Request
from runner.domain.provider import Operation, Provider
from runner.engine.events import AttemptClosed, Event
from runner.engine.faultpoints import FaultPoint, no_fault
from runner.engine.wire import Arrived, unheard
from runner.errors import ConfigError
from runner.providers.loader import load
from runner.sandbox.calls import Call
from runner.sandbox.replies import Manner
from runner.sandbox.world import World
from runner.settings import Secret
from runner.transport.template import render
from runner.work.results import RunResult
from runner.work.tools import Post
from tests.sandbox.process import Seeded
from tests.virtual import NOON_US, run_virtual

KEY = "obviously-fake-key-0000"
QUICK = "[providers.defastra]\nlimits = [{ at_most = 1000, per_seconds = 1 }]\n"


class KilledError(BaseException):
    """Stands for the death of the process: nothing in the project catches it."""


class Time:
    """The clock port: the virtual loop's time inside a run, standing still outside, never going back."""

    def __init__(self) -> None:
        self.before = 0.0

    def monotonic(self) -> float:
        """The loop's time; outside of one 0."""
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0

    def now_us(self) -> int:
        """The wall clock, over all loops."""
        return NOON_US + round((self.before + self.monotonic()) * 1e6)

    def asleep_seconds(self) -> float:
        """It never sleeps."""
        return 0.0

    async def sleep_until(self, deadline: float) -> None:
        """Sleep on the virtual loop."""
        await anyio.sleep_until(deadline)


class Wire:
    """A Transport that ends in a world of this process."""

    def __init__(self, provider: Provider, place: Place, secret: Secret | None) -> None:
        self._provider = provider
        self._place = place
        self._world = place.world
        self._time = place.time
        self._secret = secret

    def prepare(self, operation: Operation, params: Mapping[str, str], *, attempt_id: str) -> Request:
        """As the real one."""
        return render(self._provider.http, operation, params, attempt_id=attempt_id)

    async def send(self, request: Request, *, arrived: Arrived = unheard) -> Answer:
        """Hand it to the world, wait as long as it says, and give its answer back."""
        parts = urlsplit(request.url)
        key = {} if self._secret is None else {self._provider.http.auth.name.lower(): self._secret.reveal()}
        call = Call(
            method=request.method,
            target=parts.path + (f"?{parts.query}" if parts.query else ""),
            headers={**dict(request.headers), **key},
            body=request.body,
        )
        reply = self._world.receive(call, self._time.now_us() / 1e6)
        arrived()
        if reply.entry.number == self._place.dies_at:
            raise KilledError
        await anyio.sleep(reply.delay_seconds or 0.01)
        answered = reply.manner is Manner.ANSWER
        self._world.finish(reply.entry, self._time.now_us() / 1e6, answered=answered)
        return reply.answer if answered else Answer(fault=Fault.NO_ANSWER, detail="dropped")

    def forget_idle(self) -> None:
        """No connection is kept."""

    async def knock(self) -> str | None:
        """The world is always there."""
        return None

    async def aclose(self) -> None:
        """Nothing to close."""


class Place:
    """What a test works with. `runner()` opens the library on the folder's database."""

    def __init__(self, folder: Path, *, toml: str = QUICK, **world: Any) -> None:
        self.folder = folder
        self.time = Time()
        self.environ = {"DEFASTRA_API_KEY": KEY}
        (folder / "runner.toml").write_text(toml)
        self.world = World(load("defastra"), randomness=Seeded(7), key=KEY, **world)
        self.world._windows.clear()  # the settings of these tests are faster than the profile
        self.transports = 0
        self.breaks = False  # the wire cannot be built
        self.post: Post | None = None  # how those of `[notify]` are told
        self.fault_point: FaultPoint = no_fault
        self.dies_at = 0  # the number of the request after whose charge the process dies

    def runner(self, path: str | None = None) -> Runner:
        """The library, as a program would open it."""
        seams = Seams(
            clock=self.time,
            randomness=Seeded(11 + self.transports),
            make_transport=self._wire,
            post=self.post,
            fault_point=self.fault_point,
            inline_writes=True,
            lock_folder=self.folder / "locks",
        )
        return runner.open(path, directory=self.folder, environ=self.environ, seams=seams)

    def _wire(self, provider: Provider, secret: Secret | None) -> Wire:
        if self.breaks:
            raise ConfigError("the key cannot travel in its header")
        self.transports += 1
        return Wire(provider, self, secret)

    def write_list(self, values: list[str], *, name: str = "leads.csv", column: str = "email") -> str:
        """Write a list of one column beside an id."""
        lines = [f"id,{column}", *(f"{number},{value}" for number, value in enumerate(values, 1))]
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return name

    def run(self, runner: Runner, batch: Any, **arguments: Any) -> RunResult:
        """One run, in virtual time."""
        began = self.time.before

        async def call() -> tuple[RunResult, float]:
            result = await runner.arun(batch, **arguments)
            return result, self.time.monotonic()

        result, seconds = run_virtual(call)
        self.time.before = began + seconds
        return result

    def run_all(self, runner: Runner, batches: str | list[str], **arguments: Any) -> list[RunResult]:
        """One run of several batches, in virtual time."""
        began = self.time.before

        async def call() -> tuple[list[RunResult], float]:
            results = await runner.arun_all(batches, **arguments)
            return results, self.time.monotonic()

        results, seconds = run_virtual(call)
        self.time.before = began + seconds
        return results

    def values(self) -> list[str]:
        """What the world was asked about, in order."""
        return [entry.value for entry in self.world.books.entries]

    def charged(self) -> list[str]:
        """The values that the world charged, once for each charge."""
        return [entry.value for entry in self.world.books.entries if entry.charged]


def after(number: int, act: Callable[[], object]) -> Callable[[Event], None]:
    """An observer that acts once, at the given answer."""
    seen = 0

    def observe(event: Event) -> None:
        nonlocal seen
        if isinstance(event, AttemptClosed):
            seen += 1
            if seen == number:
                act()

    return observe


def emails(count: int) -> list[str]:
    """So many different addresses."""
    return [f"person{number}@example.com" for number in range(1, count + 1)]
