"""`status --watch` at a terminal, in place, and how it ends: by a signal, an error, or a reader that is gone."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pyte
import pytest

from runner.cli import watching
from runner.cli.look import Look
from runner.cli.terminal import Screen, prepare_streams
from runner.errors import StoreError


class Tty(io.TextIOWrapper):
    """A stream that says it is a terminal, and keeps what was written."""

    def __init__(self, encoding: str) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding)

    def isatty(self) -> bool:
        """Yes."""
        return True

    def shown(self) -> tuple[list[str], bool]:
        """The lines that are to be seen, and whether the cursor is."""
        self.flush()
        screen = pyte.Screen(80, 24)
        pyte.Stream(screen).feed(self.bytes.getvalue().decode(self.encoding).replace("\n", "\r\n"))
        return [line.rstrip() for line in screen.display if line.strip()], not screen.cursor.hidden


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tty]:
    """Makes stdout a terminal of an encoding."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.001)
    monkeypatch.setenv("TERM", "xterm-256color")

    def make(encoding: str = "utf-8") -> Tty:
        stream = Tty(encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        prepare_streams()
        return stream

    return make


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """A signal that is not caught by what is tested ends a test, not all of them."""

    def fail(number: int, _: FrameType | None) -> None:
        raise AssertionError(f"nobody took signal {number}")

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, fail) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def texts(*seen: str | Exception, over: bool = True, then: Callable[[], object] = lambda: None) -> Callable[[], Look]:
    """One after the other; what is over at the last, or `then` happens and it stays as it is."""
    left = list(seen)
    more = iter(range(100))

    def look() -> Look:
        last = len(left) == 1
        now = left[0] if last else left.pop(0)
        if isinstance(now, Exception):
            raise now
        if last and not over:
            assert next(more) < 99, "it never ends"
            then()
        return Look(text=now, value={"text": now}, fingerprint=now, over=last and over)

    return look


def test_at_a_terminal_the_last_look_stays(terminal: Callable[..., Tty]) -> None:
    """Each replaces the one before, until everything is over."""
    stream = terminal()
    assert watching.follow(texts("running, 1 of 3", "running, 2 of 3", "completed"), Screen(), json=False) == 0
    assert stream.shown() == (["completed"], True)


def test_json_at_a_terminal_is_lines_all_the_same(terminal: Callable[..., Tty]) -> None:
    """Each look that differs is an object on a line of its own: nothing takes its place, and no cursor is moved."""
    stream = terminal()
    assert watching.follow(texts("running", "running", "completed"), Screen(), json=True) == 0
    stream.flush()
    written = stream.bytes.getvalue().decode()
    assert [json.loads(line)["text"] for line in written.splitlines()] == ["running", "completed"]
    assert "\x1b" not in written


def test_a_line_that_is_cut_says_so() -> None:
    """What is drawn in place keeps to the room that it has, and shows where there is more."""
    text = "leads: running\n  next      runner export leads\n"
    assert [line.plain for line in watching.fitted(text, 20, 2, "…")] == ["leads: running", "  next      runner …"]
    assert [line.plain for line in watching.fitted(text, 20, 1, "...")] == ["..."]
    assert [line.plain for line in watching.fitted(text, 40, 2, "…")] == text.splitlines()


def test_the_last_look_stands_whole(terminal: Callable[..., Tty]) -> None:
    """The next command can be pasted when the watching is over, however narrow the window is and low."""
    stream = terminal()
    command = f"  next      runner export {'leads-' * 12}defastra-email --only failed -o x.csv"
    more = "\n".join(f"lane {number}" for number in range(10))
    assert watching.follow(texts(f"running\n{command}", f"{more}\n{command}"), Screen(), json=False) == 0
    lines, cursor = stream.shown()
    assert (lines[:10], "".join(lines[10:]), cursor) == (more.splitlines(), command, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_its_code_and_the_cursor(
    number: signal.Signals, code: int, terminal: Callable[..., Tty], capsys: pytest.CaptureFixture[str]
) -> None:
    """As it ends a run: the cursor is to be seen again, and the last picture stays."""
    stream = terminal()
    look = texts("running", "paused", over=False, then=lambda: os.kill(os.getpid(), number))
    assert watching.follow(look, Screen(), json=False) == code
    assert stream.shown() == (["paused"], True)
    assert capsys.readouterr().err == ("interrupted\n" if code == 130 else "")


def test_a_signal_ends_what_is_written_to_a_file(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Without waiting for the next look."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 1000.0)
    look = texts("paused", over=False, then=lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert watching.follow(look, Screen(), json=True) == 143
    assert json.loads(capsys.readouterr().out) == {"text": "paused"}


def test_an_error_is_its_own_and_shows_the_cursor(terminal: Callable[..., Tty]) -> None:
    """A database that is gone while it is looked at."""
    stream = terminal()
    with pytest.raises(StoreError, match="gone"):
        watching.follow(texts("running", StoreError("gone")), Screen(), json=False)
    assert stream.shown() == (["running"], True)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_letter_that_the_terminal_has_not_is_escaped(encoding: str, terminal: Callable[..., Tty]) -> None:
    """It neither ends the watching nor hides the cursor."""
    stream = terminal(encoding)
    assert watching.follow(texts("running", "łódź.csv"), Screen(), json=False) == 0
    (line,), cursor = stream.shown()
    assert line == {"ascii": "\\u0142\\u00f3d\\u017a.csv", "latin-1": "\\u0142ód\\u017a.csv"}[encoding]
    assert cursor


def test_a_reader_that_is_gone_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`| head -1` of a batch that is paused: there is nothing more to write, so that no write would fail."""
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.0)
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream, os.fdopen(read) as reader:
        monkeypatch.setattr(sys, "stdout", stream)
        look = texts("paused", "paused", over=False, then=reader.close)
        assert watching.follow(look, Screen(), json=True) == 0
