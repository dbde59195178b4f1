"""Every proof with its full figures: `python -m tests.soak [PROOF ...] [--seed N]`. One line each; exit 1 if one fails.

Takes about half an hour. The line of a violation names the seed to repeat it with.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.powercuts.cuts import power_cuts, power_cuts_everywhere, power_cuts_weaker
from tests.powercuts.loads import power_cuts_loading
from tests.powercuts.syncs import failing_syncs
from tests.proofs.astray import astray
from tests.proofs.canary import canary
from tests.proofs.caps import caps, locks
from tests.proofs.cells import cells
from tests.proofs.checks import checks
from tests.proofs.errors import errors
from tests.proofs.example import example
from tests.proofs.fates import defastra, defendis, dfirlab
from tests.proofs.follow import follow
from tests.proofs.full_disk import full_disk
from tests.proofs.half_files import exports, imports
from tests.proofs.headers import headers
from tests.proofs.kills import kills
from tests.proofs.lists.judge import lists
from tests.proofs.locked import locked
from tests.proofs.manners import bad_answers, idle_closes
from tests.proofs.outages import outages
from tests.proofs.pace import pace
from tests.proofs.place import NO_LIMITS
from tests.proofs.prove import prove
from tests.proofs.several import several, turns
from tests.proofs.signals import drained, left
from tests.proofs.steering import steered
from tests.proofs.stops import stops
from tests.proofs.storms import storms
from tests.proofs.two_providers import two_providers
from tests.proofs.wallet import wallet
from tests.proofs.windows import windows_real
from tests.simulation.options import Mode
from tests.simulation.proofs import mutants, nights, traces

DEFASTRA = ((60, 60.0), (2, 1.0))
TENFOLD = ((60, 6.0), (2, 0.1))  # Defastra's limits, ten times as fast

PROOFS: dict[str, Callable[..., str]] = {
    "example": partial(prove, example, rounds=3),
    "errors-defastra": partial(prove, errors, table=defastra.table, show=print),
    "errors-defendis": partial(prove, errors, table=defendis.table, show=print),
    "errors-defendis-written": partial(prove, errors, table=defendis.written, show=print),
    "errors-dfirlab": partial(prove, errors, table=dfirlab.table, show=print),
    "canary": partial(prove, canary),
    "two-providers": partial(prove, two_providers, rounds=4),
    "several": partial(prove, several, rounds=3),
    "turns": partial(prove, turns, small=100, large=20_000),
    "wallet": partial(prove, wallet, rounds=5),
    "kills": partial(prove, kills, kills=1000),
    "stops": partial(prove, stops, stops=500),
    "storms": partial(prove, storms, storms=200),
    "disk-full": partial(prove, full_disk, fills=200),
    "locked": partial(prove, locked, locks=100, longest_seconds=40.0, side_by_side=10),
    "astray": partial(prove, astray, strikes=200),
    "lists": partial(prove, lists, files=50_000, loads=500),
    "cells": partial(prove, cells, values=1_000_000),
    "checks": partial(prove, checks, lists=1_000),
    "imports": partial(prove, imports, kills=200),
    "exports": partial(prove, exports, kills=200),
    "headers": partial(prove, headers, values=100_000),
    "pace": partial(prove, pace, rounds=3, rows=200, windows=TENFOLD),
    "windows-real": partial(prove, windows_real, windows=DEFASTRA, latency=(0.1, 0.3), share=0.97),
    "windows-arrival": partial(prove, windows_real, windows=DEFASTRA, latency=(0.3, 2.0), share=0.97, at="arrival"),
    "outages": partial(prove, outages, rows=3000, show=print),
    "caps": partial(prove, caps, rounds=20),
    "locks": partial(prove, locks, rounds=3),
    "idle-closes": partial(prove, idle_closes, rows=60, idle_seconds=2.0, limits=DEFASTRA, rate="1/s"),
    "idle-closes-by-rate": partial(prove, idle_closes, rows=60, idle_seconds=2.0, limits=NO_LIMITS, rate="1/s"),
    "bad-answers": partial(prove, bad_answers, rounds=5, unpacked_bytes=1 << 29),
    "interrupted": partial(prove, drained, numbers=(signal.SIGINT,), rounds=5),
    "terminated": partial(prove, drained, numbers=(signal.SIGTERM,), rounds=5),
    "interrupted-twice": partial(prove, left, rounds=5),
    "follow": partial(prove, follow, seconds=600.0, kills=3),
    "steered": partial(prove, steered, rounds=5),
    "power-cuts": partial(prove, power_cuts, cuts=10_000),
    "power-cuts-everywhere": partial(prove, power_cuts_everywhere, rows=2, scripts=2, fates=2, again=20, ends=1),
    "power-cuts-loading": partial(prove, power_cuts_loading, cuts=300),
    "power-cuts-normal": partial(prove, power_cuts_weaker, runs=400, synchronous="NORMAL"),
    "power-cuts-off": partial(prove, power_cuts_weaker, runs=100, synchronous="OFF"),
    "syncs-refused": partial(prove, failing_syncs, lives=200),
    "nights": partial(prove, nights, nights=10_000, mode=Mode.SAFETY, show=print),
    "nights-liveness": partial(prove, nights, nights=2_000, mode=Mode.LIVENESS, show=print),
    "mutants": partial(prove, mutants, show=print),
    "traces": partial(prove, traces, seeds=20),
}


def main() -> int:
    """Run them one after the other; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("proofs", nargs="*", metavar="PROOF", help=f"of {', '.join(PROOFS)} (default: all)")
    parser.add_argument("--seed", type=int, help="repeat a violation (default: random)")
    given = parser.parse_args()
    if unknown := set(given.proofs) - set(PROOFS):
        parser.error(f"no such proof: {', '.join(sorted(unknown))}")
    held = [_run(name, given.seed) for name in given.proofs or PROOFS]
    print(f"{sum(held)} of {len(held)} proofs hold", flush=True)
    return 0 if all(held) else 1


def _run(name: str, seed: int | None) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        try:
            counts, word = PROOFS[name](Path(folder), seed=seed), "holds"
        except AssertionError as violation:
            counts, word = str(violation), "VIOLATED"
    print(f"{name}: {word} in {time.monotonic() - began:.0f} s: {counts}", flush=True)
    return word == "holds"


if __name__ == "__main__":
    raise SystemExit(main())
