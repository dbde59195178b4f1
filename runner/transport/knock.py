"""Is anybody there? A connection to the provider's host, made and closed: free, and without the key."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import anyio
import anyio.abc
from anyio.streams.tls import TLSStream

from runner.domain.model import Answer, Fault
from runner.transport.faults import reason

SECONDS = 10.0
"""The longest that a look may take, whatever a request may."""


async def connect(host: str, port: int, *, context: Callable[[], ssl.SSLContext] | None, seconds: float) -> str | None:
    """TCP, and TLS where `context` is given, closed at once. None: it answers; else why not.

    A certificate that is refused is an answer: the next request is refused in the same way before anything is sent, and
    the rule for it says what to do.
    """
    with anyio.move_on_after(seconds):
        try:
            stream: anyio.abc.ByteStream = await anyio.connect_tcp(host, port)
            try:
                if context is not None:
                    stream = await TLSStream.wrap(stream, hostname=host, ssl_context=context())
            finally:
                await anyio.aclose_forcefully(stream)
        except ssl.SSLCertVerificationError:
            return None
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError) as error:
            return reason(error)
        return None
    return f"no connection within {seconds:g} s"


def read(answer: Answer) -> str | None:
    """What an answer to the free call says: whatever can be read, and is no 5xx, comes from somebody who works."""
    if answer.fault is Fault.TLS:
        return None  # as above
    if answer.fault is not None:
        return answer.detail or str(answer.fault)
    status = answer.status or 0
    return f"HTTP {status}" if status >= 500 else None
