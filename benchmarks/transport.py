"""What one request costs on the wire: the runner's transport beside what else could send it. Ratios within a round.

    python benchmarks/transport.py [--rounds 3] [--requests 3000]

`stock` is one shared client of the library, the loop everyone writes; `client` the library's client over transports of
one connection each, `bare` those transports without it; `runner` the transport as it is, rendering included. `idle`:
one request after another while that many connections stay open.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import ssl
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loopback import responder

from runner.domain.provider import Auth, Http, Input, InputKind, Operation
from runner.transport.client import BACKENDS, HttpTransport

IN_FLIGHT = 50
IDLE = 199
OPERATION = Operation(
    provider="loopback",
    name="email",
    column_prefix="loopback_email_",
    method="POST",
    path="/check",
    inputs=(Input(name="email", kind=InputKind.EMAIL),),
    form={"email": "{email}", "timeout": "{timeout?}"},
)
ASK = {"email": "a+b@example.com", "timeout": "normal"}
Send = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one variant in one round."""

    per_second: float
    cpu_us: float  # CPU of this process for each request


async def measure(send: Send, *, requests: int, in_flight: int) -> Cost:
    """Send in a closed loop and divide."""

    async def worker() -> None:
        for _ in range(requests // in_flight):
            await send()

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    done = requests // in_flight * in_flight
    return Cost(
        per_second=done / (time.perf_counter() - started), cpu_us=(time.process_time() - cpu) / done * 1_000_000
    )


async def stock(url: str, backend: str, requests: int) -> Cost:
    """One shared client, as documented."""
    library = importlib.import_module(backend)
    async with library.AsyncClient(timeout=30, limits=library.Limits(max_connections=IN_FLIGHT)) as client:

        async def send() -> None:
            answer = await client.post(f"{url}/check", data=ASK, headers={"X-API-KEY": "obviously-fake"})
            assert answer.status_code == 200

        await measure(send, requests=2 * IN_FLIGHT, in_flight=IN_FLIGHT)
        return await measure(send, requests=requests, in_flight=IN_FLIGHT)


def _transport(url: str, backend: str, slots: int) -> HttpTransport:
    http = Http(base_url=url, auth=Auth(kind="header", name="X-API-KEY"), keepalive_seconds=60.0)
    return HttpTransport(http, secret=lambda: "obviously-fake", slots=slots, fresh_connections=False, backend=backend)


async def slots(url: str, backend: str, requests: int, *, through_client: bool) -> Cost:
    """Single-connection transports, with or without the library's client above them; both read the whole body."""
    library = importlib.import_module(backend)
    limits = library.Limits(max_connections=1, max_keepalive_connections=1)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    free = [library.AsyncHTTPTransport(verify=tls, trust_env=False, limits=limits) for _ in range(IN_FLIGHT)]

    class Chosen:
        async def handle_async_request(self, request: Any) -> Any:
            return await request.extensions["slot"].handle_async_request(request)

    shared = library.AsyncClient(transport=Chosen(), trust_env=False, timeout=None)

    async def send() -> None:
        slot = free.pop()
        request = library.Request(
            "POST", f"{url}/check", data=ASK, headers={"X-API-KEY": "obviously-fake"}, extensions={"slot": slot}
        )
        sending = shared.send(request, stream=True) if through_client else slot.handle_async_request(request)
        answer = await sending
        assert [chunk async for chunk in answer.stream]
        await answer.aclose()
        free.append(slot)

    await measure(send, requests=2 * IN_FLIGHT, in_flight=IN_FLIGHT)
    cost = await measure(send, requests=requests, in_flight=IN_FLIGHT)
    for slot in free:
        await slot.aclose()
    return cost


async def runner(url: str, backend: str, requests: int, *, idle: int | None = None) -> Cost:
    """The runner's transport; with `idle`, one request at a time beside that many open connections."""
    async with _transport(url, backend, slots=IDLE + 1) as transport:

        async def send() -> None:
            answer = await transport.send(transport.prepare(OPERATION, ASK, attempt_id="abcdefghijklmnop"))
            assert answer.status == 200

        warm = IN_FLIGHT if idle is None else idle + 1
        await measure(send, requests=2 * warm, in_flight=warm)
        return await measure(send, requests=requests, in_flight=IN_FLIGHT if idle is None else 1)


def main() -> None:
    """Print a line for each variant and round, then the medians of the ratios."""
    parser = argparse.ArgumentParser(description="Cost of one request: requests a second and CPU, with ratios.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=3000)
    options = parser.parse_args()
    for backend in BACKENDS:
        compare(backend, rounds=options.rounds, requests=options.requests)


def compare(backend: str, *, rounds: int, requests: int) -> None:
    """One library: every variant in turn, round after round."""
    ratios: dict[str, list[float]] = {"runner/stock, a second": [], "client/bare, CPU": [], "idle 199/0, CPU": []}
    for _ in range(rounds):
        with responder() as url:
            costs = {
                "stock": asyncio.run(stock(url, backend, requests)),
                "client": asyncio.run(slots(url, backend, requests, through_client=True)),
                "bare": asyncio.run(slots(url, backend, requests, through_client=False)),
                "runner": asyncio.run(runner(url, backend, requests)),
                "idle 0": asyncio.run(runner(url, backend, requests // 2, idle=0)),
                "idle 199": asyncio.run(runner(url, backend, requests // 2, idle=IDLE)),
            }
        print(backend, *(f"  {name} {cost.per_second:.0f}/s {cost.cpu_us:.0f} us" for name, cost in costs.items()))
        ratios["runner/stock, a second"].append(costs["runner"].per_second / costs["stock"].per_second)
        ratios["client/bare, CPU"].append(costs["client"].cpu_us / costs["bare"].cpu_us)
        ratios["idle 199/0, CPU"].append(costs["idle 199"].cpu_us / costs["idle 0"].cpu_us)
    print(backend, *(f"  {name}: x{statistics.median(values):.2f}" for name, values in ratios.items()))


if __name__ == "__main__":
    main()
