"""Lists in and out: CPU, wall time and memory beside the loops a user would write; status and claims as lists grow.

    python benchmarks/rows.py [--rows 1000000] [--rounds 3] [--only load export memory growth] [--huge] [--folder DIR]

Every variant runs in a process of its own, in turn; ratios are taken inside a round and quoted as median [least-most].
CPU is that of the whole process (user and system, start-up included) over the rows. `--huge` adds 10,000,000 rows to
memory and growth: about 40 GB in the folder, and an hour.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOOPS = [sys.executable, str(HERE / "loops.py")]
RUNNER = [sys.executable, "-m", "runner"]
BOTH = ["-p", "defastra.email", "-p", "defastra.phone"]
BATCH = "list"
LITTLE = 1_000
SAID = 1 << 16
"""Bytes of what a process says that are kept: a whole export read here would be in the peak of every later child."""
HUGE = 10_000_000
PLAIN = """
schema = 1
name = "plain"
title = "Plain"
docs = ["https://example.com"]
checked = 2026-01-01
[http]
base_url = "http://127.0.0.1:9"
auth = { header = "X-Key", secret = { env = "DEFASTRA_API_KEY" } }
[operations.one]
method = "GET"
path = "/{id}"
safe = true
[operations.one.input]
id = { kind = "text" }
[operations.one.columns]
a = "a"
[[rules]]
name = "success"
when = { status = 200 }
then = "succeed"
debited = "yes"
[[rules]]
name = "other"
when = {}
then = "halt"
debited = "unknown"
[[examples]]
rule = "success"
answer = { status = 200, body = { a = 1 } }
[[examples]]
rule = "other"
answer = { status = 500 }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one process took."""

    wall: float  # seconds
    cpu: float
    peak_mb: float
    said: str


def cost(command: Sequence[str], folder: Path) -> Cost:
    """Run it to its end."""
    environment = os.environ | {"DEFASTRA_API_KEY": "not-a-key", "XDG_CONFIG_HOME": str(folder / "config")}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}\n{errors.read().decode()}")
        peak = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
        return Cost(wall=wall, cpu=used.ru_utime + used.ru_stime, peak_mb=peak, said=out.read(SAID).decode())


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median [least-most]."""
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def database(folder: Path, name: str) -> Path:
    """A name for a file that is not there."""
    for old in folder.glob(f"{name}.db*"):
        old.unlink()
    return folder / f"{name}.db"


def load(folder: Path, source: Path, *operations: str) -> tuple[list[str], Path]:
    """`runner load` of a list into a new database."""
    target = database(folder, "ours")
    wanted = list(operations or BOTH)
    return [*RUNNER, "load", str(source), *wanted, "--batch", BATCH, "--db", str(target)], target


def the_list(folder: Path, rows: int) -> Path:
    """Made once."""
    source = folder / f"list-{rows}.csv"
    if not source.exists():
        subprocess.run([sys.executable, str(HERE / "lists.py"), "list", str(rows), str(source)], check=True)
    return source


def answered(folder: Path, rows: int) -> Path:
    """A database with the outcomes of a list, made once."""
    kept = folder / f"answered-{rows}.db"
    if not kept.exists():
        command, made = load(folder, the_list(folder, rows))
        cost(command, folder)
        subprocess.run([sys.executable, str(HERE / "lists.py"), "answer", str(made)], check=True)
        made.rename(kept)
    return kept


def compare(title: str, rows: int, rounds: int, variants: dict[str, Callable[[], Cost]], to: Sequence[str]) -> None:
    """One table: each variant's cost, and its CPU and wall time over those of others."""
    costs: dict[str, list[Cost]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            costs[name].append(run())
    print(f"\n{title}: {rows:,} rows, {rounds} rounds")
    for name, found in costs.items():
        line = f"  {name:42} CPU {spread([one.cpu / rows * 1e6 for one in found], 1):>20} us a row"
        line += (
            f"   wall {spread([one.wall for one in found], 1):>20} s   peak {max(one.peak_mb for one in found):4.0f} MB"
        )
        for other in to:
            if other != name:
                by_cpu = spread([a.cpu / b.cpu for a, b in zip(found, costs[other], strict=True)])
                by_wall = spread([a.wall / b.wall for a, b in zip(found, costs[other], strict=True)])
                line += f"   x {other}: CPU {by_cpu}, wall {by_wall}"
        print(line, flush=True)


def loads(folder: Path, rows: int, rounds: int) -> None:
    """Import beside plain loops."""
    source = the_list(folder, rows)
    (folder / "plain.toml").write_text(PLAIN)
    naive = folder / "naive.db"
    variants = {
        "raw": lambda: cost([*LOOPS, "raw", str(source), str(database(folder, "raw"))], folder),
        "ours, no normalisation": lambda: cost(
            load(folder, source, "-p", "./plain.toml:one", "--map", "id=id")[0], folder
        ),
        "naive": lambda: cost([*LOOPS, "naive", str(source), str(database(folder, "naive"))], folder),
        "ours": lambda: cost(load(folder, source)[0], folder),
    }
    compare("load", rows, rounds, variants, ("raw", "naive"))
    # Never in this process: what it has used at most, its children on Linux begin with.
    ours, theirs = (cost([*LOOPS, "accepted", str(path)], folder).said.strip() for path in (folder / "ours.db", naive))
    print(f"  accepted values: {ours}; {'the naive loop accepts the same' if ours == theirs else f'naive: {theirs}'}")
    if ours != theirs:
        raise SystemExit("the accepted values differ")


def exports(folder: Path, rows: int, rounds: int) -> None:
    """Export beside the csv module and SQLite's own shell."""
    kept, out = answered(folder, rows), folder / "out.csv"
    export = [*RUNNER, "export", BATCH, "--db", str(kept), "-o", str(out), "--overwrite"]
    variants = {
        "csv.writer": lambda: cost([*LOOPS, "csv", str(kept), str(out.with_name("plain.csv"))], folder),
        "ours": lambda: cost(export, folder),
        "ours, own columns": lambda: cost([*export, "--columns", "id,email,phone"], folder),
    }
    shell = shutil.which("sqlite3")
    if shell:
        query = cost([*LOOPS, "query", str(kept)], folder).said
        variants["sqlite3 -csv"] = lambda: cost([shell, "-csv", "-header", str(kept), query], folder)
    compare("export, 41 columns", rows, rounds, variants, ("csv.writer",))
    if not shell:
        print("  sqlite3 -csv: not here")


def memory(folder: Path, sizes: Sequence[int]) -> None:
    """Peaks of whole processes."""
    print("\npeak memory, MB")
    for rows in sizes:
        command, _ = load(folder, the_list(folder, rows))
        loaded = cost(command, folder).peak_mb
        export = [*RUNNER, "export", BATCH, "--db", str(answered(folder, rows)), "-o", "out.csv", "--overwrite"]
        print(f"  {rows:>10,} rows   load {loaded:5.0f}   export {cost(export, folder).peak_mb:5.0f}", flush=True)


def growth(folder: Path, sizes: Sequence[int], rounds: int) -> None:
    """What must not grow with the list: seconds of whole processes, and the first claim of a run."""
    print(f"\nas lists grow, {rounds} rounds")
    for rows in sizes:
        kept = str(answered(folder, rows))
        asked: dict[str, Callable[[], float]] = {
            "status, CPU s": lambda: cost([*RUNNER, "status", BATCH, "--db", kept], folder).cpu,  # noqa: B023 - called at once
            "export --limit 100, CPU s": lambda: (
                cost(
                    [*RUNNER, "export", BATCH, "--db", kept, "-o", "-", "--limit", "100"],  # noqa: B023 - as above
                    folder,
                ).cpu
            ),
            "first claim, ms": lambda: float(cost([*LOOPS, "claim", _copy(kept)], folder).said),  # noqa: B023 - as above
        }
        line = "".join(f"   {name} {spread([ask() for _ in range(rounds)]):>18}" for name, ask in asked.items())
        print(f"  {rows:>10,} rows{line}", flush=True)


def _copy(kept: str) -> str:
    """A run changes its batch: never that of the other questions."""
    target = Path(kept).with_name("claimed.db")
    for old in target.parent.glob("claimed.db*"):
        old.unlink()
    shutil.copy(kept, target)
    return str(target)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    every = ("load", "export", "memory", "growth")
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--huge", action="store_true")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where lists and databases are made; kept if it is given"
    )
    arguments = parser.parse_args()
    sizes = sorted({LITTLE, max(LITTLE, arguments.rows // 100), arguments.rows, *([HUGE] if arguments.huge else [])})
    with tempfile.TemporaryDirectory() as own:
        folder = (arguments.folder or Path(own)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if "load" in arguments.only:
            loads(folder, arguments.rows, arguments.rounds)
        if "export" in arguments.only:
            exports(folder, arguments.rows, arguments.rounds)
        if "memory" in arguments.only:
            memory(folder, sizes)
        if "growth" in arguments.only:
            growth(folder, sizes, arguments.rounds)


if __name__ == "__main__":
    main()
