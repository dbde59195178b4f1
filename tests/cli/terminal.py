"""A person at a real terminal: types when asked, and has seen everything that was shown."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

from tests.cli.place import clean_environment

PATIENCE_SECONDS = 30.0


class Terminal:
    """The command line on a terminal of its own. Use as a context manager; `shown` is everything on the screen."""

    def __init__(self, folder: Path, *arguments: str, **more: str) -> None:
        self._master, slave = pty.openpty()
        self.shown = ""
        self._seen = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "runner", *arguments],
            cwd=folder,
            env=clean_environment(**more),
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
        self.shown += piece.decode().replace("\r\n", "\n")
        return bool(piece)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)
