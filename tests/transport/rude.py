"""A loopback server with bad manners: each request is handed to a script that holds the raw connection."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_STEPS_TO_SERVE = 10

OK = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"status":true}'


@dataclass
class Exchange:
    """One request as it arrived, and the connection to do mischief on."""

    head: bytes
    body: bytes
    connection: int  # 1 for the first connection of the server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def header(self, name: str) -> str | None:
        """A request header's value."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return None

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Wait until the other side has closed."""
        while await self.reader.read(65536):
            pass


Script = Callable[[Exchange], Awaitable[bool | None]]
"""Answers one request; False: stop serving the connection."""


@dataclass
class Rude:
    """The server's own books."""

    url: str = ""
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0


@asynccontextmanager
async def rude(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Rude]:
    """Serve the script on a free loopback port."""
    books = Rude()
    tasks: set[asyncio.Task[None]] = set()
    closing: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        books.connections += 1
        number = books.connections
        try:
            while True:
                exchange = await _next(reader, writer, number)
                books.requests.append(exchange)
                if await script(exchange) is False:
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            closing.add(task)  # a task cancelled while it closes would make the event loop complain
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    books.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield books
    finally:
        server.close()
        for _ in range(_STEPS_TO_SERVE):  # a connection accepted just now has no task yet that could be ended
            await asyncio.sleep(0)
        for task in tasks - closing:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _next(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
    exchange = Exchange(head=head, body=b"", connection=number, reader=reader, writer=writer)
    exchange.body = await reader.readexactly(int(exchange.header("content-length") or 0))
    return exchange


async def polite(exchange: Exchange) -> None:
    """Answer 200 with a short JSON body and keep the connection."""
    await exchange.write(OK)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
