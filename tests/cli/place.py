"""A folder to work in, and a provider on loopback in a process of its own, for tests of the real command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from runner.cli.main import invoke
from tests.warm import warm

KEY = "test-key-not-real-0123456789"

FAST = """
[providers.defastra]
limits = [{ at_most = 1000, per_seconds = 1 }]
concurrency = { in_flight = 4 }
retry = { attempts = 3, base = 0.01, cap = 0.05 }
"""


@dataclass
class Provider:
    """The sandbox process as its tests see it."""

    base_url: str

    def summary(self) -> dict:
        """Its books since it started."""
        with urllib.request.urlopen(f"{self.base_url}/_sandbox/summary") as answer:
            books: dict = json.load(answer)
            return books

    def ledger(self) -> list[dict]:
        """Every request it saw."""
        with urllib.request.urlopen(f"{self.base_url}/_sandbox/ledger") as answer:
            return [json.loads(line) for line in answer.read().decode().splitlines()]

    def post(self, what: str, value: object) -> None:
        """Change it: `top-up`, `faults`, `next`."""
        request = urllib.request.Request(
            f"{self.base_url}/_sandbox/{what}", data=json.dumps(value).encode(), method="POST"
        )
        urllib.request.urlopen(request).close()


@contextmanager
def sandbox(folder: Path, *flags: str) -> Iterator[Provider]:
    """`runner sandbox defastra` at work in `folder`, whose runner.toml then points to it."""
    (folder / "runner.toml").write_text(FAST)
    process = subprocess.Popen(
        [sys.executable, "-m", "runner", "sandbox", "defastra", *flags],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        base_url = lines[1].split('"')[1]
        use(folder, base_url)
        yield Provider(base_url=base_url)
    finally:
        process.terminate()
        process.communicate()


def use(folder: Path, base_url: str) -> None:
    """Write a runner.toml that sends Defastra's requests to `base_url`, with quick limits."""
    (folder / "runner.toml").write_text(f'{FAST}\n[providers.defastra.http]\nbase_url = "{base_url}"\n')


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without any setting of the runner or size of a screen, and with a fake key."""
    own = ("RUNNER_", "DEFASTRA_", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, "XDG_RUNTIME_DIR": str(locks_folder()), "DEFASTRA_API_KEY": KEY, **more}


def locks_folder() -> Path:
    """Where account locks lie, for machines whose sessions have no runtime directory of their own."""
    folder = Path(tempfile.gettempdir()) / f"runner-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def runner(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The real command line in a process of its own; no terminal."""
    return subprocess.run(
        [str(warm().command), *arguments],
        cwd=folder,
        env=clean_environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def inside(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The same command line in this process: quicker, and as good where no signal, pipe or terminal matters."""
    out, err = io.StringIO(), io.StringIO()
    before, here, wanted = dict(os.environ), Path.cwd(), clean_environment(**more)
    os.environ.clear()
    os.environ.update(wanted)
    os.chdir(folder)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = invoke(arguments)
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def write_list(folder: Path, *emails: str, name: str = "leads.csv") -> Path:
    """A CSV of e-mails with a row number before and a note behind."""
    path = folder / name
    rows = [f"{number},{email},note {number}" for number, email in enumerate(emails, start=1)]
    path.write_text("\n".join(["id,email,note", *rows, ""]))
    return path


def names(who: str, count: int) -> list[str]:
    """Addresses that no other test asks about."""
    return [f"{who}{number}@example.com" for number in range(count)]


def seen(provider: Provider, who: str) -> list[dict]:
    """What the provider's books say of these addresses."""
    return [entry for entry in provider.ledger() if entry["value"].startswith(who)]


RUN = ("run", "leads.csv", "-p", "defastra.email")
