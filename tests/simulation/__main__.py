"""Repeat one night: `python -m tests.simulation SEED [--mode liveness] [--trace]`. Exit 1 if it ended badly."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.simulation.draw import draw
from tests.simulation.night import run_night
from tests.simulation.options import Mode
from tests.simulation.oracles import Oracles
from tests.simulation.record import Night


def main() -> int:
    """Print the options, the lives and what was met; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.SAFETY)
    parser.add_argument("--trace", action="store_true", help="print everything that happened, in order")
    parser.add_argument("--digest", action="store_true", help="print the trace's digest alone")
    given = parser.parse_args()
    seen = _Seen()
    with tempfile.TemporaryDirectory() as folder:
        violation = None
        try:
            run_night(given.seed, mode=given.mode, folder=Path(folder), watch=seen, keep_trace=given.trace)
        except AssertionError as error:
            violation = error
        if given.digest:
            print(seen.night.trace.digest)
        else:
            print(draw(given.seed, given.mode).as_json())
            show(seen.night)
    print(f"VIOLATION: {violation}" if violation else "", end="\n" if violation else "")
    return int(violation is not None)


class _Seen(Oracles):
    """Keeps the night at hand, so that it can be shown when an oracle ends it."""

    night: Night

    def begin(self, night: Night) -> None:
        self.night = night
        super().begin(night)


def show(night: Night) -> None:
    """The night for people."""
    print("\n".join(night.trace.lines), end="\n" if night.trace.lines else "")
    for life in night.lives:
        codes = " ".join(f"{batch}={code}" for batch, code in life.exit_codes.items())
        print(
            f"life {life.number}: {life.command} {life.began_at:.1f}-{life.ended_at:.1f} s, {life.end}"
            f" {life.crash or ''} {codes} {' '.join(life.states.values())} {life.error or ''}"
        )
    print(f"{len(night.books)} requests; met: {dict(sorted(night.met.items()))}")
    print(f"trace {night.trace.digest}")


if __name__ == "__main__":
    raise SystemExit(main())
