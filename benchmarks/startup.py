"""How long the command line takes until it has answered: its help, and the status of a long list.

    python benchmarks/startup.py [--rounds 20] [--rows 1000000] [--folder DIR]

Wall time of whole processes, one after the other, after one that nobody counts: median [least-most].
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rows import BATCH, RUNNER, answered, cost, spread


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the list and its database are; kept if it is given"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:
        folder = (arguments.folder or Path(own)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        database = str(answered(folder, arguments.rows))
        asked = {
            "--help": ["--help"],
            "run --help": ["run", "--help"],
            f"status, {arguments.rows:,} rows": ["status", BATCH, "--db", database],
        }
        for name, words in asked.items():
            found = [cost([*RUNNER, *words], folder).wall for _ in range(arguments.rounds + 1)][1:]
            print(f"{name:24} {spread(found, 3)} s", flush=True)


if __name__ == "__main__":
    main()
