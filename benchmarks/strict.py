"""A loopback server that keeps an exact log of when each request had arrived: `GET /stamps` returns it and forgets.

It answers after a random time, whatever its log says: a request that would have been refused is one all the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from loopback import Responder, request_size


class Logging(Responder):
    """One connection: each request is stamped when its last byte is read."""

    def __init__(self, seconds: tuple[float, float], stamps: list[float]) -> None:
        super().__init__(0.0)
        self._seconds = seconds
        self._stamps = stamps

    def data_received(self, data: bytes) -> None:
        """Stamp each whole request, and answer it later."""
        self._buffer += data
        while (size := request_size(self._buffer)) is not None:
            head, self._buffer = self._buffer[:size], self._buffer[size:]
            if head.startswith(b"GET /stamps "):
                body = json.dumps(self._stamps).encode()
                self._stamps.clear()
                length = str(len(body)).encode()
                self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n" + body)
            else:
                self._stamps.append(time.monotonic())
                asyncio.get_running_loop().call_later(random.uniform(*self._seconds), self._answer)


@contextmanager
def strict_server(least_seconds: float, most_seconds: float) -> Iterator[str]:
    """Run it in another process, with answers after so long; yields its base URL."""
    command = [sys.executable, str(Path(__file__).resolve()), str(least_seconds), str(most_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def stamps(url: str) -> list[float]:
    """The log since the last call."""
    with urllib.request.urlopen(url + "/stamps", timeout=30) as answer:
        found: list[float] = json.load(answer)
    return found


async def _serve(seconds: tuple[float, float]) -> None:
    log: list[float] = []
    server = await asyncio.get_running_loop().create_server(
        partial(Logging, seconds, log), "127.0.0.1", 0, backlog=1024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """`python benchmarks/strict.py LEAST MOST`: print the base URL and serve until ended."""
    parser = argparse.ArgumentParser(description="Log every request on loopback and answer it after a random time.")
    parser.add_argument("least", type=float)
    parser.add_argument("most", type=float)
    arguments = parser.parse_args()
    asyncio.run(_serve((arguments.least, arguments.most)))


if __name__ == "__main__":
    main()
