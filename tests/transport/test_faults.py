"""The wire when it goes wrong: what each kind of trouble proves, and what it may not cost."""

from __future__ import annotations

import asyncio
import gzip
import random
import ssl
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
import trustme

from runner.domain.model import Fault, Request
from runner.transport.content import decode
from runner.transport.faults import Progress, timed_out
from tests.transport.conftest import ATTEMPT, KEY, Connect, ask
from tests.transport.rude import OK, Exchange, free_port, polite, rude

pytestmark = pytest.mark.anyio


async def test_a_refused_port_is_proved_unsent(connect: Connect) -> None:
    """Nobody listens: not-sent, with the system's words and without values."""
    async with connect(f"http://127.0.0.1:{free_port()}") as transport:
        answer = await ask(transport, "someone@example.com")
    assert (answer.fault, answer.status) == (Fault.NOT_SENT, None)
    assert answer.detail
    assert "someone" not in answer.detail


async def test_a_host_without_address_is_proved_unsent(connect: Connect) -> None:
    """A name that cannot be resolved is not-sent."""
    async with connect("http://nobody.invalid") as transport:
        assert (await ask(transport)).fault is Fault.NOT_SENT


async def test_a_connection_that_is_never_accepted_is_proved_unsent(connect: Connect) -> None:
    """TLS that never answers: the deadline passes while connecting, so nothing was sent."""

    async def silent(exchange: Exchange) -> None:
        await exchange.gone()

    async with rude(silent) as server:
        url = server.url.replace("http:", "https:")
        async with connect(url, timeout_seconds=0.5) as transport:
            answer = await ask(transport)
    assert answer.fault is Fault.NOT_SENT


async def test_waiting_for_a_slot_is_proved_unsent(connect: Connect) -> None:
    """A deadline that passes before there is a connection proves that nothing left."""

    async def silent(exchange: Exchange) -> None:
        arrived.set()
        await exchange.gone()

    arrived = anyio.Event()
    async with (
        rude(silent) as server,
        connect(server.url, slots=1, timeout_seconds=1.5) as transport,
        anyio.create_task_group() as group,
    ):
        group.start_soon(ask, transport)
        await arrived.wait()
        answer = await ask(transport)
    assert answer.fault is Fault.NOT_SENT
    assert len(server.requests) == 1


def test_without_proof_the_fate_is_unknown() -> None:
    """Before a connection is asked, and while it is being made, nothing left; from then on nobody knows."""
    progress = Progress()
    assert timed_out(progress, 1).fault is Fault.NOT_SENT
    progress.handed = True
    assert timed_out(progress, 1).fault is Fault.NO_ANSWER
    anyio.run(progress.trace, "connection.start_tls.started", {})
    assert timed_out(progress, 1).fault is Fault.NOT_SENT
    anyio.run(progress.trace, "some_future_event.started", {})
    assert timed_out(progress, 1).fault is Fault.NO_ANSWER


async def test_a_certificate_that_is_not_trusted_is_refused(connect: Connect, certificate: Path) -> None:
    """From an unknown authority: fault tls, and not one byte of the request arrives."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with rude(polite, tls=context) as server, connect(server.url) as transport:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's own handshake failure
        answer = await ask(transport)
    assert answer.fault is Fault.TLS
    assert server.requests == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the server's address, with its key, from an authority nobody trusts."""
    path = tmp_path_factory.mktemp("tls") / "untrusted.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


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


async def test_a_request_with_a_broken_header_is_invalid_and_unsent(connect: Connect) -> None:
    """Even a request that was not rendered here cannot smuggle a header; the text does not show it."""
    async with rude(polite) as server, connect(server.url) as transport:
        evil = Request(
            method="POST",
            url=server.url + "/check",
            path="/check",
            headers=(("x-label", "someone@example.com\r\nX-Evil: 1"),),
            body=b"",
            client_request_id=ATTEMPT,
        )
        answer = await transport.send(evil)
    assert answer.fault is Fault.INVALID
    assert "someone" not in answer.detail
    assert server.requests == []


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
