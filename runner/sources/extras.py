"""Readers that are installed only by who needs them."""

from __future__ import annotations

import importlib
from typing import Any

from runner.errors import InputError


def reader(module: str, *, extra: str, name: str, what: str) -> Any:
    """The library behind a kind of file. InputError with the command that installs it: `name` is the file's."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"{name} is {what}, and what reads it is not installed",
            why=f"it is an extra of this package ({module.partition('.')[0]})",
            fix=f"pip install 'bulk-runner[{extra}]'",
        ) from error
