"""The tests themselves ask nobody outside."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.cli.place import clean_environment


def test_nothing_of_this_process_leaves_this_machine() -> None:
    """Neither a look-up nor a connection; what is on loopback is reached, or refuses."""
    with pytest.raises(OSError, match="beyond this machine"):
        socket.getaddrinfo("api.provider.example.com", 443)
    with pytest.raises(OSError, match="beyond this machine"), socket.socket() as one:
        one.connect(("192.0.2.1", 443))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_nothing_of_a_process_that_a_test_starts_does() -> None:
    """The same hook is in it before its first line."""
    code = "import socket; socket.create_connection(('192.0.2.1', 443), timeout=5)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "beyond this machine" in done.stderr
