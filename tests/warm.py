"""The command line as a process of its own, without waiting for its imports each time.

A process imports everything once and forks for each command: what runs then is the same program, with its own process
id, streams, directory and environment. `Warm.command` is what takes `python -m runner`'s place, `Warm.script` that of
`python` before a file; they hand their streams over and pass signals on. Tests of kills, of start-up and of packaging
start the real thing instead.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import random
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LATE = (
    "alembic.command",
    "alembic.config",
    "email_validator",
    "h11",
    "httpx",
    "phonenumbers",
    "rich.live",
    "sqlalchemy",
)
"""What commands import when they need it."""

# Asks for as little as it can: it is started for every command. Its own streams go along with the first message.
_CLIENT = """#!{python} -ISE
import json, os, signal, socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect({address!r})
given = json.dumps([{program!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode("utf-8", "surrogateescape")
socket.send_fds(there, [len(given).to_bytes(4, "big")], [0, 1, 2])
there.sendall(given)
pid = int.from_bytes(there.recv(4, socket.MSG_WAITALL), "big")
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, frame: os.kill(pid, number))
code = int.from_bytes(there.recv(4, socket.MSG_WAITALL), "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class Warm:
    """A server of forks, and the clients that stand for `runner` (`command`) and for `python FILE` (`script`).

    Ends with the process that made it.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="warm-"))
        address = self._folder / "socket"
        self.command, self.script = self._folder / "runner", self._folder / "python"
        for client in (self.command, self.script):
            text = _CLIENT.format(python=sys.executable, address=str(address), program=client.name)
            client.write_text(text)
            client.chmod(0o700)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(address)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"
        atexit.register(self.close)

    def close(self) -> None:
        """End the server; the commands that still run are left alone."""
        self._server.kill()
        self._server.wait()
        for left in self._folder.iterdir():
            left.unlink(missing_ok=True)
        self._folder.rmdir()


_one = functools.cache(Warm)
_turn = threading.Lock()


def warm() -> Warm:
    """The one of this process, whichever thread asks."""
    with _turn:
        return _one()


def serve(address: str) -> None:
    """Import everything, then fork for each client until whoever started this is gone."""
    for module in pkgutil.walk_packages([str(ROOT / "runner")], "runner."):
        if module.name != "runner.__main__":
            importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who attends
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    os.write(1, b"ready\n")
    while True:
        client, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return attend(client)
        client.close()


def attend(client: socket.socket) -> None:
    """Fork the command and tell the client how it ends. In the fork this returns what `main` raised: nothing."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(client, 4, 3)
    given = client.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
    program, arguments, folder, environment = json.loads(given.decode("utf-8", "surrogateescape"))
    pid = os.fork()
    if pid == 0:
        client.close()
        return become(program, arguments, folder, environment, streams)
    for stream in streams:
        os.close(stream)
    client.sendall(pid.to_bytes(4, "big"))
    threading.Thread(target=_end_with_client, args=(client, pid), daemon=True).start()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    with contextlib.suppress(OSError):
        client.sendall(code.to_bytes(4, "big", signed=True))
    os._exit(0)


def become(program: str, arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """Be the command: its streams, folder, environment; then as `python -m runner` does, or `python FILE`."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    random.seed()
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", 1 if "PYTHONUNBUFFERED" in environment else -1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    if program == "python":
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
        return
    sys.argv = ["runner", *arguments]
    runpy.run_module("runner", run_name="__main__")


def _end_with_stdin() -> None:
    os.read(0, 1)
    os._exit(0)


def _end_with_client(client: socket.socket, pid: int) -> None:
    if not client.recv(1):  # it is gone: killed, or told how the command ended
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve(sys.argv[1])
