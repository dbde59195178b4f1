"""A message to an address of `[notify]` on the wire: as strict as a request to a provider, and never shown."""

from __future__ import annotations

import json

import pytest

from runner.domain.model import Answer, Fault
from runner.transport.post import is_passing, post, refusal
from tests.transport.rude import Exchange, Rude, free_port, polite, rude

PATH = "/hooks/secret-not-real?token=secret-not-real"

pytestmark = pytest.mark.anyio


async def told(server: Rude, backend: str, body: bytes | None = b'{"text":"done"}') -> Answer:
    """Send one message."""
    return await post(f"{server.url}{PATH}", body, seconds=0.5, backend=backend)


async def test_a_message_arrives_whole(backend: str) -> None:
    """POST with its JSON, the address as written, no key and no cookie; without a body it is a GET."""
    async with rude(polite) as server:
        assert refusal(await told(server, backend)) is None
        assert refusal(await told(server, backend, None)) is None
    first, second = server.requests
    assert first.head.startswith(b"POST " + PATH.encode())
    assert (first.header("content-type"), json.loads(first.body)) == ("application/json", {"text": "done"})
    assert second.head.startswith(b"GET " + PATH.encode())
    assert second.body == b""
    assert {first.header("authorization"), first.header("cookie")} == {None}


async def test_a_redirect_is_not_followed(backend: str) -> None:
    """Whoever is told is told at the address that was written."""

    async def away(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 307 Away\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n")

    async with rude(away) as server:
        answer = await told(server, backend)
    assert (refusal(answer), is_passing(answer), len(server.requests)) == ("HTTP 307", False, 1)


async def test_an_answer_without_end_is_cut(backend: str) -> None:
    """What a receiver says beyond 64 KiB is not read; that it took the message counts."""

    async def pours(exchange: Exchange) -> bool:
        await exchange.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await exchange.write(b"x" * 65536)

    async with rude(pours) as server:
        answer = await told(server, backend)
    assert refusal(answer) is None
    assert len(answer.body) <= 64 * 1024


async def test_silence_ends_at_the_deadline(backend: str) -> None:
    """Nobody answers: it is told so, without the address."""

    async def silent(exchange: Exchange) -> None:
        await exchange.gone()

    async with rude(silent) as server:
        answer = await told(server, backend)
    assert (answer.fault, is_passing(answer)) == (Fault.NO_ANSWER, True)
    assert "secret" not in (refusal(answer) or "")


async def test_nobody_there_is_told_without_the_address(backend: str) -> None:
    """A closed port."""
    answer = await post(f"http://127.0.0.1:{free_port()}{PATH}", b"{}", seconds=0.5, backend=backend)
    assert (answer.fault, is_passing(answer)) == (Fault.NOT_SENT, True)
    assert "Connection refused" in (refusal(answer) or "")
    assert "secret" not in (refusal(answer) or "")
