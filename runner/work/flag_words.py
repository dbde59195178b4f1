"""Options as one types them, for the commands that are proposed. Knows no settings: `--help` needs it too."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Units = int | float | Decimal
"""An amount in a provider's own unit."""


def spend_flags(caps: Mapping[str, Units] | Mapping[str | None, Units]) -> str:
    """`--max-spend acme=5 --max-spend beta=6`, as one types it. `caps`: by provider; under None or "" of all."""
    return " ".join(f"--max-spend {f'{who}=' if who else ''}{Decimal(str(cap)):f}" for who, cap in caps.items())


def flag_of(name: str, value: Any) -> str:
    """An option that is kept with a batch, as one types it; `none` takes it back. A cap on money in units."""
    if isinstance(value, Mapping):
        return spend_flags(value)
    return f"--{name.replace('_', '-')} {'none' if value is None else value}"


def value_of(name: str, value: Any) -> str:
    """The same without the flag: `acme=5 beta=6`."""
    return flag_of(name, value).replace(f"--{name.replace('_', '-')} ", "")
