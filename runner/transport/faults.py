"""From an exception to evidence: was the request proved unsent, refused by us, or is its fate unknown?

The doubtful case is the default. `not-sent` needs proof: the connection was never there, or was still being made.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from runner.domain.model import Answer, Fault


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far one request came; the transport's trace hook reports here."""

    handed: bool = False  # a connection was asked to send it
    connecting: bool = False  # that connection is still being made
    head_written: bool = False
    status: int | None = None
    received: int = 0  # bytes of the body
    answer: Answer | None = None
    socket: Any = None  # of the connection, where it was made for this request
    on_written: Callable[[], None] | None = None

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Follow the events of the connection; any but those of connecting means that bytes may have left."""
        self.connecting = event.startswith("connection.")
        if event == "http11.send_request_headers.complete":
            self.head_written = True
        elif event == "http11.send_request_body.complete" and self.on_written is not None:
            self.on_written()
        elif event == "connection.connect_tcp.complete":
            self.socket = info["return_value"].get_extra_info("socket")

    def unsent(self) -> bool:
        """Whether it is proved that no byte of the request left."""
        return not self.handed or self.connecting


def timed_out(progress: Progress, timeout_seconds: float) -> Answer:
    """The deadline passed."""
    if progress.unsent():
        return Answer(fault=Fault.NOT_SENT, detail=f"no connection within {timeout_seconds:g} s")
    where = f"the answer (HTTP {progress.status}) was not complete" if progress.status else "no answer came"
    return Answer(fault=Fault.NO_ANSWER, detail=f"{where} within {timeout_seconds:g} s")


def fault(error: Exception, progress: Progress, http_library: Any) -> Answer:
    """What an exception says about the request. `http_library` is httpx, or a module with its exceptions."""
    name = type(error).__name__
    if not progress.head_written and isinstance(error, http_library.LocalProtocolError):
        # Raised while the head is built, before any of it is written. Its text quotes the header: not shown.
        return Answer(fault=Fault.INVALID, detail=f"{name}: the request is not valid HTTP")
    if isinstance(error, http_library.UnsupportedProtocol | http_library.InvalidURL):
        return Answer(fault=Fault.INVALID, detail=f"{name}: the address is not one that can be sent to")
    if not progress.unsent():
        return Answer(fault=Fault.NO_ANSWER, detail=_broken(name, progress))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return Answer(fault=Fault.TLS, detail=f"{name}: the server's certificate was refused")
    if isinstance(error, http_library.TransportError | OSError):
        return Answer(fault=Fault.NOT_SENT, detail=f"{name}: {reason(error)}")
    # Nothing left, but this is no trouble of the network either: sending again would meet it again.
    return Answer(fault=Fault.INVALID, detail=f"{name}: the request could not be built")


def _broken(name: str, progress: Progress) -> str:
    if progress.status is None:
        return f"{name}: the connection broke before an answer came"
    return f"{name}: the answer (HTTP {progress.status}) broke off after {progress.received} bytes"


def reason(error: Exception) -> str:
    """The operating system's own words, which hold no values."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            # asyncio puts the address into the text; name services have numbers of their own, below 0.
            return os.strerror(cause.errno) if cause.errno and cause.errno > 0 else cause.strerror
    return "no connection could be made"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """It, and what led to it. The HTTP library suppresses causes (`from None`); contexts remain."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        current = queue.pop()
        if current is None or id(current) in seen:
            continue
        yield current
        seen.add(id(current))
        inner = current.exceptions if isinstance(current, BaseExceptionGroup) else ()
        queue += [*inner, current.__context__, current.__cause__]
