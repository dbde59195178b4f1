"""The wire when it goes right: what leaves, over which connection, and what comes back."""

from __future__ import annotations

import gzip
import logging
from dataclasses import replace
from urllib.parse import parse_qs

import anyio
import pytest

from runner.domain.model import Fault
from runner.domain.provider import Auth, Limit
from runner.errors import ConfigError
from runner.transport.client import HttpTransport, load_backend, slow
from tests.transport.conftest import ATTEMPT, EMAIL, KEY, Connect, ask
from tests.transport.rude import OK, Exchange, polite, rude

pytestmark = pytest.mark.anyio


async def test_a_request_arrives_as_rendered_with_its_key(connect: Connect) -> None:
    """Form, key, label and client headers reach the server; a plus stays a plus."""
    async with rude(polite) as server, connect(server.url, client_request_id="X-Request-Id") as transport:
        answer = await ask(transport, "a+b@example.com")
    (seen,) = server.requests
    assert (answer.status, answer.body, answer.truncated, answer.fault) == (200, b'{"status":true}', False, None)
    assert answer.header("Content-Type") == "application/json"
    assert seen.head.startswith(b"POST /check HTTP/1.1\r\n")
    assert b"email=a%2Bb%40example.com" in seen.body
    assert parse_qs(seen.body.decode()) == {"email": ["a+b@example.com"], "label": [ATTEMPT]}
    assert seen.header("x-api-key") == KEY
    assert seen.header("x-request-id") == ATTEMPT
    assert seen.header("accept-encoding") == "gzip"
    assert (seen.header("user-agent") or "").startswith("bulk-runner/")


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (Auth(kind="bearer"), "authorization", f"Bearer {KEY}"),
        (Auth(kind="basic", name="user"), "authorization", "Basic dXNlcjpvYnZpb3VzbHktZmFrZS1jYW5hcnkta2V5LTAwMDA="),
        (Auth(kind="none"), "authorization", None),
    ],
)
async def test_each_kind_of_auth_travels_in_its_header(
    connect: Connect, auth: Auth, header: str, value: str | None
) -> None:
    """Bearer and basic use Authorization, none sends nothing."""
    async with rude(polite) as server, connect(server.url, auth=auth) as transport:
        await ask(transport)
    assert server.requests[0].header(header) == value


async def test_constants_of_the_profile_travel_with_each_request(connect: Connect) -> None:
    """As they are written, once each, in place of ours; a health check has them too."""
    own = (("X-App-Id", "1234"), ("Accept", "application/vnd.acme+json"), ("user-agent", "acme"))
    async with rude(polite) as server, connect(server.url, headers=own, health="/health") as transport:
        await ask(transport)
        await transport.knock()
    asked = [head.decode().split("\r\n") for head in (one.head for one in server.requests)]
    assert len(asked) == 2
    for lines in asked:
        assert "X-App-Id: 1234" in lines
        values = [line.partition(": ")[2] for line in lines if line.lower().startswith(("accept:", "user-agent:"))]
        assert sorted(values) == ["acme", "application/vnd.acme+json"]


async def test_a_key_in_the_query_is_added_when_sending_only(connect: Connect) -> None:
    """The rendered request, which may be recorded, does not hold the key."""
    async with rude(polite) as server, connect(server.url, auth=Auth(kind="query", name="key")) as transport:
        request = transport.prepare(replace(EMAIL, query={"v": 1}), {"email": "a@example.com"}, attempt_id=ATTEMPT)
        await transport.send(request)
    assert KEY not in repr(request)
    assert server.requests[0].head.startswith(f"POST /check?v=1&key={KEY} ".encode())


async def test_connections_are_kept_and_reused(connect: Connect) -> None:
    """One request after another goes over one connection."""
    async with rude(polite) as server, connect(server.url) as transport:
        for _ in range(3):
            assert (await ask(transport)).status == 200
    assert server.connections == 1


async def test_no_more_connections_than_slots(connect: Connect) -> None:
    """A request beyond the slots waits for one instead of opening another."""
    busy = peak = 0

    async def count(exchange: Exchange) -> None:
        nonlocal busy, peak
        busy += 1
        peak = max(peak, busy)
        await anyio.lowlevel.checkpoint()
        busy -= 1
        await exchange.write(OK)

    async with rude(count) as server, connect(server.url, slots=3) as transport, anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask, transport)
    assert server.connections <= 3
    assert peak <= 3
    assert len(server.requests) == 20


async def test_a_connection_idle_for_too_long_is_not_reused(connect: Connect) -> None:
    """With no keep-alive left, the second request meets a new connection."""
    async with rude(polite) as server, connect(server.url, keepalive_seconds=0.0) as transport:
        assert (await ask(transport)).status == 200
        assert (await ask(transport)).status == 200
    assert server.connections == 2


async def test_after_a_sleep_nothing_goes_out_on_a_connection_that_was_idle(connect: Connect) -> None:
    """The server forgot it without a word: on it a paid request would be in doubt. What is on the wire is left alone,
    and its connection, which is alive, is used again."""
    asked, answered = anyio.Event(), anyio.Event()

    async def answer(exchange: Exchange) -> None:
        if exchange.body.count(b"slow"):
            asked.set()
            await answered.wait()
        elif exchange.connection == 1 and len(server.requests) > 1:
            await exchange.gone()  # nothing ever comes on it again
        await exchange.write(OK)

    async with rude(answer) as server, connect(server.url, timeout_seconds=2.0) as transport:
        await ask(transport)
        async with anyio.create_task_group() as group:
            # The one idle connection is taken by this request; the next one is idle when the machine sleeps.
            transport.forget_idle()
            group.start_soon(ask, transport, "slow@example.com")
            await asked.wait()
            await ask(transport)
            transport.forget_idle()
            answered.set()
        answers = [await ask(transport), await ask(transport)]
    assert [one.status for one in answers] == [200, 200]
    assert [seen.connection for seen in server.requests] == [1, 2, 3, 2, 2]


async def test_a_fresh_lane_says_so_and_shares_no_connection(connect: Connect) -> None:
    """An unsafe operation takes a connection for itself; a safe one still reuses."""
    async with rude(polite) as server, connect(server.url, fresh=True) as transport:
        await ask(transport)
        await ask(transport)
        safe = replace(EMAIL, name="lookup", safe=True)
        for _ in range(2):
            await transport.send(transport.prepare(safe, {"email": "a@example.com"}, attempt_id=ATTEMPT))
        await ask(transport)
    assert [seen.connection for seen in server.requests] == [1, 2, 3, 3, 4]
    assert [seen.header("connection") for seen in server.requests] == ["close", "close", None, None, "close"]


async def test_gzip_is_undone_and_cookies_are_not_kept(connect: Connect) -> None:
    """One gzip coding is decoded; Set-Cookie is an answer header and never comes back."""
    packed = gzip.compress(b'{"status":true}')

    async def answer(exchange: Exchange) -> None:
        await exchange.write(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n%s"
            % (len(packed), packed)
        )

    async with rude(answer) as server, connect(server.url) as transport:
        first = await ask(transport)
        await ask(transport)
    assert first.body == b'{"status":true}'
    assert first.header("set-cookie") == "id=1"
    assert [seen.header("cookie") for seen in server.requests] == [None, None]


@pytest.mark.parametrize("location", [b"http://127.0.0.1:9/elsewhere", b"http://[broken"])
async def test_a_redirect_is_an_answer(connect: Connect, location: bytes) -> None:
    """Another origin gets nothing, and a Location nobody can parse is no fault."""

    async def answer(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\ncontent-length: 0\r\n\r\n")

    async with rude(answer) as server, connect(server.url) as transport:
        got = await ask(transport)
    assert (got.status, got.fault, got.header("location")) == (302, None, location.decode())
    assert len(server.requests) == 1


async def test_proxies_of_the_environment_are_ignored(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy set for the shell does not see paid requests."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with rude(polite) as server, connect(server.url) as transport:
        assert (await ask(transport)).status == 200


async def test_nothing_is_logged_and_no_repr_shows_a_key(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """Neither log records at INFO nor reprs hold the key, the value or the whole URL."""
    caplog.set_level(logging.INFO)
    async with rude(polite) as server, connect(server.url + "/v1?x=secret") as transport:
        answer = await ask(transport, "someone@example.com")
        shown = f"{transport!r} {transport} {answer!r} {caplog.text}"
    assert KEY not in shown
    assert "someone" not in shown
    assert "secret" not in shown


async def test_a_key_that_cannot_travel_is_refused_before_anything_is_sent(backend: str) -> None:
    """A line break in the key is a configuration error whose text does not hold the key."""
    from runner.domain.provider import Http

    with pytest.raises(ConfigError) as caught:
        HttpTransport(
            Http(base_url="http://127.0.0.1:9", auth=Auth(kind="bearer")),
            secret=lambda: KEY + "\r\nX-Evil: 1",
            slots=1,
            fresh_connections=False,
            backend=backend,
        )
    assert KEY not in f"{caught.value} {caught.value.why} {caught.value.fix}"


async def test_a_request_for_another_origin_is_not_sent(connect: Connect) -> None:
    """Whatever rendered it, a URL outside the provider's origin never leaves."""
    async with rude(polite) as server, rude(polite) as other, connect(server.url) as transport:
        request = transport.prepare(EMAIL, {"email": "a@example.com"}, attempt_id=ATTEMPT)
        answer = await transport.send(replace(request, url=other.url + "/check"))
        assert (await ask(transport)).status == 200
    assert answer.fault is Fault.INVALID
    assert other.connections == 0


def test_a_lane_of_five_a_second_is_slow() -> None:
    """Fresh connections are for lanes with at most 5 requests a second in some window."""
    assert slow((Limit(at_most=60, per_seconds=60), Limit(at_most=20, per_seconds=1)))
    assert slow((Limit(at_most=5, per_seconds=1),))
    assert not slow((Limit(at_most=6, per_seconds=1),))
    assert not slow(())


def test_an_unknown_library_is_refused() -> None:
    """Only the two tested HTTP libraries can be named."""
    with pytest.raises(ConfigError, match="no HTTP library"):
        load_backend("requests")
