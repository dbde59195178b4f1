"""How near to a limit requests leave, and how many of them a provider with an exact log would have refused.

    python benchmarks/schedule.py [--requests 100000] [--real [--limits 2 10 100 1000] [--seconds 20] [--rounds 3]]

Simulated: the runner's throttle and what else one could take, in virtual time, against the sliding log of a server.
`--real`: the same over real HTTP on loopback, by the runner's transport, against a server in another process.

A refused request: one that found N others in the W before it. Rate: of the requests between the first and the last.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import itertools
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import anyio
from pacers import Drive, Send, Sent, pacers, runner
from strict import stamps, strict_server

from runner.domain.provider import Auth, Http, Input, InputKind, Limit, Operation, Pace
from runner.engine.arrival import MARGIN_SECONDS
from runner.engine.ports import Clock
from runner.system import SystemClock
from runner.transport.client import HttpTransport
from tests.virtual import VirtualClock, run_virtual

MINUTE = (Limit(at_most=60, per_seconds=60), Limit(at_most=2, per_seconds=1))
Draw = Callable[[random.Random], float]
"""How long one leg of a request takes, in seconds."""

LIMITS = {2: 600, 10: 3000, 100: 6000, 1000: 10_000}
"""N in a second, and how many requests are simulated."""

OPERATION = Operation(
    provider="loopback",
    name="email",
    column_prefix="loopback_email_",
    method="POST",
    path="/check",
    inputs=(Input(name="email", kind=InputKind.EMAIL),),
    form={"email": "{email}"},
)


class Server:
    """A provider in virtual time. `there`, `queue`, `work`, `back`: draws, in seconds; it counts after the queue.

    `told`: when the runner is told of an arrival: "acknowledged", as its transport is, or "written" at once.
    """

    def __init__(self, seed: int, *, told: str = "acknowledged", **draws: Draw) -> None:
        self.stamps: list[float] = []
        self.ends: list[float] = []
        self._told = told
        self._draws = {"queue": lambda _: 0.0, **draws}
        self._chance = random.Random(seed)

    async def serve(self, sent: Sent) -> None:
        """One request, from leaving to being answered."""
        there, queue, work, back = (self._draws[name](self._chance) for name in ("there", "queue", "work", "back"))
        begun = anyio.current_time()
        counted, acknowledged = begun + there + queue, begun if self._told == "written" else begun + there + back
        for at, what in sorted([(counted, self._stamp), (acknowledged, sent.arrived)], key=lambda step: step[0]):
            if at <= counted + work + back:
                await anyio.sleep_until(at)
                what()
        await anyio.sleep_until(counted + work + back)
        self.ends.append(anyio.current_time())
        sent.over(sent=True)

    def _stamp(self) -> None:
        self.stamps.append(anyio.current_time())


def refused(log: Sequence[float], limit: Limit) -> tuple[int, int]:
    """How many a sliding log refuses, which does not count those; and the most in any window of all of them."""
    ordered, kept = sorted(log), list[float]()
    too_many = first = fullest = 0
    for last, stamp in enumerate(ordered):
        while stamp - ordered[first] >= limit.per_seconds:
            first += 1
        fullest = max(fullest, last - first + 1)
        if len(kept) >= limit.at_most and stamp - kept[-limit.at_most] < limit.per_seconds:
            too_many += 1
        else:
            kept.append(stamp)
    return too_many, fullest


def rate(log: Sequence[float]) -> float:
    """Requests a second between the first and the last."""
    return (len(log) - 1) / (max(log) - min(log))


def greedy(limits: Sequence[Limit], latencies: Sequence[float], at_once: int) -> float:
    """When the last answer comes if each request leaves at the first moment that the strict rule permits: of those sent
    before it, fewer than N are in flight or over less than W ago."""
    latest: list[list[float]] = [[] for _ in range(len(limits) + 1)]  # the N latest ends + W of each; the slots
    rules = [*((limit.at_most, limit.per_seconds) for limit in limits), (at_once, 0.0)]
    now = end = 0.0
    for latency in latencies:
        now = max([now, *(heap[0] for heap, (most, _) in zip(latest, rules, strict=True) if len(heap) == most)])
        end = max(end, now + latency)
        for heap, (most, seconds) in zip(latest, rules, strict=True):
            (heapq.heappushpop if len(heap) == most else heapq.heappush)(heap, now + latency + seconds)
    return end


def simulate(drive: Callable[[Clock], Drive], server: Server, requests: int, at_once: int) -> float:
    """Until the last answer: how many seconds."""

    async def main() -> float:
        await drive(VirtualClock())(server.serve, requests, at_once)
        return anyio.current_time()

    return run_virtual(main)


def named(name: str, limit: Limit) -> Callable[[Clock], Drive]:
    """One of the pacers for one limit."""
    return lambda clock: pacers(limit, clock)[name]


def strictly(limits: Sequence[Limit]) -> Callable[[Clock], Drive]:
    """The default pace."""
    return lambda clock: runner(limits, clock, Pace.STRICT)


def many(requests: int) -> None:
    """60 a minute and 2 a second, answers after 100 to 500 ms, counted at any moment of them."""
    chance = random.Random(1)
    latencies = [chance.uniform(0.1, 0.5) for _ in range(requests)]
    drawn, shares = iter(latencies), random.Random(2)

    class Anywhere(Server):
        async def serve(self, sent: Sent) -> None:
            begun, latency = anyio.current_time(), next(drawn)
            await anyio.sleep(latency * shares.random())
            self._stamp()
            await anyio.sleep_until(begun + latency)
            sent.over(sent=True)

    server = Anywhere(1)
    seconds = simulate(strictly(MINUTE), server, requests, 5)
    best = greedy(MINUTE, latencies, 5)
    found = [refused(server.stamps, limit) for limit in MINUTE]
    print(f"60/min + 2/s, answers after 100-500 ms, {requests:,} requests simulated:")
    print(f"  refused {found[0][0]} + {found[1][0]}; fullest windows {found[0][1]} of 60, {found[1][1]} of 2")
    print(f"  {seconds:,.1f} s; an ideal schedule under the strict rule {best:,.1f} s: {best / seconds:.4f} of it")
    for latency in (0.1, 0.3, 0.5):
        flat = Server(1, there=always(0.0), work=always(latency), back=always(0.0))
        simulate(strictly(MINUTE), flat, 6000, 5)
        print(f"  answers after {latency * 1e3:.0f} ms: {rate(flat.stamps):.4f} of 60/min")
    ends = []
    for seed in range(20):
        few = Server(seed, there=always(0.0), work=lambda c: c.uniform(0.1, 0.5), back=always(0.0))
        ends.append(simulate(strictly(MINUTE), few, 50, 5))
    print(f"  50 rows: {statistics.median(ends):.1f} s [{min(ends):.1f}-{max(ends):.1f}] of 20; one a second: 50 s")


def always(seconds: float) -> Draw:
    """No chance at all."""
    return lambda _: seconds


def near(chance: random.Random) -> float:
    """One way over the network, 5 to 25 ms."""
    return chance.uniform(0.005, 0.025)


def table(work: tuple[float, float]) -> None:
    """Every pacer at every limit, simulated."""
    print(
        f"\nsimulated; network 5-25 ms each way, work {work[0] * 1e3:.0f}-{work[1] * 1e3:.0f} ms after it is counted:"
    )
    for number, requests in LIMITS.items():
        limit = Limit(at_most=number, per_seconds=1)
        at_once = max(10, round(number * (work[1] + 0.1)))
        for name in pacers(limit, VirtualClock()):
            server = Server(number, there=near, back=near, work=lambda c: c.uniform(*work))
            simulate(named(name, limit), server, requests, at_once)
            line(f"{number}/s", name, [server.stamps], limit)


def line(first: str, name: str, logs: Sequence[Sequence[float]], limit: Limit) -> None:
    """One of a table: medians over the rounds."""
    found = [refused(log, limit) for log in logs]
    reached = statistics.median(rate(log) for log in logs) * limit.per_seconds / limit.at_most
    share = statistics.median(few / len(log) for (few, _), log in zip(found, logs, strict=True))
    worst = max(most for _, most in found)
    print(f"  {first:8} {name:22} {reached:6.3f} of the limit, refused {share:7.2%}, worst window {worst}", flush=True)


def sent_again(chance: random.Random) -> float:
    """A packet in a hundred is lost, and sent again after 0.2, 0.6, 1.4 s."""
    return next(0.2 * (2.0**n - 1) for n in itertools.count() if chance.random() > 0.01)


RISKS: dict[str, dict[str, Draw]] = {
    "uniform, 0-200 ms": {"there": lambda c: c.uniform(0, 0.2)},
    "exponential, mean 50 ms": {"there": lambda c: c.expovariate(1 / 0.05)},
    "Pareto (1.2), from 10 ms": {"there": lambda c: min(0.01 * c.paretovariate(1.2), 5.0)},
    "1 % of packets lost": {
        "there": lambda c: 0.02 + next(0.2 * (2**n - 1) for n in itertools.count() if c.random() > 0.01)
    },
    "queue, 0-50 ms": {"queue": lambda c: c.uniform(0, 0.05)},
    "queue, 0-100 ms": {"queue": lambda c: c.uniform(0, 0.1)},
    "queue, exponential, mean 20 ms": {"queue": lambda c: c.expovariate(1 / 0.02)},
    "queue, exponential, mean 50 ms": {"queue": lambda c: c.expovariate(1 / 0.05)},
    "queue, 0-500 ms": {"queue": lambda c: c.uniform(0, 0.5)},
}


def risks(requests: int = 20_000) -> None:
    """What arrival assumes, and what breaks it, at 2 and 10 a second."""
    print(
        f"\narrival, {requests:,} requests: refused (no reaction to refusals), told when acknowledged | when written:"
    )
    for name, draws in RISKS.items():
        cells = []
        for number in (2, 10):
            for told in ("acknowledged", "written"):
                limit = Limit(at_most=number, per_seconds=1)
                legs: dict[str, Draw] = {"there": near, "back": near, "work": lambda c: c.uniform(0.2, 2.0), **draws}
                server = Server(1, told=told, **legs)
                simulate(named("arrival", limit), server, requests, number * 4)
                cells.append(f"{refused(server.stamps, limit)[0]:5d} ({rate(server.stamps) / number:.3f})")
        print(f"  {name:32} 2/s {cells[0]} | {cells[1]}   10/s {cells[2]} | {cells[3]}", flush=True)


async def over_http(drive: Drive, url: str, requests: int, at_once: int) -> None:
    """The same over real HTTP."""
    http = Http(base_url=url, auth=Auth(kind="none"))
    async with HttpTransport(http, secret=None, slots=at_once, fresh_connections=False) as transport:

        async def send(sent: Sent) -> None:
            request = transport.prepare(OPERATION, {"email": "a@example.com"}, attempt_id="benchmark")
            await transport.send(request, arrived=sent.arrived)
            sent.over(sent=True)

        make: Send = send
        await drive(make, requests, at_once)


def real(seconds: float, rounds: int, numbers: Sequence[int]) -> None:
    """Every pacer at every limit, on loopback."""
    clock = SystemClock()
    print(f"\nreal HTTP on loopback, answers after 100-500 ms, {seconds:g} s each, {rounds} rounds:")
    with strict_server(0.1, 0.5) as url:
        for number in numbers:
            limit = Limit(at_most=number, per_seconds=1)
            logs: dict[str, list[list[float]]] = {}
            for _, name in itertools.product(range(rounds), pacers(limit, clock)):
                requests, at_once = round(number * seconds), max(10, round(number * 0.7))
                asyncio.run(over_http(pacers(limit, clock)[name], url, requests, at_once))
                logs.setdefault(name, []).append(stamps(url))
            for name, found in logs.items():
                line(f"{number}/s", name, found, limit)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limits", type=int, nargs="+", default=list(LIMITS), help="N a second, of --real")
    arguments = parser.parse_args()
    if arguments.real:
        real(arguments.seconds, arguments.rounds, arguments.limits)
        return
    many(arguments.requests)
    table((0.05, 0.35))
    table((1.0, 5.0))
    print(f"  (the margin of arrival: {MARGIN_SECONDS:g} s)")
    risks()


if __name__ == "__main__":
    main()
