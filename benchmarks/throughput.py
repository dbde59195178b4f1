"""Durable jobs a second, beside the same transport without persistence and beside the loop everyone writes.

    python benchmarks/throughput.py [--rounds 5] [--jobs 4000] [--in-flight 10 50 200] [--backend httpx httpx2]

The responder runs in another process. Variants run in turn, each in a process of its own; ratios are taken inside a
round and quoted as median [least-most]. Absolute rates move with the machine: trust the ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from loopback import responder

HERE = Path(__file__).resolve().parent
IDLE = 199


def figures(variant: str, url: str, in_flight: int, jobs: int, backend: str) -> dict[str, float]:
    """One variant, once, in its own process."""
    command = [sys.executable, str(HERE / "variants.py"), variant, "--url", url, "--in-flight", str(in_flight)]
    command += ["--jobs", str(jobs), "--backend", backend]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{variant} failed:\n{done.stderr}{done.stdout}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def spread(values: list[float], digits: int = 2) -> str:
    """Median [least-most]."""
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def compare(url: str, in_flight: int, jobs: int, backends: list[str], rounds: int) -> None:
    """The table for one number of requests in flight."""
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        once = figures("plain", url, in_flight, jobs, "httpx")["jobs_per_second"]
        rates.setdefault("plain httpx", []).append(once)
        for backend in backends:
            for variant in ("bare", "durable"):
                rate = figures(variant, url, in_flight, jobs, backend)["jobs_per_second"]
                rates.setdefault(f"{variant} {backend}", []).append(rate)
    print(f"\n{in_flight} in flight, {jobs} jobs, {rounds} rounds")
    print(f"  {'plain loop, shared httpx client':34} {spread(rates['plain httpx'], 0):>24} jobs/s")
    for backend in backends:
        for variant in ("bare", "durable"):
            name = f"{variant} {backend}"
            to_plain = [a / b for a, b in zip(rates[name], rates["plain httpx"], strict=True)]
            line = f"  {name:34} {spread(rates[name], 0):>24} jobs/s   x plain {spread(to_plain)}"
            if variant == "durable":
                to_bare = [a / b for a, b in zip(rates[name], rates[f"bare {backend}"], strict=True)]
                line += f"   x bare {spread(to_bare)}"
            print(line, flush=True)


def idle_cost(url: str, backends: list[str], rounds: int) -> None:
    """CPU of one request with and without idle connections beside it."""
    print(f"\nCPU of a request with {IDLE} idle connections, over none")
    for backend in backends:
        ratios, costs = [], []
        for _ in range(rounds):
            none = figures("idle", url, 1, 1500, backend)["cpu_us_per_job"]
            many = figures("idle", url, IDLE + 1, 1500, backend)["cpu_us_per_job"]
            ratios.append(many / none)
            costs.append(many)
        print(f"  {backend:34} {spread(ratios):>24}   ({spread(costs, 0)} us)", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--in-flight", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--backend", nargs="+", choices=("httpx", "httpx2"), default=["httpx", "httpx2"])
    arguments = parser.parse_args()
    with responder() as url:
        for in_flight in arguments.in_flight:
            compare(url, in_flight, arguments.jobs, arguments.backend, arguments.rounds)
        idle_cost(url, arguments.backend, arguments.rounds)


if __name__ == "__main__":
    main()
