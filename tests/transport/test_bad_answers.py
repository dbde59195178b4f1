"""Answers without end, of a wrong length, in a coding that cannot be undone: kept within the cap, and marked."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from runner.domain.model import Fault
from runner.transport.content import decode
from tests.transport.conftest import Connect, ask
from tests.transport.rude import OK, Exchange, rude

pytestmark = pytest.mark.anyio


async def test_an_endless_body_stops_at_the_cap(connect: Connect) -> None:
    """Bytes beyond the cap are not read; what came is kept and marked, and the connection is not used again."""

    async def endless(exchange: Exchange) -> None:
        if exchange.connection > 1:
            await exchange.write(OK)
            return
        await exchange.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await exchange.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    async with rude(endless) as server, connect(server.url, cap_bytes=10_000) as transport:
        answer = await ask(transport)
        assert (answer.status, answer.truncated, answer.body) == (200, True, b"x" * 10_000)
        assert (await ask(transport)).body == b'{"status":true}'


async def test_a_length_that_is_too_long_keeps_what_came(connect: Connect) -> None:
    """The body ends before its declared length: kept, marked as cut."""

    async def short(exchange: Exchange) -> bool:
        await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc")
        return False

    async with rude(short) as server, connect(server.url) as transport:
        answer = await ask(transport)
    assert (answer.status, answer.body, answer.truncated, answer.fault) == (200, b"abc", True, None)


async def test_a_length_that_is_too_short_never_leaks_into_the_next_answer(connect: Connect) -> None:
    """The rest of one answer is never read as another's."""

    async def long(exchange: Exchange) -> None:
        if exchange.connection == 1:
            await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}surplus")
        else:
            await exchange.write(OK)

    async with rude(long) as server, connect(server.url) as transport:
        first = await ask(transport)
        second = await ask(transport)
        third = await ask(transport)
    assert first.body == b"{}"
    assert second.body == b'{"status":true}' or second.fault is Fault.NO_ANSWER
    assert third.body == b'{"status":true}'


def packed(body: bytes, coding: bytes) -> bytes:
    """An answer with a Content-Encoding."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n"
    return head % (coding, len(body)) + body


BOMB = gzip.compress(gzip.compress(bytes(100_000_000)))


@pytest.mark.parametrize(
    ("raw", "coding", "body"),
    [
        (BOMB, b"gzip, gzip", BOMB),
        (BOMB, b"gzip", gzip.decompress(BOMB)[:50_000]),
        (gzip.decompress(BOMB), b"gzip", bytes(50_000)),
        (b"\x0b\x02\x80{}\x03", b"br", b"\x0b\x02\x80{}\x03"),
        (b"no gzip at all", b"gzip", b"no gzip at all"),
        (gzip.compress(b"whole")[:-4], b"gzip", b"whole"),
    ],
    ids=["stacked", "bomb in gzip", "bomb", "unknown", "not gzip", "cut gzip"],
)
async def test_a_coding_that_cannot_be_undone_is_kept_and_bounded(
    connect: Connect, raw: bytes, coding: bytes, body: bytes
) -> None:
    """Bombs, other and stacked codings and broken gzip: an answer, marked, within the cap."""

    async def answer(exchange: Exchange) -> None:
        await exchange.write(packed(raw, coding))

    async with rude(answer) as server, connect(server.url, cap_bytes=50_000) as transport:
        got = await ask(transport)
    assert (got.status, got.truncated, got.fault, got.body) == (200, True, None, body[:50_000])


def test_unpacking_a_bomb_takes_no_more_memory_than_the_cap() -> None:
    """Ten kilobytes that unpack to ten megabytes: what is not kept is not unpacked."""
    bomb = gzip.compress(bytes(10_000_000))
    tracemalloc.start()
    try:
        content = decode(bomb, "gzip", cap_bytes=100_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(content.body), content.truncated) == (100_000, True)
    assert peak < 1_000_000


async def test_a_flood_of_headers_is_cut(connect: Connect) -> None:
    """More headers than anyone needs are not kept."""

    async def answer(exchange: Exchange) -> None:
        flood = b"".join(b"x-%d: y\r\n" % number for number in range(1000))
        await exchange.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n" + flood + b"\r\n{}")

    async with rude(answer) as server, connect(server.url) as transport:
        got = await ask(transport)
    assert (got.status, got.body, len(got.headers)) == (200, b"{}", 100)
