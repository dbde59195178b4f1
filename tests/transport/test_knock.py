"""The free look: what counts as somebody who works, and that it carries no key."""

from __future__ import annotations

import ssl

import anyio
import pytest
import trustme

from tests.transport.conftest import KEY, Connect
from tests.transport.rude import OK, Exchange, free_port, rude

pytestmark = pytest.mark.anyio

TEAPOT = b"HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\n\r\n"
UNKNOWN = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"
DOWN = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


async def test_a_connection_is_enough(connect: Connect) -> None:
    """Without `health`: a connection is made and closed, and not one byte is sent."""

    async def never(exchange: Exchange) -> None:
        raise AssertionError("something was sent")

    async with rude(never) as server, connect(server.url) as transport:
        assert await transport.knock() is None
    assert server.requests == []


async def test_nobody_listens(connect: Connect) -> None:
    """In the system's words, without the address."""
    port = free_port()
    async with connect(f"http://127.0.0.1:{port}") as transport:
        said = await transport.knock()
    assert said == "Connection refused"


async def test_a_name_without_an_address(connect: Connect) -> None:
    """The name service's words."""
    async with connect("http://nobody.invalid") as transport:
        assert await transport.knock()


async def test_tls_that_never_answers_ends_at_the_deadline(connect: Connect) -> None:
    """TCP alone is not enough where the requests go over TLS."""

    async def silent(exchange: Exchange) -> None:
        await exchange.gone()

    async with rude(silent) as server, connect(server.url.replace("http:", "https:"), timeout_seconds=0.2) as transport:
        assert await transport.knock() == "no connection within 0.2 s"


async def test_a_refused_certificate_is_an_answer(connect: Connect) -> None:
    """The probe is refused in the same way, before anything is sent, and its rule says what to do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    async def never(exchange: Exchange) -> None:
        raise AssertionError("something was sent")

    async with rude(never, tls=context) as server:
        for health in (None, "/health"):
            async with connect(server.url.replace("127.0.0.1", "localhost"), health=health) as transport:
                assert await transport.knock() is None


@pytest.mark.parametrize(
    ("answer", "said"), [(OK, None), (TEAPOT, None), (UNKNOWN, None), (MOVED, None), (DOWN, "HTTP 503")]
)
async def test_health_is_asked_where_there_is_one(connect: Connect, answer: bytes, said: str | None) -> None:
    """Any readable answer below 500 is one of somebody who works; it is asked once, without the key, nowhere else."""

    async def script(exchange: Exchange) -> None:
        await exchange.write(answer)

    async with rude(script) as server, connect(server.url + "/v1", health="/health") as transport:
        assert await transport.knock() == said
    (exchange,) = server.requests
    assert exchange.head.startswith(b"GET /v1/health HTTP/1.1\r\n")
    assert KEY.encode() not in exchange.head


async def test_a_health_call_that_is_never_answered(connect: Connect) -> None:
    """Silence is no answer: what the lane waits on from is said in words."""

    async def silent(exchange: Exchange) -> None:
        await exchange.gone()

    async with rude(silent) as server, connect(server.url, health="/health", timeout_seconds=0.3) as transport:
        assert await transport.knock() == "no answer came within 0.3 s"


async def test_a_knock_can_be_cancelled(connect: Connect) -> None:
    """It ends at once, and leaves nothing open."""
    arrived = anyio.Event()

    async def silent(exchange: Exchange) -> None:
        arrived.set()
        await exchange.gone()

    async with (
        rude(silent) as server,
        connect(server.url, health="/health", timeout_seconds=60.0) as transport,
        anyio.create_task_group() as group,
    ):
        group.start_soon(transport.knock)
        await arrived.wait()
        group.cancel_scope.cancel()
