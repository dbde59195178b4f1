"""A person at a real terminal: types when asked, and has seen everything that was shown."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pyte

from tests.cli.place import clean_environment

PATIENCE_SECONDS = 30.0


class Terminal:
    """The command line on a terminal of its own. Use as a context manager; `shown` is everything on the screen."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        program: tuple[str, ...] = (),
        environment: Mapping[str, str] = MappingProxyType({}),
        **more: str,
    ) -> None:
        """`size`: columns and lines. `program`: what takes the place of `python -m runner`."""
        self._master, slave = pty.openpty()
        self._screen = pyte.Screen(*size)
        self._stream = pyte.Stream(self._screen)
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._say_size(size)
        self.shown = ""
        self._seen = 0
        self._process = subprocess.Popen(
            [*(program or (sys.executable, "-m", "runner")), *arguments],
            cwd=folder,
            env=clean_environment(**environment, **more),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # /dev/tty is this terminal, as for a person
        )
        os.close(slave)

    def answer(self, question: str, text: str) -> None:
        """Wait until the question is shown, then type the answer and Enter."""
        while question not in self.shown[self._seen :]:
            assert self._read(), f"never asked {question!r}: {self.shown!r}"
        self._seen = self.shown.index(question, self._seen) + len(question)
        os.write(self._master, f"{text}\n".encode())

    def wait_for(self, text: str) -> None:
        """Read on until it is shown once more."""
        while text not in self.shown[self._seen :]:
            assert self._read(), f"never shown {text!r}: {self.shown!r}"
        self._seen = len(self.shown)

    def press_ctrl_c(self) -> None:
        """As a person does: the terminal shows `^C`, and interrupts."""
        os.write(self._master, b"\x03")

    def resize(self, columns: int, lines: int) -> None:
        """Make the window another size."""
        self._screen.resize(lines, columns)
        self._say_size((columns, lines))
        os.killpg(self._process.pid, signal.SIGWINCH)

    def screen(self) -> list[str]:
        """What is to be seen now, line by line."""
        return [line.rstrip() for line in self._screen.display]

    def _say_size(self, size: tuple[int, int]) -> None:
        columns, lines = size
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def end(self) -> int:
        """Read on until the command has ended; its exit code."""
        while self._read():
            continue
        return self._process.wait(timeout=PATIENCE_SECONDS)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE_SECONDS)
        assert ready, f"nothing happens: {self.shown!r}"
        try:
            piece = os.read(self._master, 4096)
        except OSError:  # how Linux says that the other side is gone
            return False
        text = self._decode(piece)
        self._stream.feed(text)
        self.shown += text.replace("\r\n", "\n")
        return bool(piece)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)
