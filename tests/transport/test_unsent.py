"""What proves that a request was not sent: it is told as that, and may go again."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import anyio
import pytest
import trustme

from runner.domain.model import Fault, Request
from runner.transport.faults import Progress, timed_out
from tests.transport.conftest import ATTEMPT, Connect, ask
from tests.transport.rude import Exchange, free_port, polite, rude

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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the server's address, with its key, from an authority nobody trusts."""
    path = tmp_path_factory.mktemp("tls") / "untrusted.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


async def test_a_certificate_that_is_not_trusted_is_refused(connect: Connect, certificate: Path) -> None:
    """From an unknown authority: fault tls, and not one byte of the request arrives."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with rude(polite, tls=context) as server, connect(server.url) as transport:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's own handshake failure
        answer = await ask(transport)
    assert answer.fault is Fault.TLS
    assert server.requests == []


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
