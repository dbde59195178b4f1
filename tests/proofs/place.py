"""What every proof works with: a folder of its own, the command line as processes in it, its database, checks."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sandbox.process import Sandbox
from tests.warm import warm

ROOT = Path(__file__).resolve().parents[2]
KEY = "proof-key-not-real-0123456789"
KEYS = {"DEFASTRA_API_KEY": KEY, "DEFENDIS_API_KEY": KEY, "DFIRLAB_API_KEY": "sk-dfir-" + "proofKeyNotReal0" * 2}
BATCH = "list-defastra-email"
RUN = ("run", "list.csv", "-p", "defastra.email")
LOOK_SECONDS = 0.01
NO_LIMITS = ((100_000, 1.0),)

Windows = Sequence[tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class Done:
    """A process that ended. `peak_bytes` is the most memory it was seen to hold."""

    code: int
    out: str
    err: str
    peak_bytes: int

    @property
    def status(self) -> dict[str, Any]:
        """The object of `--json`. AssertionError when stdout is anything else."""
        try:
            status: dict[str, Any] = json.loads(self.out)
        except ValueError as error:
            raise AssertionError(f"exit {self.code} without a status, with {self.err}") from error
        return status


class Process:
    """A command at work. What it prints goes to files, so that no full pipe ever holds it up."""

    def __init__(self, popen: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.popen = popen
        self.pid = popen.pid
        self._out = out
        self._err = err
        self._peak_bytes = 0

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        self._measure()
        return self.popen.poll() is not None

    @property
    def said(self) -> str:
        """Its stderr so far."""
        return self._err.read_text()

    def send(self, number: signal.Signals) -> None:
        """Signal it, and it alone."""
        self.popen.send_signal(number)

    def wait(self, seconds: float = 60.0) -> Done:
        """Its end; AssertionError, and the end of the process, when it takes longer."""
        until(lambda: self.ended, what="the command to end", seconds=seconds)
        return Done(code=self.popen.wait(), out=self._out.read_text(), err=self.said, peak_bytes=self._peak_bytes)

    def _measure(self) -> None:
        # The high-water mark of /proc starts with the program; that of wait4 would include this process's own.
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return
        marks = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        self._peak_bytes = max([self._peak_bytes, *(int(mark) * 1024 for mark in marks)])


class Place:
    """A folder with a runner.toml that sends a provider's requests to a sandbox.

    `more`: further lines of its table. `environ`: variables beside this process's own, the keys to begin with.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        provider: str = "defastra",
        environ: Mapping[str, str] = KEYS,
        runtime: Path | None = None,
        limits: Windows = NO_LIMITS,
        in_flight: int = 8,
        timeout: float = 30,
        retry: str = "{}",
        more: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.runtime = runtime or folder / "runtime"
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._environ = dict(environ)
        self._started = 0
        windows = ", ".join(f"{{ at_most = {at_most}, per_seconds = {seconds:g} }}" for at_most, seconds in limits)
        (folder / "runner.toml").write_text(
            f"[providers.{provider}]\nlimits = [{windows}]\nconcurrency = {{ in_flight = {in_flight} }}\n"
            f'retry = {retry}\nhttp = {{ base_url = "{url}", timeout = {timeout:g} }}\n{more}'
        )

    def write_list(self, values: Sequence[str], name: str = "list.csv") -> None:
        """A list with the column email."""
        rows = [f"{number:05d},{value},note {number}" for number, value in enumerate(values, 1)]
        (self.folder / name).write_text("\n".join(["id,email,note", *rows, ""]))

    def rows(self, name: str = f"{BATCH}.csv") -> list[list[str]]:
        """The lines of an exported file, header first; the lists of proofs need no quoting."""
        return [line.split(",") for line in (self.folder / name).read_text().splitlines()]

    def process(self, *arguments: str) -> AbstractContextManager[Process]:
        """`runner ARGUMENTS` at work while inside; whatever is left of it then is killed."""
        return self._process([sys.executable, "-m", "runner", *arguments])

    @contextmanager
    def _process(self, command: Sequence[str]) -> Iterator[Process]:
        self._started += 1
        out, err = (self.runtime / f"{self.folder.name}-{self._started}.{kind}" for kind in ("out", "err"))
        with out.open("wb") as to_out, err.open("wb") as to_err:
            popen = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
            )
        try:
            yield Process(popen, out, err)
        finally:
            popen.kill()
            popen.wait()

    def runner(self, *arguments: str, seconds: float = 60.0) -> Done:
        """`runner ARGUMENTS`, to its end: what is not killed need not be a process from the start, unless it is to
        import something of its own."""
        if "PYTHONPATH" in self._environ:
            with self.process(*arguments) as process:
                return process.wait(seconds)
        with self._process([str(warm().command), *arguments]) as process:
            return process.wait(seconds)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the database, read only; none while there is no database or no table yet."""
        path = self.folder / "runner.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'v_attempts'").fetchone():
                return []
            return connection.execute(sql).fetchall()

    def number(self, sql: str) -> int:
        """The one number of a query; 0 where there is nothing to ask yet."""
        rows = self.query(sql)
        return int(rows[0][0]) if rows else 0

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("RUNNER_") and name not in KEYS
        }
        path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")]))
        folders = dict.fromkeys(("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"), str(self.runtime))
        own = {"PYTHONPATH": path} | folders
        return kept | own | self._environ


def people(count: int) -> list[str]:
    """So many different addresses."""
    return [f"person{number}@example.com" for number in range(1, count + 1)]


def until(met: Callable[[], bool], *, what: str, seconds: float = 20.0) -> None:
    """Look again and again until it is so."""
    deadline = time.monotonic() + seconds
    while not met():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        pause(LOOK_SECONDS)


def pause(seconds: float) -> None:
    """Let other processes go on for a moment that the proof has drawn."""
    threading.Event().wait(seconds)


def received(world: Sandbox) -> int:
    """How many requests the provider saw so far."""
    return int(world.summary()["requests"])


def same(what: str, found: object, expected: object) -> None:
    """The assertion of a proof: it says what it compared wherever it runs."""
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, not {expected!r}")


def holds(what: str, true: bool) -> None:
    """An assertion that is not an equality."""
    if not true:
        raise AssertionError(what)


def draw(seed: int) -> random.Random:
    """The chance of a proof."""
    return random.Random(seed)
