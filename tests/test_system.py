"""The machine's own clocks, signals, and programs of the user's: how a suspend is told, what a program gets, when it
ends."""

from __future__ import annotations

import ast
import errno
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
import pytest

import runner.system
from runner.engine.stop import StopSignal
from runner.system import EXIT_BY_SIGNAL, SystemClock, drive, run_program, signals


class Clocks:
    """Stands in for the module `time`: both clocks go on, one of them also in a suspend; reading takes time."""

    CLOCK_MONOTONIC, CLOCK_BOOTTIME = 1, 7

    def __init__(self) -> None:
        self.awake = 1_000_000.0
        self.asleep = 5_000.0
        self.reading = 0.0

    def clock_gettime(self, which: int) -> float:
        """Read one; a process that is stopped meanwhile takes long."""
        now = self.awake + (self.asleep if which == self.CLOCK_BOOTTIME else 0.0)
        self.awake += self.reading
        return now


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """In place of the real ones."""
    fake = Clocks()
    monkeypatch.setattr(runner.system, "time", fake)
    monkeypatch.setattr(runner.system, "_WITH_SLEEP_AND_WITHOUT", (fake.CLOCK_BOOTTIME, fake.CLOCK_MONOTONIC))
    return fake


def test_a_suspend_is_what_one_clock_counts_and_the_other_does_not(clocks: Clocks) -> None:
    """From when the clock was made on; what was slept before is no news."""
    clock = SystemClock()
    assert clock.asleep_seconds() == 0
    clocks.awake += 100
    assert clock.asleep_seconds() == 0
    clocks.asleep += 28_800
    assert clock.asleep_seconds() == pytest.approx(28_800)
    clocks.asleep += 60
    assert clock.asleep_seconds() == pytest.approx(28_860)


def test_it_is_never_too_much_and_never_goes_back(clocks: Clocks) -> None:
    """A process that is stopped between the two readings slept less for it, not more; the next reading makes up."""
    clocks.reading = 3.0
    clock = SystemClock()
    assert clock.asleep_seconds() == 0
    clocks.asleep += 28_800
    assert 28_700 < clock.asleep_seconds() <= 28_800
    clocks.reading = 500.0
    before = clock.asleep_seconds()
    assert clock.asleep_seconds() == before
    clocks.reading = 0.0
    assert before <= clock.asleep_seconds() <= 28_800


def test_a_system_without_such_clocks_never_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: its monotonic clock counts a suspend by itself."""
    monkeypatch.setattr(runner.system, "_WITH_SLEEP_AND_WITHOUT", None)
    assert SystemClock().asleep_seconds() == 0


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="other systems have other clocks")
def test_linux_has_them() -> None:
    """And a machine that is awake does not sleep."""
    assert runner.system._WITH_SLEEP_AND_WITHOUT == (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC)
    clock = SystemClock()
    assert all(clock.asleep_seconds() == 0 for _ in range(1000))


def program(code: str) -> list[str]:
    """A piece of Python as a program of the user's."""
    return [sys.executable, "-S", "-E", "-c", code]


def ran(code: str, *, stdin: bytes = b"", seconds: float = 20.0, **environment: str) -> int | None:
    """What became of it."""
    return anyio.run(partial(run_program, program(code), stdin=stdin, environment=environment, seconds=seconds))


def test_a_program_gets_its_words_and_no_shell(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Stdin and variables are those given, nothing else; what it prints goes nowhere; its exit code comes back."""
    place = tmp_path / "told"
    code = (
        "import os, sys; print('noise'); print('noise', file=sys.stderr); "
        f"open({str(place)!r}, 'wb').write(sys.stdin.buffer.read() + repr(sorted(os.environ)).encode()); sys.exit(3)"
    )
    assert ran(code, stdin=b"message ", RUNNER_EVENT="halt; $(exit)") == 3
    assert place.read_text().startswith("message ['")
    assert set(ast.literal_eval(place.read_text().removeprefix("message "))) <= {"RUNNER_EVENT", "LC_CTYPE"}
    assert capfd.readouterr() == ("", "")


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    """It reads nothing, and its child holds a pipe: were that left alive, the pipe would have no end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    words = ["sh", "-c", f"(echo begun; exec sleep 30) > {pipe} & exec sleep 30"]
    assert anyio.run(partial(run_program, words, stdin=b"x" * 1_000_000, environment=os.environ, seconds=0.5)) is None
    try:
        assert os.read(reading, 100) == b"begun\n"
        assert select.select([reading], [], [], 10)[0], "its child is still alive"
        assert os.read(reading, 100) == b""
    finally:
        os.close(reading)


def test_a_program_that_is_not_there_is_an_os_error() -> None:
    """Whoever asked for it says so."""
    with pytest.raises(OSError, match="No such file"):
        anyio.run(partial(run_program, ["./no-such-program"], stdin=b"", environment={}, seconds=1))


def test_a_program_that_may_not_be_ended_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that became another user's: nothing waits for it."""
    begin, end, begun = anyio.open_process, os.killpg, []

    async def kept(*words: Any, **how: Any) -> anyio.abc.Process:
        begun.append(await begin(*words, **how))
        return begun[0]

    def refuses(*_: Any) -> None:
        raise PermissionError

    async def left() -> int | None:
        code = await run_program(program("import signal; signal.pause()"), stdin=b"", environment={}, seconds=0)
        assert begun[0].returncode is None
        end(begun[0].pid, signal.SIGKILL)
        await begun[0].wait()
        return code

    monkeypatch.setattr(anyio, "open_process", kept)
    monkeypatch.setattr(os, "killpg", refuses)
    monkeypatch.setattr(subprocess.Popen, "kill", refuses)
    monkeypatch.setattr(runner.system, "_GONE_SECONDS", 0.0)
    assert anyio.run(left) is None


def test_a_look_up_that_gets_no_thread_is_trouble_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent; the row and its provider are well."""

    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def look_up() -> None:
        with monkeypatch.context() as patch:  # the end of the loop needs a thread too
            patch.setattr(threading.Thread, "start", full)
            await anyio.getaddrinfo("some.example", 443)

    with pytest.raises(OSError, match="can't start new thread") as told:
        drive(look_up)
    assert told.value.errno == errno.EAGAIN


def test_a_name_that_nobody_answers_for_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver knows no deadline: neither the end of the loop waits for it, nor that of the process."""
    begun, over, before = threading.Event(), threading.Event(), set(threading.enumerate())
    waited: list[bool] = []

    def resolver(*_: Any, **__: Any) -> list[Any]:
        begun.set()
        waited.append(not over.wait(10))
        return []

    async def look_up() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.getaddrinfo, "dead.example", 443)
            await anyio.to_thread.run_sync(begun.wait)
            group.cancel_scope.cancel()

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    drive(look_up)
    left = set(threading.enumerate()) - before
    over.set()
    assert waited in ([], [False])
    assert all(thread.daemon for thread in left)
    for thread in left:
        thread.join()


@pytest.mark.parametrize(
    ("first", "second", "seconds", "left"),
    [
        (signal.SIGINT, signal.SIGINT, 0.4, 130),
        (signal.SIGINT, signal.SIGTERM, 0.4, 143),
        (signal.SIGINT, signal.SIGHUP, 0.4, None),
        (signal.SIGTERM, signal.SIGINT, 0.02, None),
    ],
)
def test_a_second_wish_is_told_by_when_it_came(
    first: signal.Signals, second: signal.Signals, seconds: float, left: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by when a busy loop gets to it."""
    stop, now, codes, words = StopSignal(), [time.monotonic() - 1], list[int](), list[None]()

    async def main() -> None:
        stopped = anyio.Event()
        stop.listen(stopped.set)
        async with signals(stop, last_words=lambda: words.append(None)):
            signal.raise_signal(first)
            now[0] += seconds
            signal.raise_signal(second)
            await stopped.wait()
            await anyio.wait_all_tasks_blocked()

    monkeypatch.setattr(runner.system, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(os, "_exit", codes.append)
    anyio.run(main)
    assert stop.reason == f"signal:{EXIT_BY_SIGNAL[first]}"
    assert (codes, len(words)) == ([] if left is None else [left], left is not None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
