"""A loopback responder that is never the bottleneck: keep-alive HTTP/1.1 in a process of its own, one fixed answer.

It parses no more than where a request ends, so what a benchmark measures is its client. For answers that mean something
there is `runner.sandbox`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BODY = json.dumps(
    {
        "status": True,
        "request_id": "00000000-0000-4000-8000-000000000000",
        "wallet": "1000",
        "deep_email_check": {
            "risk_level": "low",
            "risk_score": 3,
            "signals": [{"code": "EMAIL_OLD", "impact": "trust"}],
            "online_profiles": {"example": {"is_registered": True, "error": None, "additional_information": {}}},
            "deliverability": "deliverable",
            "creation_date": "2011-01-01",
            "domain": {"name": "example.com", "disposable": False},
        },
    }
).encode()

RESPONSE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " + str(len(BODY)).encode() + b"\r\n\r\n"
) + BODY


class Responder(asyncio.Protocol):
    """One connection: answers every whole request, in order, after the latency."""

    def __init__(self, latency_seconds: float) -> None:
        self._latency_seconds = latency_seconds
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request whose head and declared body are complete."""
        self._buffer += data
        while (size := request_size(self._buffer)) is not None:
            self._buffer = self._buffer[size:]
            if self._latency_seconds:
                asyncio.get_running_loop().call_later(self._latency_seconds, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(RESPONSE)


def request_size(buffer: bytes) -> int | None:
    """Bytes of the first request in the buffer, or None while it is incomplete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = buffer[:end].lower()
    start = head.find(b"\r\ncontent-length:")
    length = int(head[start + 17 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
    total = end + 4 + length
    return total if len(buffer) >= total else None


@contextmanager
def responder(latency_seconds: float = 0.0) -> Iterator[str]:
    """Run the responder in another process; yields its base URL."""
    command = [sys.executable, str(Path(__file__).resolve()), "--latency", str(latency_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _serve(port: int, latency_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Responder(latency_seconds), "127.0.0.1", port, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """`python benchmarks/loopback.py [--port N] [--latency SECONDS]`: print the base URL and serve until ended."""
    parser = argparse.ArgumentParser(description="Answer every request on loopback with one fixed JSON body.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.latency))


if __name__ == "__main__":
    main()
