"""Whether phones of digits alone look national although no region is known: then nothing is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from runner.inputs.cell import Accepted, Refused
from runner.inputs.prepare import Prepared


@dataclass(slots=True, kw_only=True)
class PhoneSummary:
    """What the phones of one column look like. Feed it every cell's result, then ask."""

    bare: int = 0  # cells of digits alone without a region, refused ones included
    judged: int = 0  # those of them that were looked at closely
    valid: int = 0  # those of the judged that are valid numbers
    countries: Counter[str] = field(default_factory=Counter)  # "GB" -> accepted cells, by calling code

    def add(self, result: Accepted | Prepared | Refused, key: str) -> None:
        """Count one cell; `key` is its E.164 number, or anything if it was refused."""
        raise NotImplementedError


def looks_national(summary: PhoneSummary) -> bool:
    """20 or more phones of digits alone, and fewer than 90 % of them valid international numbers."""
    raise NotImplementedError


def check_national(summary: PhoneSummary, *, column: str) -> None:
    """Raises InputError ("these look like national numbers", `--region US`) if they look national."""
    raise NotImplementedError
