"""Those of `[notify]`, as tests of the real command line meet them: HTTP on loopback, a program, a library."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TOKEN = "hook-token-not-real-0001"
WRITES = (
    "import json, os, sys; print('noise of the command'); told = json.load(sys.stdin); "
    "json.dump([told, dict(os.environ)], open('told.json', 'w'))"
)
FAKE_APPRISE = """
import json
class Apprise:
    def add(self, urls):
        self.urls = urls
        return True
    def notify(self, title, body):
        print("noise of the library")
        json.dump([self.urls, title, body], open("told.json", "w"))
        return True
"""


@dataclass
class Receiver:
    """Takes what is told: `url`, with a token in it; the bodies of POSTs, and what was asked of it with GET."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def receiving(*, post: int = 204, get: int = 204) -> Iterator[Receiver]:
    """A receiver at work, which answers with these statuses."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(post)

        def do_GET(self) -> None:
            receiver.asked.append(self.path)
            self._answer(get)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_port}/{TOKEN}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def told_by(folder: Path, *lines: str) -> None:
    """Add a `[notify]` table to the folder's settings."""
    settings = folder / "runner.toml"
    before = settings.read_text() if settings.exists() else ""
    settings.write_text("\n".join([before, "[notify]", *lines, ""]))


def command(code: str) -> str:
    """A piece of Python as the command."""
    return f"command = {json.dumps([sys.executable, '-c', code])}"
