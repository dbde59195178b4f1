"""Where the tests' files are: in memory, where the machine has a place for that; and that they ask nobody outside."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

OFFLINE = Path(__file__).parent / "offline"
MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes; the whole suite has used a tenth of that at once


def pytest_configure(config: pytest.Config) -> None:
    """Thousands of tests commit to real files: on a disk that is shared, most of their time is waiting for it.

    What a power cut leaves on a disk is proved with a file system of its own (tests/powercuts), never with these files.
    """
    _stay_here()
    settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
    settings.load_profile("untimed")
    if config.option.basetemp is None and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _stay_here() -> None:
    """No process of the tests looks a name up or connects beyond this machine: see tests/offline."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(OFFLINE) not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OFFLINE), *paths]))
        importlib.import_module("tests.offline.sitecustomize")
