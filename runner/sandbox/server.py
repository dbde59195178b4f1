"""A world over real HTTP/1.1 on loopback: h11 over sockets, with all the bad manners a script can ask for."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from urllib.parse import urlsplit

import anyio
import h11
from anyio.abc import SocketAttribute, SocketStream

from runner.domain.model import MILLION, Answer
from runner.engine.ports import Clock
from runner.sandbox.admin import PREFIX, administer
from runner.sandbox.calls import Call
from runner.sandbox.replies import Manner
from runner.sandbox.world import Reply, World

_RECEIVE_BYTES = 65536
_MAX_REQUEST_BYTES = 32 * 1024 * 1024  # a file of 5 MB in which every byte is written as an escape of six
_DRIP_SECONDS = 0.05
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection"})
_Gone = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, h11.RemoteProtocolError)


@asynccontextmanager
async def serve(
    world: World,
    *,
    clock: Clock,
    port: int = 0,
    idle_seconds: float | None = None,
) -> AsyncIterator[str]:
    """Serve the world on 127.0.0.1 while inside; yields the base URL to put into `[providers.NAME] http`.

    `port` 0 takes a free one. `idle_seconds`: idle connections are closed at a random moment up to this; None: never.
    """
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    bound = listener.extra_attributes[SocketAttribute.local_port]()
    base_path = urlsplit(world.provider.http.base_url).path.rstrip("/")

    async def handle(stream: SocketStream) -> None:
        async with stream:
            await _Connection(world, stream, clock, idle_seconds).serve()

    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        try:
            yield f"http://127.0.0.1:{bound}{base_path}"
        finally:
            group.cancel_scope.cancel()
    await listener.aclose()


class _Connection:
    """One client connection, request after request."""

    def __init__(self, world: World, stream: SocketStream, clock: Clock, idle_seconds: float | None) -> None:
        self._world = world
        self._stream = stream
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._used = False
        self._http = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        """Until the client leaves, errs or has been idle for too long."""
        try:
            while (call := await self._next()) is not None:
                if call.target.startswith(PREFIX):
                    await self._stream.send(self._render(administer(self._world, call)))
                elif (well := self._world.health(call)) is not None:
                    await self._stream.send(self._render(self._dated(well)))
                elif not await self._answer(call):
                    return
                if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                    return
                self._http.start_next_cycle()
        except _Gone:
            return

    async def _next(self) -> Call | None:
        """The next whole request, or None when the connection is over."""
        patience = None  # a new connection may take its time with its first request
        if self._used and self._idle_seconds is not None:
            patience = self._idle_seconds * self._world.randomness.uniform()
        self._used = True
        with anyio.move_on_after(patience):
            head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            body = bytearray()
            while isinstance(event := await self._event(), h11.Data):
                body += event.data
                if len(body) > _MAX_REQUEST_BYTES:
                    return None
            return Call(
                method=head.method.decode("ascii"),
                target=head.target.decode("ascii"),
                headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
                body=bytes(body),
            )
        return None

    async def _event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            try:
                self._http.receive_data(await self._stream.receive(_RECEIVE_BYTES))
            except anyio.EndOfStream:
                self._http.receive_data(b"")
        return event

    async def _answer(self, call: Call) -> bool:
        """Do as the world says; True if the connection may go on."""
        reply = self._world.receive(call, self._clock.monotonic())
        answered = False
        try:
            if reply.delay_seconds > 0:
                await self._clock.sleep_until(self._clock.monotonic() + reply.delay_seconds)
            answered = await self._perform(reply)
        finally:
            self._world.finish(reply.entry, self._clock.monotonic(), answered=answered)
        return answered

    async def _perform(self, reply: Reply) -> bool:
        """Send the answer in the manner asked for; True if it left whole."""
        match reply.manner:
            case Manner.ANSWER:
                await self._stream.send(self._render(reply.answer))
                return True
            case Manner.DRIP:
                for byte in self._render(reply.answer):
                    await self._stream.send(bytes([byte]))
                    await self._clock.sleep_until(self._clock.monotonic() + _DRIP_SECONDS)
                return True
            case _:
                await self._misbehave(reply)
                return False

    async def _misbehave(self, reply: Reply) -> None:
        """Leave the client without a whole answer."""
        match reply.manner:
            case Manner.ENDLESS:
                await self._stream.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                while True:
                    await self._stream.send(b"1000\r\n" + bytes(4096) + b"\r\n")
            case Manner.CUT | Manner.RESET:
                await self._stream.send(self._render(reply.answer)[: reply.after_bytes])
                if reply.manner is Manner.RESET:
                    self._linger_none()
            case Manner.HALF_CLOSE:
                await self._stream.send_eof()
                await self._client_leaves()
            case Manner.HANG:
                await self._client_leaves()
            case _:  # DROP: closing is all there is to it
                return

    def _dated(self, answer: Answer) -> Answer:
        """With the date that servers send: whoever asks for their health may compare clocks."""
        date = formatdate(self._clock.now_us() / MILLION, usegmt=True)
        return replace(answer, headers=(*answer.headers, ("date", date)))

    def _render(self, answer: Answer) -> bytes:
        headers = [pair for pair in answer.headers if pair[0].lower() not in _OWN_HEADERS]
        if not any(name.lower() == "content-type" for name, _ in headers):
            html = answer.body.lstrip().startswith(b"<")
            headers.append(("content-type", "text/html" if html else "application/json"))
        headers.append(("content-length", str(len(answer.body))))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        events = (h11.Response(status_code=answer.status or 200, headers=raw), h11.Data(data=answer.body))
        return b"".join(self._http.send(event) or b"" for event in (*events, h11.EndOfMessage()))

    async def _client_leaves(self) -> None:
        try:
            while True:
                await self._stream.receive(_RECEIVE_BYTES)
        except anyio.EndOfStream:
            return

    def _linger_none(self) -> None:
        """Closing now resets the connection instead of ending it."""
        raw = self._stream.extra_attributes[SocketAttribute.raw_socket]()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
