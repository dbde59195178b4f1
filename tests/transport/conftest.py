"""What the transport's tests share: both HTTP libraries, and a small operation to send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runner.domain.provider import Auth, Http, Input, InputKind, Operation
from runner.transport.client import BACKENDS, HttpTransport

KEY = "obviously-fake-canary-key-0000"
ATTEMPT = "abcdefghijklmnop"

EMAIL = Operation(
    provider="acme",
    name="email",
    column_prefix="acme_email_",
    method="POST",
    path="/check",
    inputs=(
        Input(name="email", kind=InputKind.EMAIL),
        Input(name="tier", kind=InputKind.CHOICE, required=False, of=("minimal", "normal")),
        Input(name="label", kind=InputKind.TEXT, required=False, default="{attempt}"),
    ),
    form={"email": "{email}", "tier": "{tier?}", "label": "{label?}"},
)


@pytest.fixture
def anyio_backend() -> str:
    """The runner works on asyncio alone."""
    return "asyncio"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each HTTP library in turn."""
    name: str = request.param
    pytest.importorskip(name)
    return name


Connect = Callable[..., Any]


@pytest.fixture
def connect(backend: str) -> Connect:
    """`async with connect(url, **http) as transport`: a transport of the library under test."""

    @asynccontextmanager
    async def open_transport(
        url: str, *, slots: int = 4, fresh: bool = False, cap_bytes: int = 1024 * 1024, **http: Any
    ) -> AsyncIterator[HttpTransport]:
        http.setdefault("auth", Auth(kind="header", name="X-API-KEY"))
        http.setdefault("timeout_seconds", 5.0)
        transport = HttpTransport(
            Http(base_url=url, **http),
            secret=lambda: KEY,
            slots=slots,
            fresh_connections=fresh,
            cap_bytes=cap_bytes,
            backend=backend,
        )
        async with transport:
            yield transport

    return open_transport


async def ask(transport: HttpTransport, email: str = "someone@example.com") -> Any:
    """Send one request for an address."""
    return await transport.send(transport.prepare(EMAIL, {"email": email}, attempt_id=ATTEMPT))
