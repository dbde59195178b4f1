"""One provider account on the wire. The only module that knows httpx, or httpx2, its drop-in continuation.

Requests go straight to single-connection transports, without the library's client above them: it costs up to
30 % more CPU, keeps cookies, logs whole URLs and trips over a redirect's broken Location. See docs/transport.md.
"""

from __future__ import annotations

import base64
import importlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any, Self, assert_never
from urllib.parse import urlencode

import anyio

from runner.domain.addresses import shown_url
from runner.domain.model import Answer, Fault, Request
from runner.domain.provider import Auth, Http, Limit, Operation
from runner.engine.ports import UnsendableError
from runner.engine.wire import Arrived, unheard
from runner.errors import ConfigError
from runner.transport import knock
from runner.transport.arrival import Arrivals
from runner.transport.content import decode
from runner.transport.faults import Progress, fault, timed_out
from runner.transport.redaction import KeyFilter
from runner.transport.slots import Slots
from runner.transport.template import check_header, render

BACKENDS = ("httpx", "httpx2")
_CLOSE = ("connection", "close")
# Shares of the one deadline: waiting for a slot, then TCP (with DNS), then TLS. Each ends by itself before the deadline
# does: the library leaves the socket of a TLS handshake that is cancelled from outside to the garbage collector.
_WAIT_SHARE, _CONNECT_SHARE = 0.2, 0.4
_MAX_HEADERS = 100
_MAX_HEADER_BYTES = 32 * 1024  # of the answer's headers; the library itself refuses a head over 100 KiB


def load_backend(name: str) -> Any:
    """The HTTP library of that name; both have the same interface. Raises `ConfigError` where it is not installed."""
    if name not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise ConfigError(
            f"there is no HTTP library {name!r} here",
            why=f"known are: {known}",
            fix='put this into runner.toml:\n[run]\nhttp = "httpx"',
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the HTTP library {name} is not installed",
            why="it is an extra of this package",
            fix=f"pip install 'bulk-runner[{name}]'",
        ) from error


def slow(limits: Sequence[Limit]) -> bool:
    """Whether a lane may send at most 5 requests a second: there a connection for each costs little."""
    return any(limit.at_most / limit.per_seconds <= 5 for limit in limits)


class HttpTransport:
    """Implements `runner.engine.ports.Transport`.

    `secret` is called once, here; `slots` connections are open at most; with `fresh_connections` an operation that is
    not safe has a connection for each request, which no idle close can put in doubt; decoded bodies end at `cap_bytes`.
    Raises `ConfigError` if the key cannot travel in its header or the backend is missing.
    """

    def __init__(
        self,
        http: Http,
        *,
        secret: Callable[[], str] | None,
        slots: int,
        fresh_connections: bool,
        cap_bytes: int = 1024 * 1024,
        backend: str = "httpx",
    ) -> None:
        self._http = http
        self._library = load_backend(backend)
        self._cap_bytes = cap_bytes
        self._fresh = fresh_connections
        key = _key(http, secret)
        self._auth_headers, self._auth_query = _credentials(http, key)
        self._keys = KeyFilter({key, *(value.rpartition(" ")[2].rstrip("=") for _, value in self._auth_headers)})
        self._headers = _constant(http)
        self._home = self._library.URL(http.base_url)
        self._url: tuple[str, Any] = ("", None)  # the last one parsed: an operation's is mostly the same
        self._tls: ssl.SSLContext | None = None
        self._timeouts = {"connect": http.timeout_seconds * _CONNECT_SHARE}
        self._arrivals = Arrivals()
        self._slots = Slots(self._connection, slots, wait_seconds=http.timeout_seconds * _WAIT_SHARE)

    def __repr__(self) -> str:
        return f"<HttpTransport {self._library.__name__} {shown_url(self._http.base_url)}>"

    def prepare(self, operation: Operation, params: Mapping[str, str], *, attempt_id: str) -> Request:
        """Render the request, without credentials. Raises `UnsendableError` if the values cannot be sent."""
        fresh = self._fresh and not operation.safe
        headers = (*self._headers, _CLOSE) if fresh else self._headers
        return render(self._http, operation, params, attempt_id=attempt_id, headers=headers)

    async def send(self, request: Request, *, arrived: Arrived = unheard) -> Answer:
        """Send it exactly once, with one deadline for connecting, sending and reading. Trouble is an Answer. `arrived`
        is called once the other end has acknowledged it, where the kernel says so."""
        progress = Progress()
        timeout_seconds = self._http.timeout_seconds
        with anyio.move_on_after(timeout_seconds):
            await self._exchange(request, progress, arrived)
        # An answer that was whole when the deadline passed is an answer. It is stored as it leaves here.
        return self._keys.clean(progress.answer or timed_out(progress, timeout_seconds))

    def forget_idle(self) -> None:
        """Send nothing more over a connection that is idle now."""
        self._slots.forget_idle()

    async def knock(self) -> str | None:
        """Ask for free, without the key: the profile's `health`, else a connection. None: it answers; else why not."""
        seconds = min(self._http.timeout_seconds, knock.SECONDS)
        if self._http.health is None:
            home, secure = self._home, self._home.scheme == "https"
            port = home.port or (443 if secure else 80)
            host = home.raw_host.decode("ascii")
            return await knock.connect(host, port, context=self._context if secure else None, seconds=seconds)
        http = replace(self._http, auth=Auth(kind="none"), client_request_id=None, timeout_seconds=seconds)
        name = self._library.__name__
        async with HttpTransport(http, secret=None, slots=1, fresh_connections=True, backend=name) as bare:
            bare._tls = self._tls
            asked = Operation(
                provider="", name="health", column_prefix="", method="GET", path=self._http.health, inputs=()
            )
            return knock.read(await bare.send(bare.prepare(asked, {}, attempt_id="knock")))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._slots.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _exchange(self, request: Request, progress: Progress, arrived: Arrived) -> None:
        fresh = _CLOSE in request.headers
        try:
            slot = await self._slots.take(fresh=fresh)
        except TimeoutError as error:
            progress.answer = fault(error, progress, self._library)
            return
        reusable = False
        watch = self._arrivals.watch(slot, progress, arrived)
        try:
            outgoing = self._outgoing(request, progress)
            progress.handed = True
            response = await slot.handle_async_request(outgoing)
            progress.status = response.status_code
            progress.answer = await self._read(response, progress)
            reusable = not progress.answer.truncated
            await response.aclose()
        except UnsendableError as error:
            progress.answer = Answer(fault=Fault.INVALID, detail=str(error))
        except Exception as error:  # whatever it is, the attempt is open and must be told its fate
            progress.answer = progress.answer or fault(error, progress, self._library)
            reusable = False
        finally:
            watch.end()
            if reusable:
                await self._slots.give_back(slot, fresh=fresh)
            else:
                await self._slots.drop(slot)

    def _outgoing(self, request: Request, progress: Progress) -> Any:
        url_text = request.url
        if self._auth_query:
            url_text += ("&" if "?" in url_text else "?") + self._auth_query
        if self._url[0] != url_text:
            self._url = (url_text, self._same_origin(url_text))
        return self._library.Request(
            request.method,
            self._url[1],
            headers=[*request.headers, *self._auth_headers],
            content=request.body,
            extensions={"trace": progress.trace, "timeout": self._timeouts},
        )

    def _same_origin(self, text: str) -> Any:
        # The second look, by the parser that decides where the bytes go.
        url = self._library.URL(text)
        if (url.scheme, url.host, url.port) != (self._home.scheme, self._home.host, self._home.port):
            raise UnsendableError("the request would leave for another server than the provider's")
        return url

    async def _read(self, response: Any, progress: Progress) -> Answer:
        """The body as raw bytes up to the cap, then decoded within it."""
        raw = bytearray()
        broken = ""
        try:
            async for chunk in response.stream:
                raw += chunk
                progress.received = len(raw)
                if len(raw) > self._cap_bytes:
                    break
        except self._library.RemoteProtocolError:
            # The length was mis-declared, or the sender ended early: what came is kept, marked as cut.
            broken = f"the answer broke off after {len(raw)} bytes"
        headers = _plain(response.headers.raw)
        coding = ",".join(value for name, value in headers if name == "content-encoding")
        over = len(raw) > self._cap_bytes
        content = decode(bytes(raw), coding, cap_bytes=self._cap_bytes, cut=over or bool(broken))
        detail = broken or (f"the body is longer than {self._cap_bytes} bytes" if over else content.detail)
        return Answer(
            status=response.status_code, headers=headers, body=content.body, truncated=content.truncated, detail=detail
        )

    def _connection(self) -> Any:
        limits = self._library.Limits(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry=self._http.keepalive_seconds
        )
        return self._library.AsyncHTTPTransport(
            verify=self._context(), trust_env=False, http1=True, http2=False, limits=limits, retries=0
        )

    def _context(self) -> ssl.SSLContext:
        # One for all connections: building it reads every root certificate. Without TLS an empty one will do.
        context = self._tls
        if context is None:
            secure = self._home.scheme == "https"
            create = self._library.create_ssl_context
            context = self._tls = create(trust_env=False) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return context


def _key(http: Http, secret: Callable[[], str] | None) -> str:
    """The key, or nothing where none is wanted."""
    if http.auth.kind == "none":
        return ""
    if secret is None:
        raise ConfigError(
            "the provider wants a key and none was given",
            why="its profile names one under [http] auth",
            fix='put this into the profile:\n[http]\nauth = { bearer = true, secret = { env = "ACME_API_KEY" } }',
        )
    return secret()


def _credentials(http: Http, key: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """The headers and the piece of query that carry the key."""
    auth = http.auth
    if auth.kind == "none":
        return (), ""
    match auth.kind:
        case "header":
            header = (auth.name, key)
        case "bearer":
            header = ("authorization", f"Bearer {key}")
        case "basic":
            pair = f"{auth.name}:{key}".encode()
            header = ("authorization", "Basic " + base64.b64encode(pair).decode("ascii"))
        case "query":
            return (), urlencode({auth.name: key})
        case _:
            assert_never(auth.kind)
    try:
        check_header(*header)
    except UnsendableError:
        raise ConfigError(
            "the key cannot be sent",
            why="it holds a line break, a space at its end or a character outside ASCII",
            fix=f"put the key alone, on one line, into {auth.secret.describe() if auth.secret else 'its place'}",
        ) from None
    return (header,), ""


def _constant(http: Http) -> tuple[tuple[str, str], ...]:
    """What each request says beside its own: ours, where the profile says nothing else."""
    said = {name.lower() for name, _ in http.headers}
    ours = (
        ("user-agent", f"bulk-runner/{_version()}"),
        ("accept", "application/json, */*"),
        ("accept-encoding", "gzip"),
    )
    return (*(pair for pair in ours if pair[0] not in said), *http.headers)


def _plain(raw: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    """Header names lower-case, in order of arrival; a flood is cut."""
    kept = []
    size = 0
    for name, value in raw[:_MAX_HEADERS]:
        size += len(name) + len(value)
        if size > _MAX_HEADER_BYTES:
            break
        kept.append((name.decode("latin-1").lower(), value.decode("latin-1")))
    return tuple(kept)


def _version() -> str:
    try:
        return metadata.version("bulk-runner")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
