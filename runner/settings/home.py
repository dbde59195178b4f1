"""`~` in a path that a person typed."""

from __future__ import annotations

import os
from pathlib import Path


def at_home(path: str | Path) -> str:
    """The path with `~`, or `~user`, replaced by that folder; of a user nobody knows it stays as it is, as a shell
    leaves it: `Path.expanduser` would raise."""
    return os.path.expanduser(path)  # noqa: PTH111 - see above
