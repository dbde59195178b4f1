"""What `status --watch` shows, each time it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How it stands at one moment."""

    text: str
    value: Mapping[str, Any]  # what `--json` prints
    fingerprint: object  # differs if anything but the time has changed
    over: bool  # nothing will change any more unless somebody acts
