"""What the kernel knows of a request that was written: told before the answer, and never before it is true."""

from __future__ import annotations

import socket
import sys

import anyio
import pytest

from runner.transport.arrival import Acknowledgement, look
from tests.transport.conftest import ATTEMPT, EMAIL, Connect
from tests.transport.rude import OK, Exchange, rude

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell; the pace is strict there"),
]


@pytest.mark.parametrize("fresh", [False, True])
async def test_an_arrival_is_told_before_the_answer(connect: Connect, fresh: bool) -> None:
    """The server answers each request only when the client says that it has arrived, on new connections and on kept
    ones."""
    told = [anyio.Event() for _ in range(3)]
    waiting = iter(told)

    async def answer_later(exchange: Exchange) -> bool:
        await next(waiting).wait()
        await exchange.write(OK)
        return not fresh

    async with rude(answer_later) as server, connect(server.url, fresh=fresh) as transport:
        for event in told:
            request = transport.prepare(EMAIL, {"email": "a@example.com"}, attempt_id=ATTEMPT)
            assert (await transport.send(request, arrived=event.set)).status == 200
    assert server.connections == (3 if fresh else 1)


async def test_nothing_is_told_of_what_never_arrived(connect: Connect) -> None:
    """Nobody listens there."""
    told: list[None] = []
    async with connect("http://127.0.0.1:9") as transport:
        request = transport.prepare(EMAIL, {"email": "a@example.com"}, attempt_id=ATTEMPT)
        await transport.send(request, arrived=lambda: told.append(None))
    assert not told


async def test_bytes_that_wait_have_not_arrived() -> None:
    """A server that does not read: what its machine has no room for is not acknowledged, until it reads on."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            client.setblocking(False)
            written = 0
            try:
                while True:
                    written += client.send(bytes(65536))
            except BlockingIOError:
                pass
            found = look(client)
            assert found is not None
            assert not found.acknowledged
            told = anyio.Event()
            watch = Acknowledgement(told.set)
            watch.begin(client)
            assert not told.is_set()
            while written:
                written -= len(server.recv(65536))
            with anyio.fail_after(10):
                await told.wait()
            watch.end()
    assert look(client) is None
