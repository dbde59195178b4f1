"""What the throughput benchmark compares, one variant a process: prints one JSON line of figures.

    python benchmarks/variants.py durable --url http://127.0.0.1:PORT --in-flight 50 --jobs 5000 [--backend httpx2]

`durable`  this project: the attempt committed before it is sent, its outcome committed after, FULL
`bare`     the same transport in the same number of workers, nothing stored
`plain`    the loop everyone writes: one shared client, gather, nothing stored
`idle`     one request after another while K connections of an earlier burst lie idle: CPU for each
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from runner.domain.model import Answer
from runner.domain.provider import Auth, Http, Provider
from runner.domain.states import BatchEvent, JobState
from runner.engine.ports import RunOptions
from runner.engine.run import Accounts, LaneSetup, prepare
from runner.engine.stop import StopSignal
from runner.providers.loader import load_shipped
from runner.store import open_store
from runner.store.values import NewBatch, NewJob, NewRow
from runner.system import SystemClock, SystemRandomness
from runner.transport.client import HttpTransport

OPERATION = "defastra.email"


def fast_provider(url: str, in_flight: int) -> Provider:
    """Defastra's rules and columns, without its limits, on loopback."""
    shipped = load_shipped("defastra")
    http = Http(
        base_url=url,
        auth=Auth(kind="none"),
        error_code=shipped.http.error_code,
        error_message=shipped.http.error_message,
        request_id=shipped.http.request_id,
        client_request_id="X-Request-Id",
        keepalive_seconds=60,
    )
    return Provider(
        name="defastra",
        title="Defastra",
        http=http,
        operations=shipped.operations,
        rules=shipped.rules,
        in_flight=in_flight,
    )


def transport_of(provider: Provider, backend: str) -> HttpTransport:
    """Slots as the runner uses them."""
    return HttpTransport(provider.http, secret=None, slots=provider.in_flight, fresh_connections=False, backend=backend)


async def durable(url: str, in_flight: int, jobs: int, backend: str) -> None:
    """A whole run over a loaded batch."""
    provider = fast_provider(url, in_flight)
    with tempfile.TemporaryDirectory() as folder:
        clock = SystemClock()
        with open_store(Path(folder) / "runner.db", clock=clock) as store:
            rows = (
                NewRow(None, (f"v{n}@example.com",), None, (NewJob(OPERATION, f"v{n}", f"v{n}", _params(n)),))
                for n in range(jobs)
            )
            batch = store.loading.load(
                NewBatch(
                    name="bench",
                    source={},
                    header=("email",),
                    operations=(OPERATION,),
                    mapping={},
                    params={},
                    content_hash="",
                    settings={},
                ),
                rows,
            ).batch
            run = store.steering.start_run(pid=1, host="bench", version="0", options={})
            store.steering.change(batch, BatchEvent.START, run=run)
            async with transport_of(provider, backend) as transport:

                async def whole() -> None:
                    async with store.writing():
                        await (
                            await prepare(
                                accounts=Accounts(),
                                batch=batch,
                                run=run,
                                lanes=[
                                    LaneSetup(
                                        provider=provider,
                                        operations=(provider.operations["email"],),
                                        transport=transport,
                                        account="bench",
                                    )
                                ],
                                store=store.jobs,
                                clock=clock,
                                randomness=SystemRandomness(),
                                options=RunOptions(),
                                observer=lambda event: None,
                                stop=StopSignal(),
                            )
                        ).work()

                await measured(whole, jobs)
            done = store.reports.status(batch).by_state[JobState.SUCCEEDED]
            if done != jobs:
                raise SystemExit(f"only {done} of {jobs} jobs succeeded")


async def bare(url: str, in_flight: int, jobs: int, backend: str) -> None:
    """The same requests over the same transport, nothing stored."""
    provider = fast_provider(url, in_flight)
    operation = provider.operations["email"]
    randomness = SystemRandomness()
    async with transport_of(provider, backend) as transport:
        numbers = iter(range(jobs))

        async def worker() -> None:
            for n in numbers:
                request = transport.prepare(operation, _params(n), attempt_id=randomness.attempt_id())
                _check(await transport.send(request))

        async def whole() -> None:
            await asyncio.gather(*(worker() for _ in range(in_flight)))

        await measured(whole, jobs)


async def plain(url: str, in_flight: int, jobs: int, backend: str) -> None:
    """One shared client, a semaphore, gather: no durability, no retries."""
    import importlib

    library = importlib.import_module(backend)
    async with library.AsyncClient(base_url=url, timeout=30) as client:
        gate = asyncio.Semaphore(in_flight)

        async def one(n: int) -> None:
            async with gate:
                answer = await client.post("/deep_email_check", data=_params(n), headers={"X-Request-Id": f"r{n}"})
                if answer.json()["status"] is not True:
                    raise SystemExit("the responder refused")

        async def whole() -> None:
            await asyncio.gather(*(one(n) for n in range(jobs)))

        await measured(whole, jobs)


async def idle(url: str, in_flight: int, jobs: int, backend: str) -> None:
    """A burst opens `in_flight` connections; then one request after another."""
    provider = fast_provider(url, max(1, in_flight))
    operation = provider.operations["email"]
    async with transport_of(provider, backend) as transport:

        async def one(n: int) -> None:
            request = transport.prepare(operation, _params(n), attempt_id=f"{n:016d}")
            _check(await transport.send(request))

        await asyncio.gather(*(one(n) for n in range(max(1, in_flight))))

        async def whole() -> None:
            for n in range(jobs):
                await one(n)

        await measured(whole, jobs)


def _params(n: int) -> dict[str, str]:
    return {"email": f"v{n}@example.com"}


def _check(answer: Answer) -> None:
    if answer.status != 200 or json.loads(answer.body)["status"] is not True:
        raise SystemExit(f"the responder refused: {answer.status} {answer.fault} {answer.detail}")


async def measured(whole: Callable[[], Awaitable[None]], jobs: int) -> None:
    """Time one call and print its figures. What start-up left is out of the collector's way, as in `runner run`."""
    gc.collect()
    gc.freeze()
    cpu, wall = time.process_time(), time.perf_counter()
    await whole()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"jobs_per_second": jobs / wall, "cpu_us_per_job": cpu / jobs * 1e6}), flush=True)


VARIANTS = {"durable": durable, "bare": bare, "plain": plain, "idle": idle}


def main() -> None:
    """Run one variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", choices=sorted(VARIANTS))
    parser.add_argument("--url", required=True)
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--backend", choices=("httpx", "httpx2"), default="httpx")
    arguments = parser.parse_args()
    asyncio.run(
        VARIANTS[arguments.variant](arguments.url, arguments.in_flight, arguments.jobs, arguments.backend),
    )


if __name__ == "__main__":
    main()
