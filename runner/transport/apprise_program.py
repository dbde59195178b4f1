"""A program of its own, `python -m runner.transport.apprise_program`: tells those whom Apprise can tell.

Apprise brings its own HTTP client and threads, which cannot be ended in time. A process can, and what it prints, its
proxies and its log stay there. It reads one JSON object from stdin: `urls` (Apprise's, with their tokens), `title`,
`body`. Exit code 0: everybody was told; 1: somebody was not; 2: an address that Apprise does not know.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

NOT_TOLD, UNKNOWN = 1, 2


def main() -> int:
    """Tell them."""
    wish: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    apprise = importlib.import_module("apprise")  # the extra `notify`
    people = apprise.Apprise()
    if not people.add(wish["urls"]):
        return UNKNOWN
    return 0 if people.notify(title=wish["title"], body=wish["body"]) else NOT_TOLD


if __name__ == "__main__":
    sys.exit(main())
