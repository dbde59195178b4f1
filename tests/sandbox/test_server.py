"""The world over real HTTP, asked by the real transport."""

from __future__ import annotations

import gzip
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest

from runner.domain.model import Answer, Fault
from runner.sandbox.replies import Behaviour, Manner
from runner.sandbox.server import serve
from runner.sandbox.world import World
from runner.system import SystemClock
from runner.transport.client import HttpTransport
from tests.sandbox.acme import KEY, acme
from tests.sandbox.process import Seeded, sandbox

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The runner works on asyncio alone."""
    return "asyncio"


@asynccontextmanager
async def served(
    world: World, *, timeout: float = 5.0, fresh: bool = False, **options: Any
) -> AsyncIterator[HttpTransport]:
    """The world behind a server, and a transport to it."""
    async with serve(world, clock=SystemClock(), **options) as url:
        http = replace(world.provider.http, base_url=url, timeout_seconds=timeout)
        async with HttpTransport(http, secret=lambda: KEY, slots=8, fresh_connections=fresh) as transport:
            yield transport


async def ask(transport: HttpTransport, world: World, email: str = "a@example.com") -> Answer:
    """One check."""
    operation = world.provider.operations["check"]
    return await transport.send(transport.prepare(operation, {"email": email}, attempt_id="abcdefghijklmnop"))


def new_world(*limits: tuple[int, float], **options: Any) -> World:
    """A world of the small provider."""
    return World(acme(*limits), randomness=Seeded(1), **options)


async def test_checks_are_answered_charged_and_kept_in_the_books() -> None:
    """Fifty at once over kept connections: all charged once, all answered, labels in the ledger."""
    world = new_world(wallet=40, key=KEY, latency_seconds=(0.0, 0.01))
    answers: list[Answer] = []
    async with served(world) as transport:

        async def one(number: int) -> None:
            answers.append(await ask(transport, world, f"{number}@example.com"))

        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(one, number)
    assert [answer.status for answer in answers] == [200] * 50
    assert len(world.books.charged()) == 40
    assert world.wallet == 0
    assert world.books.charged_twice() == {}
    assert 1 < world.most_in_flight <= 8
    assert world.in_flight == 0
    assert all(entry.answered_at is not None for entry in world.books.entries)


@pytest.mark.parametrize("manner", [manner for manner in Manner if manner not in {Manner.ANSWER, Manner.ENDLESS}])
async def test_bad_manners_are_no_answer_and_the_next_request_works(manner: Manner) -> None:
    """A lost answer is in doubt for the client, charged in the books; the server goes on."""
    world = new_world()
    world.next([Behaviour(manner=manner, after_bytes=20)])
    async with served(world, timeout=0.2) as transport:
        assert (await ask(transport, world)).fault is Fault.NO_ANSWER
        assert (await ask(transport, world)).status == 200
    assert [bool(entry.charged) for entry in world.books.entries] == [True, True]
    assert world.books.entries[0].answered_at is None


async def test_an_endless_body_is_cut_by_the_client() -> None:
    """The server sends until nobody listens."""
    world = new_world()
    world.next([Behaviour(manner=Manner.ENDLESS)])
    async with served(world) as transport:
        answer = await ask(transport, world)
        assert (answer.status, answer.truncated, len(answer.body)) == (200, True, 1024 * 1024)
        assert (await ask(transport, world)).status == 200


async def test_any_answer_can_be_scripted_html_and_bombs_among_them() -> None:
    """Bytes, status and headers travel as given."""
    bomb = gzip.compress(gzip.compress(bytes(10_000_000)))
    world = new_world()
    world.next(
        [
            Behaviour(answer=Answer(status=502, body=b"<html>bad gateway</html>")),
            Behaviour(answer=Answer(status=200, headers=(("content-encoding", "gzip, gzip"),), body=bomb)),
        ]
    )
    async with served(world) as transport:
        html = await ask(transport, world)
        packed = await ask(transport, world)
    assert (html.status, html.header("content-type"), html.body) == (502, "text/html", b"<html>bad gateway</html>")
    assert (packed.status, packed.truncated, packed.body) == (200, True, bomb)


async def test_idle_closes_at_random_phases_put_nothing_in_doubt_on_a_fresh_lane() -> None:
    """A server with a restless keep-alive: no doubt where each request has its own connection."""
    world = new_world()
    async with served(world, fresh=True, idle_seconds=0.002) as transport:
        answers = [await ask(transport, world, f"{number}@example.com") for number in range(200)]
    assert [answer.fault for answer in answers] == [None] * 200
    assert world.books.charged_twice() == {}
    assert len(world.books.charged()) == 200


def test_the_health_call_and_the_books_are_served_beside_a_base_path() -> None:
    """`https://HOST/v1` and `/health` make `/v1/health`; the books stay at the root; neither is a request."""
    with sandbox("dfirlab", wallet=7, limits=[(30, 60.0)]) as world:
        assert world.url.endswith("/v1")
        with urllib.request.urlopen(f"{world.url}/health", timeout=10) as answer:
            assert (answer.status, answer.read()) == (200, b'{"status": "ok"}')
        counts = world.summary()
    assert (counts["health_calls"], counts["requests"], counts["wallet"]) == (1, 0, 7.0)


def test_a_world_in_another_process_keeps_its_books() -> None:
    """The shipped profile, served apart: wallet, steering and ledger over its own address."""

    async def run(url: str) -> list[Answer]:
        from runner.providers.loader import load

        provider = load("defastra", {"http": {"base_url": url}})
        async with HttpTransport(provider.http, secret=lambda: KEY, slots=1, fresh_connections=True) as transport:
            operation = provider.operations["email"]
            answers = []
            for number in range(4):
                params = {"email": f"{number}@example.com"}
                answers.append(
                    await transport.send(transport.prepare(operation, params, attempt_id=f"attempt-{number}"))
                )
            return answers

    with sandbox(wallet=2, limits=[], key=KEY) as world:
        world.next([{"rule": "system-error"}])
        answers = anyio.run(run, world.url)
        assert world.charged() == ["1@example.com", "2@example.com"]
        assert [entry["rule"] for entry in world.ledger()] == [
            "system-error",
            "success",
            "success",
            "insufficient-funds",
        ]
        assert [entry["client_request_id"] for entry in world.ledger()] == [f"attempt-{n}" for n in range(4)]
        world.top_up(5)
        assert world.summary()["wallet"] == 5.0
    assert b'"status": true' in answers[1].body
