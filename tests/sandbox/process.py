"""A sandbox in another process, for tests of the real command line: `with sandbox(wallet=50) as world: ...`.

The world outlives whatever the test does to the runner, and its books are read over its own loopback address.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio

from runner.domain.provider import Limit
from runner.sandbox.server import serve
from runner.sandbox.world import World
from runner.system import SystemClock

ROOT = Path(__file__).resolve().parents[2]


class Seeded:
    """Randomness from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def uniform(self) -> float:
        """A float in [0, 1)."""
        return self._random.random()

    def attempt_id(self) -> str:
        """16 characters of [a-z2-7]."""
        return "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz234567", k=16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A served world. `url` goes into `[providers.NAME] http = { base_url = ... }`."""

    url: str
    process: subprocess.Popen[str]

    def ledger(self) -> list[dict[str, Any]]:
        """Every request the world saw, in order."""
        return [json.loads(line) for line in self._call("ledger").splitlines()]

    def summary(self) -> dict[str, Any]:
        """The books in counts."""
        counts: dict[str, Any] = json.loads(self._call("summary"))
        return counts

    def charged(self) -> list[str]:
        """The values that were charged, once for each charge."""
        return [entry["value"] for entry in self.ledger() if entry["charged"]]

    def top_up(self, units: float) -> None:
        """Put units into the wallet."""
        self._call("top-up", {"units": units})

    def faults(self, share: float) -> None:
        """From now on this share of requests meets trouble."""
        self._call("faults", {"share": share})

    def next(self, behaviours: Sequence[dict[str, Any]]) -> None:
        """What to do with the next requests: `[{"rule": "system-error"}, {"manner": "drop", "charged": True}]`."""
        self._call("next", list(behaviours))

    def _call(self, what: str, given: Any = None) -> str:
        parts = urlsplit(self.url)
        body = None if given is None else json.dumps(given).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{parts.scheme}://{parts.netloc}/_sandbox/{what}", data=body, timeout=10) as answer:
            text: str = answer.read().decode()
            return text


@contextmanager
def sandbox(
    provider: str | Path = "defastra",
    *,
    wallet: float | None = None,
    faults: float = 0.0,
    latency_seconds: tuple[float, float] = (0.0, 0.0),
    key: str | None = None,
    limits: Sequence[tuple[int, float]] | None = None,
    idle_seconds: float | None = None,
    seed: int = 0,
    port: int = 0,
) -> Iterator[Sandbox]:
    """Serve a profile (shipped name or file) in another process until the block ends. `limits` replace its own; each
    is told in the header that told the one in its place."""
    options = {
        "provider": str(provider),
        "world": {"wallet": wallet, "faults": faults, "latency_seconds": latency_seconds, "key": key},
        "limits": limits,
        "serve": {"idle_seconds": idle_seconds, "port": port},
        "seed": seed,
    }
    command = [sys.executable, "-m", "tests.sandbox.process", json.dumps(options)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url, "the sandbox did not start"
            yield Sandbox(url=url, process=process)
        finally:
            process.kill()


async def _main(options: dict[str, Any]) -> None:
    from runner.providers.loader import load

    provider = load(options["provider"])
    if options["limits"] is not None:
        told = [limit.learn for limit in provider.limits]
        limits = tuple(
            Limit(at_most=at_most, per_seconds=per_seconds, learn=learn)
            for (at_most, per_seconds), learn in zip_longest(options["limits"], told[: len(options["limits"])])
        )
        provider = replace(provider, limits=limits)
    world = World(provider, randomness=Seeded(options["seed"]), **options["world"])
    async with serve(world, clock=SystemClock(), **options["serve"]) as url:
        print(url, flush=True)
        # The pipe from the test ends with it, however it ends: no server is left behind.
        await anyio.to_thread.run_sync(sys.stdin.read)


if __name__ == "__main__":
    anyio.run(_main, json.loads(sys.argv[1]))
