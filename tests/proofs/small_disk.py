"""A file system of a few megabytes, mounted where nobody but the proof itself sees it: it is gone with its process."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MEGABYTES = 16
_WAYS = (("unshare", "--mount"), ("unshare", "--user", "--map-root-user", "--mount"))
_MOUNT = ("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0700", "tmpfs")


def way_to_mount(folder: Path) -> tuple[str, ...] | None:
    """The command in front of another that may mount, tried at this folder; None where this machine allows none."""
    folder.mkdir(parents=True, exist_ok=True)
    return next((way for way in _WAYS if _succeeds([*way, *_MOUNT, str(folder)])), None)


def on_small_disk(way: tuple[str, ...], disk: Path, proof: Callable[..., Mapping[str, Any]], **figures: Any) -> Any:
    """What `proof(disk, **figures)`, a function of a module, comes to when `disk` is the small file system.

    All is JSON. AssertionError as the proof's own.
    """
    given = {"disk": str(disk), "module": proof.__module__, "proof": proof.__name__, "figures": figures}
    command = [*way, sys.executable, "-m", "tests.proofs.small_disk", json.dumps(given)]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    try:
        told = json.loads(done.stdout)
    except ValueError as error:
        raise AssertionError(f"the proof on the small disk ended with {done.returncode} and no result") from error
    if "violation" in told:
        raise AssertionError(told["violation"])
    return told["result"]


def fill(disk: Path, name: str = "filler") -> None:
    """Take all the room there is, to the last page; again and again if it is to stay so."""
    descriptor = os.open(disk / name, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in (1 << 20, 1 << 16, 1 << 12):
            _take(descriptor, size)
    finally:
        os.close(descriptor)


def free(disk: Path, name: str = "filler") -> None:
    """Give it back."""
    (disk / name).unlink(missing_ok=True)


def _take(descriptor: int, size: int) -> None:
    while True:
        try:
            os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, size)
        except OSError:  # there is no room for so much
            return


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:  # there is no such program
        return False


def _main(given: Mapping[str, Any]) -> None:
    disk = Path(given["disk"])
    subprocess.run([*_MOUNT, str(disk)], check=True)
    proof = getattr(importlib.import_module(given["module"]), given["proof"])
    try:
        told = {"result": proof(disk, **given["figures"])}
    except AssertionError as violation:
        told = {"violation": str(violation)}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
