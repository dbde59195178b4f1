"""Python reads this at the start of every process of the tests: nothing of theirs ever leaves this machine.

A test that was set up wrongly would otherwise ask a real provider, and a key that is a fake is still sent.
"""

from __future__ import annotations

import sys

_HERE = ("localhost", "127.", "::1", "0.0.0.0", "::ffff:127.")
_NOBODY = (".invalid", ".test", ".example")  # names that are reserved: a resolver has no address for them


def _is_here(host: object) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else host
    return not isinstance(text, str) or not text or text.lower().startswith(_HERE)


def refuse_the_world(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook. OSError, as of a network that is not there: a look-up or a connection beyond this machine."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
        if not _is_here(host) and not str(host).lower().rstrip(".").endswith(_NOBODY):
            raise OSError(f"tests ask nobody beyond this machine, and this is {host!r}")
    elif event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and not _is_here(address[0]):
            raise OSError(f"tests go nowhere beyond this machine, and this is {address[0]!r}")


sys.addaudithook(refuse_the_world)
