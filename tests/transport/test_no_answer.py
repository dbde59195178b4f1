"""A wire that breaks once bytes may have left: the fate is unknown, and nothing else comes to harm."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import anyio
import pytest

from runner.domain.model import Fault
from tests.transport.conftest import KEY, Connect, ask
from tests.transport.rude import OK, Exchange, rude

pytestmark = pytest.mark.anyio


async def reset(exchange: Exchange) -> bool:
    """RST instead of an answer."""
    exchange.reset()
    return False


async def shut(exchange: Exchange) -> bool:
    """FIN instead of an answer."""
    return False


async def half_close(exchange: Exchange) -> None:
    """Half of the head, then no more, while still reading."""
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    exchange.writer.write_eof()
    await exchange.gone()


async def silence(exchange: Exchange) -> None:
    """Never answer."""
    await exchange.gone()


async def garbage(exchange: Exchange) -> None:
    """Something that is not HTTP."""
    await exchange.write(b"\x16\x03\x01 what is this?\r\n\r\n")


async def endless_head(exchange: Exchange) -> None:
    """Headers without end."""
    await exchange.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await exchange.write(b"x-flood: " + b"a" * 4000 + b"\r\n")


async def drip(exchange: Exchange) -> None:
    """One byte at a time, for ever: no single read ever takes long."""
    await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        await exchange.write(b"x")
        await asyncio.sleep(0.01)


async def reset_in_body(exchange: Exchange) -> bool:
    """A readable head, half a body, RST."""
    await exchange.write(OK[:-8])
    await asyncio.sleep(0.01)
    exchange.reset()
    return False


@pytest.mark.parametrize(
    "script", [reset, shut, half_close, silence, garbage, endless_head, drip, reset_in_body], ids=lambda s: s.__name__
)
async def test_trouble_after_sending_is_no_answer(
    connect: Connect, script: Callable[[Exchange], Awaitable[bool | None]]
) -> None:
    """Whatever breaks once bytes may have left, the fate is unknown; it is sent once, and the next request works."""
    first = True

    async def once(exchange: Exchange) -> bool | None:
        nonlocal first
        if first:
            first = False
            return await script(exchange)
        await exchange.write(OK)
        return None

    async with rude(once) as server, connect(server.url, timeout_seconds=1.0) as transport:
        answer = await ask(transport, "someone@example.com")
        assert (answer.fault, answer.status, answer.body) == (Fault.NO_ANSWER, None, b"")
        assert answer.detail
        assert "someone" not in answer.detail
        assert KEY not in answer.detail
        assert len(server.requests) == 1
        assert (await ask(transport)).status == 200
    assert server.connections == 2


async def test_a_reset_after_any_byte_of_the_answer_is_no_answer_or_cut(connect: Connect) -> None:
    """Wherever the answer ends, it is never taken for a whole one."""
    cut = 0

    async def answer_until(exchange: Exchange) -> bool:
        await exchange.write(OK[:cut])
        return False

    async with rude(answer_until) as server, connect(server.url) as transport:
        for cut in range(len(OK)):
            answer = await ask(transport)
            assert answer.fault is Fault.NO_ANSWER or answer.truncated, cut
        assert len(server.requests) == len(OK)


async def test_idle_closes_put_nothing_in_doubt_on_a_fresh_lane(connect: Connect) -> None:
    """A server that closes idle connections at random phases: every request of a fresh lane is answered."""
    phase = random.Random(7)

    async def moody(exchange: Exchange) -> bool:
        await exchange.write(OK)
        for _ in range(phase.randrange(4)):
            await asyncio.sleep(0)
        return False

    async with rude(moody) as server, connect(server.url, fresh=True) as transport:
        answers = [await ask(transport) for _ in range(200)]
    assert [answer.fault for answer in answers] == [None] * 200
    assert len(server.requests) == 200


async def test_cancelling_from_outside_passes_and_leaks_no_slot(connect: Connect) -> None:
    """A cancelled send raises nothing else, and its slot is free again, a hundred times over."""

    async def script(exchange: Exchange) -> None:
        if exchange.connection > 100:
            await exchange.write(OK)
        else:
            arrived.set()
            await exchange.gone()

    async with rude(script) as server, connect(server.url, slots=2) as transport:
        for _ in range(100):
            arrived = anyio.Event()
            async with anyio.create_task_group() as group:
                group.start_soon(ask, transport)
                await arrived.wait()
                group.cancel_scope.cancel()
        for _ in range(10):
            assert (await ask(transport)).status == 200
    assert server.connections == 101
