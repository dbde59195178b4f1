"""Where the tests' files are: in memory, where the machine has a place for that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes; the whole suite has used a tenth of that at once


def pytest_configure(config: pytest.Config) -> None:
    """Thousands of tests commit to real files: on a disk that is shared, most of their time is waiting for it.

    What a power cut leaves on a disk is proved with a file system of its own (tests/powercuts), never with these files.
    """
    if config.option.basetemp is None and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
