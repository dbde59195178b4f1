"""`demo`: the whole thing on a small list, against a provider on this machine. Writes ./runner-demo/ alone."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
from cyclopts import Parameter

from runner.cli.options import Switch
from runner.cli.sandbox import FAKE_KEY
from runner.cli.terminal import Screen
from runner.cli.text import count, number
from runner.errors import RunnerError, UsageError

if TYPE_CHECKING:
    from anyio.abc import Process

    from runner.domain.provider import Provider
    from runner.sandbox.world import World

FOLDER = Path("runner-demo")
LIST = "jobs.example.csv"
RESULT = "result.csv"
# Its paths, and those of what it proposes, are good where the demo was called.
COMMAND = ("run", str(FOLDER / LIST), "-p", "defastra.email", "-p", "defastra.phone", "-o", str(FOLDER / RESULT))
PLACE = ("--db", str(FOLDER / "runner.db"), "--config", str(FOLDER / "runner.toml"))
MARK = "# Written by `runner demo`. The provider it names lives no longer than the demo."

# Defastra's limits with minutes as seconds, nearly: the same shape, ten times as quick.
SETTINGS = """{mark}
[providers.defastra]
limits = [{{ at_most = 60, per_seconds = 6 }}, {{ at_most = 2, per_seconds = 0.1 }}]

[providers.defastra.http]
base_url = "{base_url}"
"""

LATENCY_SECONDS = (0.02, 0.12)
LOOK_SECONDS = 0.01
KILL_AFTER = 16  # charged requests, of 32
GOOD_ENDS = (0, 3)


def demo(
    *,
    crash: Annotated[
        Switch, Parameter(help="Kill the run half-way, and show that the same command pays nothing twice.")
    ] = False,
) -> int:
    """See it work on a small list, against a provider on this machine that charges nothing.

    Writes ./runner-demo/ and nothing else; takes some seconds.
    """
    screen = Screen()
    try:
        _prepare()
    except OSError as error:
        raise UsageError(
            f"./{FOLDER} cannot be written", why=error.strerror or str(error), fix='cd "$(mktemp -d)" && runner demo'
        ) from error
    problem = anyio.run(partial(_play, screen, crash=crash))
    if problem is not None:
        raise problem
    screen.say(f"\nThe rows with their answers are in {FOLDER / RESULT}. Next:")
    command = _called()
    screen.say(f"  cd {FOLDER} && {command} explain {LIST} 3     every request of one row")
    own = f"your own list, in its folder, not in {FOLDER} (needs DEFASTRA_API_KEY)"
    screen.say(f"  {command} run YOUR.csv -p defastra.email       {own}")
    return 0


def _called() -> str:
    """What to type for `runner` here: its whole path where the shell would not find it (`.venv/bin/runner demo`)."""
    called = Path(sys.argv[0])
    found = called.name != "runner" or shutil.which("runner") is not None
    return "runner" if found else shlex.quote(str(called.absolute()))


def example_list() -> Path:
    """The list of the demo: in the installed package, else beside it in a source tree."""
    package = Path(str(files("runner")))
    packaged = package / "_data" / LIST
    return packaged if packaged.is_file() else package.parent / LIST


def _prepare() -> None:
    """An empty folder with the list. UsageError when a folder of that name is somebody else's."""
    settings = FOLDER / "runner.toml"
    if FOLDER.exists():
        ours = settings.is_file() and settings.read_text(encoding="utf-8").startswith(MARK)
        if not ours:
            raise UsageError(
                f"./{FOLDER} is there already, and no demo wrote it",
                why="the demo starts anew each time and would remove what is in it",
                fix=f"mv {FOLDER} {FOLDER}-mine, then runner demo",
            )
        shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    shutil.copyfile(example_list(), FOLDER / LIST)
    _write_settings("http://127.0.0.1:1")


def _write_settings(base_url: str) -> None:
    (FOLDER / "runner.toml").write_text(SETTINGS.format(mark=MARK, base_url=base_url), encoding="utf-8")


def _profile() -> Provider:
    from runner import app

    with app.open(config=FOLDER / "runner.toml") as library:
        return library.provider("defastra")


async def _play(screen: Screen, *, crash: bool) -> RunnerError | None:
    # An error is carried out as a value: a task group would wrap it in a group.
    from runner.sandbox.server import serve
    from runner.sandbox.world import World
    from runner.system import SystemClock, SystemRandomness

    world = World(_profile(), randomness=SystemRandomness(), wallet=1000, latency_seconds=LATENCY_SECONDS)
    async with serve(world, clock=SystemClock()) as base_url:
        _write_settings(base_url)
        rows = len((FOLDER / LIST).read_text(encoding="utf-8").splitlines()) - 1
        screen.say(f"A list of {count(rows, 'row')}, and Defastra played by this machine at {base_url}.")
        if crash:
            await _killed(screen, world)
        return await _finished(screen, world)


async def _finished(screen: Screen, world: World) -> RunnerError | None:
    screen.say(f"\n$ runner {' '.join(COMMAND)}")
    process = await _start(quiet=False)
    code = await process.wait()
    if code not in GOOD_ENDS:
        return RunnerError(
            f"the run of the demo ended with exit {code}",
            why="its own message is above",
            fix=f"cd {FOLDER} && runner status",
        )
    screen.say(f"\n{_books(world)}")
    return None


async def _killed(screen: Screen, world: World) -> None:
    """Run, and kill the process when half of what it will ask was charged."""
    from runner.system import SystemClock

    clock = SystemClock()
    screen.say(f"\n$ runner {' '.join(COMMAND)}\n  ... and in the middle of it: kill -9")
    process = await _start(quiet=True)
    while process.returncode is None and len(world.books.charged()) < KILL_AFTER:
        await clock.sleep_until(clock.monotonic() + LOOK_SECONDS)
    if process.returncode is None:
        process.kill()
    await process.wait()
    screen.say(f"{_books(world)}\nThe same command again:")


async def _start(*, quiet: bool) -> Process:
    words = [*COMMAND, "--yes", *PLACE, *(["-q"] if quiet else [])]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
    return await anyio.open_process(
        [sys.executable, "-P", "-m", "runner", *words],  # -P: nothing of this folder is taken for a module
        env=inherited | {"DEFASTRA_API_KEY": FAKE_KEY},
        stdin=subprocess.DEVNULL,
        stdout=None,
        stderr=None,
    )


def _books(world: World) -> str:
    """What the provider itself wrote down."""
    books = world.books
    twice = len(books.charged_twice())
    return (
        f"Defastra's own books: {count(len(books.entries), 'request')}, {number(len(books.charged()))} charged, "
        f"{number(twice)} of them twice."
    )
