"""What a word that a person typed leads to. One that is too long for a name, or leads where nobody may look, leads to
nothing; `Path` raises OSError then."""

from __future__ import annotations

import os
from pathlib import Path


def is_there(path: str | Path) -> bool:
    """Whether it leads to anything."""
    return os.path.exists(path)  # noqa: PTH110 - see above


def is_file(path: str | Path) -> bool:
    """Whether it leads to a file: not to a folder, a pipe or a device."""
    return os.path.isfile(path)  # noqa: PTH113 - see above


def is_folder(path: str | Path) -> bool:
    """Whether it leads to a folder."""
    return os.path.isdir(path)  # noqa: PTH112 - see above
